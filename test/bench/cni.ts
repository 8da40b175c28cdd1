import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNetns, type Netns } from '../support/netns.ts';
import { type SpawnTimer, startSpawnTimer, type TimedRun } from './spawn-timer.ts';

/**
 * Times ADD and DEL of our CNI plugin beside Debian's `ptp` with `host-local`, interleaved on the same node: each pod
 * has a namespace made before the clock starts, the order of the two changes from pod to pod, and both are started by
 * the same small program. All pods of both are there when the first DEL comes.
 */

/** The node to measure on, as `lab status --json` describes it. */
export interface BenchNode {
  readonly netns: string;
  readonly cniBin: string;
  readonly cniConf: string;
}

interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** Milliseconds, starting the process included. */
export interface CniBenchResult {
  readonly pods: number;
  /** What starting a program costs in this rig, as part of every figure. */
  readonly spawn: Percentiles;
  readonly caracal: { readonly add: Percentiles; readonly del: Percentiles };
  readonly ptp: { readonly add: Percentiles; readonly del: Percentiles };
  /** Of the p50s, caracal's to ptp's. */
  readonly ratio: { readonly add: number; readonly del: number };
}

interface Plugin {
  readonly program: string;
  readonly cniPath: string;
  readonly configuration: string;
  /** CNI_ARGS of the pod of the number. */
  readonly args: (pod: number) => string;
  readonly add: number[];
  readonly del: number[];
}

const ptpFolder = '/usr/lib/cni';
/** The benchmarking range of RFC 2544: no lab has it. */
const ptpSubnet = '198.18.0.0/22';
const warmUps = 3;

export async function benchCni(
  node: BenchNode,
  options: { readonly pods?: number; readonly onProgress?: (line: string) => void } = {},
): Promise<CniBenchResult> {
  const count = options.pods ?? 100;
  const progress = options.onProgress ?? (() => {});
  const dataDirectory = mkdtempSync(join(tmpdir(), 'caracal-ptp-'));
  const plugins = { caracal: caracal(node), ptp: ptp(dataDirectory) };
  const timer = startSpawnTimer(node.netns);
  const namespaces: Netns[] = [];
  const added: (() => Promise<TimedRun>)[] = [];
  try {
    progress(`making ${2 * (count + warmUps)} network namespaces`);
    for (let i = 0; i < 2 * (count + warmUps); i++) namespaces.push(await createNetns('bench'));
    const spawn: number[] = [];
    for (let i = 0; i < count; i++) spawn.push((await timer.run('/bin/true', {}, '')).milliseconds);

    for (const command of ['ADD', 'DEL'] as const) {
      progress(`${command} of ${count} pods of each`);
      for (let pod = 0; pod < count + warmUps; pod++) {
        const turn = [plugins.caracal, plugins.ptp];
        if (pod % 2) turn.reverse();
        for (const plugin of turn) {
          const netns = namespaces[2 * pod + (plugin === plugins.caracal ? 0 : 1)];
          // Whatever fails later, what was begun is taken back.
          if (command === 'ADD') added.push(() => call(timer, plugin, 'DEL', pod, netns));
          const { milliseconds, exitCode, stdout } = await call(timer, plugin, command, pod, netns);
          if (exitCode !== 0) throw new Error(`${command} by ${plugin.program} failed: ${stdout}`);
          if (pod >= warmUps) (command === 'ADD' ? plugin.add : plugin.del).push(milliseconds);
        }
      }
    }
    const figures = ({ add, del }: Plugin) => ({ add: percentiles(add), del: percentiles(del) });
    const ours = figures(plugins.caracal);
    const theirs = figures(plugins.ptp);
    const ratio = { add: ours.add.p50 / theirs.add.p50, del: ours.del.p50 / theirs.del.p50 };
    added.length = 0;
    return { pods: count, spawn: percentiles(spawn), caracal: ours, ptp: theirs, ratio };
  } finally {
    for (const takeBack of added) await takeBack().catch(() => {});
    await timer.close();
    for (const netns of namespaces) await netns.remove();
    rmSync(dataDirectory, { recursive: true });
  }
}

/** A table of at most 80 columns. */
export function formatCniBench({ pods, spawn, caracal: ours, ptp: theirs, ratio }: CniBenchResult): string {
  const row = (name: string, ...cells: (number | string)[]) =>
    name.padEnd(24) +
    cells.map((cell) => (typeof cell === 'number' ? `${cell.toFixed(2)} ms` : cell).padStart(12)).join('');
  return [
    row(`${pods} pods of each`, 'ADD p50', 'ADD p99', 'DEL p50', 'DEL p99'),
    row('caracal', ours.add.p50, ours.add.p99, ours.del.p50, ours.del.p99),
    row('ptp + host-local', theirs.add.p50, theirs.add.p99, theirs.del.p50, theirs.del.p99),
    row('ratio of the p50s', ratio.add.toFixed(2), '', ratio.del.toFixed(2), ''),
    row('(starting /bin/true)', spawn.p50, spawn.p99, '', ''),
  ].join('\n');
}

function caracal(node: BenchNode): Plugin {
  return {
    program: join(node.cniBin, 'caracal'),
    cniPath: node.cniBin,
    configuration: node.cniConf,
    args: (pod) => `IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=pod-${pod};K8S_POD_UID=bench-${pod}`,
    add: [],
    del: [],
  };
}

function ptp(dataDirectory: string): Plugin {
  const ipam = { type: 'host-local', subnet: ptpSubnet, routes: [{ dst: '0.0.0.0/0' }], dataDir: dataDirectory };
  return {
    program: join(ptpFolder, 'ptp'),
    cniPath: ptpFolder,
    configuration: JSON.stringify({ cniVersion: '1.0.0', name: 'bench-ptp', type: 'ptp', ipam }),
    args: () => 'IgnoreUnknown=1',
    add: [],
    del: [],
  };
}

function call(timer: SpawnTimer, plugin: Plugin, command: 'ADD' | 'DEL', pod: number, netns: Netns): Promise<TimedRun> {
  const environment = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    CNI_COMMAND: command,
    CNI_CONTAINERID: `bench${String(pod).padStart(59, '0')}`,
    CNI_NETNS: netns.path,
    CNI_IFNAME: 'eth0',
    CNI_PATH: plugin.cniPath,
    CNI_ARGS: plugin.args(pod),
  };
  return timer.run(plugin.program, environment, plugin.configuration);
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p99: at(0.99) };
}
