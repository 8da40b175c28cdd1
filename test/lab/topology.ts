// What a lab consists of: every name, address and path, derived from the lab's name and its number of nodes. Nothing is read or written.
//
//        client ── 198.18.x.0/24 ── tor ══ bridge, 172.16+x.y.0/24 ══╦══ hub (.2)
//                                 (.1, BIRD)                         ╠══ n1 (.11)
//                                                                    ╚══ n2 (.12) …
import { createHash } from 'node:crypto';
import { join } from 'node:path';

export type TorKind = 'bird' | 'none';

export interface LabShape {
  readonly name: string;
  /** 1 to 200. */
  readonly nodes: number;
  readonly tor: TorKind;
}

/** A host's interface on one of the lab's networks, addresses without prefix length. */
export interface Host {
  /** Absolute path of its network namespace. */
  readonly netns: string;
  readonly address: string;
  readonly address6: string;
}

export interface NodeTopology extends Host {
  /** `n1`, `n2`, …: also the name of its port on the top-of-rack bridge. */
  readonly name: string;
  readonly asNumber: number;
  /** Holds everything of this node. */
  readonly folder: string;
  /** Holds the sockets. */
  readonly runDirectory: string;
  readonly stateDirectory: string;
  readonly agentConfig: string;
  /** The CNI socket. */
  readonly socket: string;
  readonly spool: string;
  readonly bgpSocket: string;
  /** The agent's health and metrics, HTTP. */
  readonly metricsSocket: string;
  readonly bgpState: string;
  /** The folder that holds the CNI executables. */
  readonly cniBin: string;
}

export interface Topology extends LabShape {
  /** The state folder. */
  readonly folder: string;
  readonly pki: string;
  readonly logs: string;
  readonly database: { readonly data: string; readonly socketDirectory: string };
  readonly hub: Host & {
    readonly port: number;
    readonly socket: string;
    /** Its health and metrics, HTTP. */
    readonly opsSocket: string;
    readonly config: string;
  };
  readonly nodeList: readonly NodeTopology[];
  readonly router: Host & {
    readonly asNumber: number;
    readonly config: string;
    readonly birdcSocket: string;
    /** The router's side of the link to the client. */
    readonly clientSide: string;
    readonly clientSide6: string;
  };
  readonly client: Host;
  /** CIDRs of the node network and the client's network, IPv4 (/24) and IPv6 (/64). */
  readonly underlay: { readonly ipv4: string; readonly ipv6: string };
  readonly clientNetwork: { readonly ipv4: string; readonly ipv6: string };
}

/** Outside any checkout, and on a disk: the nodes' journals are fsynced as on a real node. */
const root = '/var/lib/caracal-lab';
const torAsNumber = 65000;
const firstNodeAsNumber = 64513;
/** What nodes use in a mesh, where they share one AS. */
const meshAsNumber = 64512;
const maxNodes = 200;

/** Why this cannot be a lab's name or size, or undefined. Names end in sockets' paths, which are 107 bytes at most. */
export function shapeProblem(shape: LabShape): string | undefined {
  if (!/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/.test(shape.name)) {
    return `lab name ${JSON.stringify(shape.name)}: not 1 to 32 lower-case letters, digits and inner hyphens`;
  }
  if (!Number.isInteger(shape.nodes) || shape.nodes < 1 || shape.nodes > maxNodes) {
    return `lab ${shape.name}: ${shape.nodes} nodes, not between 1 and ${maxNodes}`;
  }
  return undefined;
}

/** The state folder of the lab with this name. */
export const labFolder = (name: string): string => join(root, name);

/** The absolute path of a network namespace. */
const netnsPath = (name: string): string => `/run/netns/${name}`;

/** A pod's namespace. The underscore, which is in no pod's, namespace's or lab's name, keeps all of them apart. */
export const podNetns = (lab: string, namespace: string, name: string): string =>
  netnsPath(`${lab}-p-${namespace}_${name}`);

export function createTopology(shape: LabShape): Topology {
  const folder = labFolder(shape.name);
  const hash = createHash('sha256').update(shape.name).digest();
  // 172.16.0.0/12 is private, 198.18.0.0/15 is for tests (RFC 2544), fd00::/8 takes 40 random bits (RFC 4193).
  const underlay = `172.${16 + (hash[0] % 16)}.${hash[1]}`;
  const clients = `198.${18 + (hash[2] % 2)}.${hash[3]}`;
  const hex = hash.toString('hex', 4, 9);
  const site = `fd${hex.slice(0, 2)}:${hex.slice(2, 6)}:${hex.slice(6, 10)}`.replaceAll(/:0+(?=.)/g, ':');
  const host = (role: string, n: number): Host => ({
    netns: netnsPath(`${shape.name}-${role}`),
    address: `${underlay}.${n}`,
    address6: `${site}::${n.toString(16)}`,
  });
  return {
    ...shape,
    folder,
    pki: join(folder, 'pki'),
    logs: join(folder, 'logs'),
    database: { data: join(folder, 'database', 'data'), socketDirectory: join(folder, 'database', 'socket') },
    hub: {
      ...host('hub', 2),
      port: 7443,
      socket: join(folder, 'hub', 'hub.sock'),
      opsSocket: join(folder, 'hub', 'ops.sock'),
      config: join(folder, 'hub', 'hub.json'),
    },
    nodeList: Array.from({ length: shape.nodes }, (_, index) => {
      const name = `n${index + 1}`;
      const node = join(folder, 'nodes', name);
      return {
        ...host(name, 11 + index),
        name,
        asNumber: shape.tor === 'none' ? meshAsNumber : firstNodeAsNumber + index,
        folder: node,
        runDirectory: join(node, 'run'),
        stateDirectory: join(node, 'state'),
        agentConfig: join(node, 'agent.json'),
        socket: join(node, 'run', 'cni.sock'),
        spool: join(node, 'run', 'spool'),
        bgpSocket: join(node, 'run', 'bgp.sock'),
        metricsSocket: join(node, 'run', 'metrics.sock'),
        bgpState: join(node, 'state', 'bgp.json'),
        cniBin: join(node, 'cni-bin'),
      };
    }),
    router: {
      ...host('tor', 1),
      asNumber: torAsNumber,
      config: join(folder, 'tor', 'bird.conf'),
      birdcSocket: join(folder, 'tor', 'bird.ctl'),
      clientSide: `${clients}.1`,
      clientSide6: `${site}:1::1`,
    },
    client: { netns: netnsPath(`${shape.name}-client`), address: `${clients}.2`, address6: `${site}:1::2` },
    underlay: { ipv4: `${underlay}.0/24`, ipv6: `${site}::/64` },
    clientNetwork: { ipv4: `${clients}.0/24`, ipv6: `${site}:1::/64` },
  };
}

/** Every namespace that `up` makes (pods' come and go by themselves). */
export function infrastructureNetns(topology: Topology): string[] {
  return [topology.router, topology.client, topology.hub, ...topology.nodeList].map((host) => host.netns);
}
