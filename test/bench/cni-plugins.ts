import { join } from 'node:path';
import type { SpawnTimer, TimedRun } from './spawn-timer.ts';

/** A plugin that is measured, with what a runtime would give to it. */
export interface Plugin {
  readonly program: string;
  readonly cniPath: string;
  readonly configuration: string;
  /** CNI_ARGS of the pod of the number. */
  readonly args: (pod: number) => string;
}

export type Command = 'ADD' | 'DEL';

const ptpFolder = '/usr/lib/cni';
/** The benchmarking range of RFC 2544: no lab has it. */
const ptpSubnet = '198.18.0.0/22';

/** Ours, on the node whose agent the executables of the folder lead to. */
export function caracal(cniBin: string, configuration: string): Plugin {
  return {
    program: join(cniBin, 'caracal'),
    cniPath: cniBin,
    configuration,
    args: (pod) => `IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=pod-${pod};K8S_POD_UID=bench-${pod}`,
  };
}

/** Debian's `ptp` with `host-local`, which keeps its addresses in the folder. */
export function ptp(dataDirectory: string): Plugin {
  const ipam = { type: 'host-local', subnet: ptpSubnet, routes: [{ dst: '0.0.0.0/0' }], dataDir: dataDirectory };
  return {
    program: join(ptpFolder, 'ptp'),
    cniPath: ptpFolder,
    configuration: JSON.stringify({ cniVersion: '1.0.0', name: 'bench-ptp', type: 'ptp', ipam }),
    args: () => 'IgnoreUnknown=1',
  };
}

/** Calls it as a runtime does, and rejects when it fails. */
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
  const ran = await timer.run(plugin.program, environment, plugin.configuration);
  if (ran.exitCode !== 0) throw new Error(`${command} by ${plugin.program} failed: ${ran.stdout}`);
  return ran;
}
