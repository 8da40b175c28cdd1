// The lab as one JSON object.
import { openDatabase } from './database.ts';
import { cniConfiguration, nodeProcessRuns } from './nodes.ts';
import { credentials } from './pki.ts';
import { isRunning } from './processes.ts';
import { listPods } from './state.ts';
import type { Topology } from './topology.ts';

export type Running = 'running' | 'stopped';

export interface LabStatus {
  readonly name: string;
  readonly folder: string;
  /** URL of Postgres, over a unix socket: good for root, from any namespace. */
  readonly database: string;
  /** Where caracalctl reaches the hub, from any namespace. */
  readonly hub: string;
  /** Where agents reach it, from the lab's namespaces. */
  readonly hubAddress: string;
  readonly processes: { readonly database: Running; readonly hub: Running; readonly tor: Running };
  readonly nodes: readonly {
    readonly name: string;
    readonly netns: string;
    readonly address: string;
    readonly asNumber: number;
    readonly socket: string;
    readonly cniBin: string;
    /** Text, exactly what goes to the executable's standard input. */
    readonly cniConf: string;
    readonly bgpSocket: string;
    readonly metricsSocket: string;
    readonly stateDirectory: string;
    readonly cert: string;
    readonly key: string;
    readonly agent: Running;
    readonly bgp: Running;
  }[];
  readonly pods: readonly {
    readonly name: string;
    readonly namespace: string;
    readonly node: string;
    readonly netns: string;
    readonly ips: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
    readonly containerId: string;
    readonly uid: string;
  }[];
  /** asNumber and birdcSocket are null without BIRD. */
  readonly tor: {
    readonly netns: string;
    readonly address: string;
    readonly asNumber: number | null;
    readonly birdcSocket: string | null;
  };
  readonly client: { readonly netns: string; readonly address: string };
  readonly logs: string;
}

export async function labStatus(topology: Topology): Promise<LabStatus> {
  const { name, router, client, hub } = topology;
  const state = (runs: boolean): Running => (runs ? 'running' : 'stopped');
  const database = await openDatabase(topology);
  const pods = await listPods(name);
  return {
    name,
    folder: topology.folder,
    database: database.url,
    hub: `unix:${hub.socket}`,
    hubAddress: `https://${hub.address}:${hub.port}`,
    processes: {
      database: state(database.pid() !== undefined),
      hub: state(await isRunning(name, 'hub')),
      tor: state(await isRunning(name, 'bird')),
    },
    nodes: await Promise.all(
      topology.nodeList.map(async (node) => ({
        name: node.name,
        netns: node.netns,
        address: node.address,
        asNumber: node.asNumber,
        socket: node.socket,
        cniBin: node.cniBin,
        cniConf: cniConfiguration(),
        bgpSocket: node.bgpSocket,
        metricsSocket: node.metricsSocket,
        stateDirectory: node.stateDirectory,
        cert: credentials(topology, node.name).cert,
        key: credentials(topology, node.name).key,
        agent: state(await nodeProcessRuns(topology, node, 'agent')),
        bgp: state(await nodeProcessRuns(topology, node, 'bgp')),
      })),
    ),
    pods: pods.map(({ labels, ips, containerId, uid, netns, ...pod }) => ({
      name: pod.name,
      namespace: pod.namespace,
      node: pod.node,
      netns,
      ips,
      labels,
      containerId,
      uid,
    })),
    tor: {
      netns: router.netns,
      address: router.address,
      asNumber: topology.tor === 'bird' ? router.asNumber : null,
      birdcSocket: topology.tor === 'bird' ? router.birdcSocket : null,
    },
    client: { netns: client.netns, address: client.address },
    logs: topology.logs,
  };
}
