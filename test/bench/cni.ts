import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { type AtOnce, runAtOnce } from './cni-at-once.ts';
import { runDelsInARow } from './cni-in-a-row.ts';
import { caracal, ptp } from './cni-plugins.ts';
import { benchPolicies, type PoliciesBench } from './cni-policies.ts';
import { runSideBySide, type SideBySide } from './cni-side-by-side.ts';
import { formatTrace, readTrace, type Trace } from './cni-trace.ts';
import { type Percentiles, percentiles, row } from './figures.ts';

/** Times ADD and DEL of our CNI plugin beside Debian's `ptp` with `host-local`, on the same node; then both with host ports and bandwidth. */

/** The node to measure on, as `lab status --json` describes it. */
export interface BenchNode {
  readonly netns: string;
  readonly cniBin: string;
  readonly cniConf: string;
}

export interface CniBenchOptions {
  readonly pods: number;
  readonly atOnce: number;
  readonly policies: number;
  /** Where the agent of the node writes its trace, when it does. */
  readonly trace?: string;
  onProgress(line: string): void;
}

/** Milliseconds, starting the processes included. */
interface Comparison {
  readonly caracal: { readonly add: Percentiles; readonly del: Percentiles };
  readonly ptp: { readonly add: Percentiles; readonly del: Percentiles };
  /** Of the p50s, caracal's to ptp's. */
  readonly ratio: { readonly add: number; readonly del: number };
}

export interface CniBenchResult extends Comparison {
  readonly pods: number;
  /** What starting a program costs in this rig, as part of every figure. */
  readonly spawn: Percentiles;
  /** With a host port and bandwidth for each pod; Debian's by `portmap` and `bandwidth`. */
  readonly features: Comparison;
  readonly trace?: { readonly add: Trace; readonly del: Trace };
  /** From the first start to the last end. */
  readonly atOnce: { readonly pods: number; readonly caracal: AtOnce; readonly ptp: AtOnce };
  /** DELs of so many pods, one after the other without another plugin's between; milliseconds. */
  readonly inARow: { readonly pods: number; readonly caracal: number; readonly ptp: number };
  readonly policies: PoliciesBench;
}

const roundsAtOnce = 5;
const roundsInARow = 2;

export async function benchCni(node: BenchNode, options: CniBenchOptions): Promise<CniBenchResult> {
  const { pods, onProgress } = options;
  const dataDirectory = makeTemporaryFolder('ptp');
  try {
    const plugins = [caracal(node.cniBin, node.cniConf), ptp(dataDirectory)];
    const contenders = plugins.map((plugin) => ({ plugin, netns: node.netns }));
    const { runs, spawn } = await runSideBySide(contenders, pods, onProgress);
    const trace = options.trace && {
      add: await readTrace(options.trace, 'ADD', runs[0].ADD),
      del: await readTrace(options.trace, 'DEL', runs[0].DEL),
    };
    onProgress('with a host port and bandwidth for each pod');
    const featured = [caracal(node.cniBin, node.cniConf, true), ptp(dataDirectory, true)];
    const features = await runSideBySide(
      featured.map((plugin) => ({ plugin, netns: node.netns })),
      pods,
      onProgress,
    );
    onProgress(`${options.atOnce} DELs in a row, ${roundsInARow} times`);
    const inARow = await runDelsInARow(plugins, node.netns, { pods: options.atOnce, rounds: roundsInARow });
    onProgress(`${options.atOnce} at once, ${roundsAtOnce} times`);
    const atOnce = await runAtOnce(plugins, node.netns, { pods: options.atOnce, rounds: roundsAtOnce });
    return {
      pods,
      spawn,
      ...compare(runs),
      features: compare(features.runs),
      ...(trace && { trace }),
      atOnce: { pods: options.atOnce, caracal: atOnce[0], ptp: atOnce[1] },
      inARow: { pods: options.atOnce, caracal: inARow[0], ptp: inARow[1] },
      policies: await benchPolicies(options.policies, pods, onProgress),
    };
  } finally {
    removeTemporaryFolder(dataDirectory);
  }
}

function compare(runs: SideBySide['runs']): Comparison {
  const [ours, theirs] = runs.map(({ ADD, DEL }) => ({
    add: percentiles(ADD.map(({ milliseconds }) => milliseconds)),
    del: percentiles(DEL.map(({ milliseconds }) => milliseconds)),
  }));
  return {
    caracal: ours,
    ptp: theirs,
    ratio: { add: ours.add.p50 / theirs.add.p50, del: ours.del.p50 / theirs.del.p50 },
  };
}

function compared({ caracal: ours, ptp: theirs, ratio }: Comparison, peer: string): string[] {
  return [
    row('caracal', ours.add.p50, ours.add.p99, ours.del.p50, ours.del.p99),
    row(peer, theirs.add.p50, theirs.add.p99, theirs.del.p50, theirs.del.p99),
    row('ratio of the p50s', ratio.add.toFixed(2), '', ratio.del.toFixed(2)),
  ];
}

/** Tables of at most 80 columns. */
export function formatCniBench(result: CniBenchResult): string {
  const { atOnce, inARow, features, policies, trace } = result;
  const lines = [
    row(`${result.pods} pods of each`, 'ADD p50', 'ADD p99', 'DEL p50', 'DEL p99'),
    ...compared(result, 'ptp + host-local'),
    row('(starting /bin/true)', result.spawn.p50, result.spawn.p99),
    '',
    row('host port, bandwidth', 'ADD p50', 'ADD p99', 'DEL p50', 'DEL p99'),
    ...compared(features, '… + portmap + bandwidth'),
    '',
    row(`${atOnce.pods} at once`, 'last ADD', 'last DEL'),
    row('caracal', atOnce.caracal.ADD, atOnce.caracal.DEL),
    row('ptp + host-local', atOnce.ptp.ADD, atOnce.ptp.DEL),
    '',
    row(`${inARow.pods} DELs in a row`, 'DEL p50'),
    row('caracal', inARow.caracal),
    row('ptp + host-local', inARow.ptp),
    '',
    row('policies in the kernel', 'ADD p50'),
    row('none but the pods’ own', policies.none),
    row(`${policies.policies} more`, policies.many, policies.ratio.toFixed(2)),
  ];
  if (trace) lines.push('', formatTrace('ADD', trace.add), '', formatTrace('DEL', trace.del));
  return lines.join('\n');
}
