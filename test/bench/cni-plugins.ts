import { join } from 'node:path';
import type { SpawnTimer, TimedRun } from './spawn-timer.ts';

/** What is measured: one plugin, or several of which each gets the result of the one before. */
export interface Plugin {
  readonly chain: readonly Link[];
  readonly cniPath: string;
  /** CNI_ARGS of the pod of the number. */
  readonly args: (pod: number) => string;
  /** Of ADD, by pod: DEL gets it. */
  readonly results: Map<number, object>;
}

interface Link {
  readonly program: string;
  readonly configuration: (pod: number) => object;
}

export type Command = 'ADD' | 'DEL';

const debianFolder = '/usr/lib/cni';
/** The benchmarking range of RFC 2544: no lab has it. */
const ptpSubnet = '198.18.0.0/22';

/** A port of the node for each pod, and a rate that no test reaches. */
const portMappings = (pod: number) => [{ hostPort: 20_000 + pod, containerPort: 80, protocol: 'tcp' }];
const rate = 1_000_000_000;
const bandwidth = { ingressRate: rate, ingressBurst: rate, egressRate: rate, egressBurst: rate };

/** Ours, on the node whose agent the executables of the folder lead to; with a host port and bandwidth for each pod, or without. */
export function caracal(cniBin: string, configuration: string, features = false): Plugin {
  const read: object = JSON.parse(configuration);
  return {
    chain: [
      {
        program: join(cniBin, 'caracal'),
        configuration: (pod) =>
          features ? { ...read, runtimeConfig: { portMappings: portMappings(pod), bandwidth } } : read,
      },
    ],
    cniPath: cniBin,
    args: (pod) => `IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=pod-${pod};K8S_POD_UID=bench-${pod}`,
    results: new Map(),
  };
}

/** Debian's `ptp` with `host-local`, which keeps its addresses in the folder; with features behind `portmap` and `bandwidth`. */
export function ptp(dataDirectory: string, features = false): Plugin {
  const ipam = { type: 'host-local', subnet: ptpSubnet, routes: [{ dst: '0.0.0.0/0' }], dataDir: dataDirectory };
  const link = (type: string, more: (pod: number) => object): Link => ({
    program: join(debianFolder, type),
    configuration: (pod) => ({ cniVersion: '1.0.0', name: 'bench-ptp', type, ...more(pod) }),
  });
  const behind = [
    link('portmap', (pod) => ({ runtimeConfig: { portMappings: portMappings(pod) } })),
    link('bandwidth', () => ({ runtimeConfig: { bandwidth } })),
  ];
  return {
    chain: [link('ptp', () => ({ ipam })), ...(features ? behind : [])],
    cniPath: debianFolder,
    args: () => 'IgnoreUnknown=1',
    results: new Map(),
  };
}

/** Calls each plugin of the chain as a runtime does, for DEL in reverse, and rejects when one fails. The times of all are one. */
export async function call(
  timer: SpawnTimer,
  plugin: Plugin,
  command: Command,
  pod: number,
  netns: { readonly path: string },
): Promise<TimedRun> {
  const environment = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    CNI_COMMAND: command,
    CNI_CONTAINERID: `bench${String(pod).padStart(59, '0')}`,
    CNI_NETNS: netns.path,
    CNI_IFNAME: 'eth0',
    CNI_PATH: plugin.cniPath,
    CNI_ARGS: plugin.args(pod),
  };
  let prevResult = command === 'DEL' ? plugin.results.get(pod) : undefined;
  let total: TimedRun | undefined;
  for (const { program, configuration } of command === 'DEL' ? plugin.chain.toReversed() : plugin.chain) {
    const input = JSON.stringify({ ...configuration(pod), ...(prevResult && { prevResult }) });
    const ran = await timer.run(program, environment, input);
    if (ran.exitCode !== 0) throw new Error(`${command} by ${program} failed: ${ran.stdout}`);
    if (command === 'ADD') prevResult = JSON.parse(ran.stdout);
    total = {
      ...ran,
      startedAt: total?.startedAt ?? ran.startedAt,
      milliseconds: (total?.milliseconds ?? 0) + ran.milliseconds,
    };
  }
  if (!total) throw new Error('a chain of no plugin');
  if (command === 'ADD' && prevResult) plugin.results.set(pod, prevResult);
  return total;
}
