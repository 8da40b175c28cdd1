/** What is looked at from time to time: usage of pools, sessions of peers, and from all of it the one status object. */

import type { Datastore, Durability } from '@caracal/datastore';
import type { KubeObject } from '@caracal/kube';
import { parsePrefix } from '@caracal/net';
import { type GoneNode, goneNodesText } from './nodes.ts';
import type { Condition } from './status/conditions.ts';

interface PeerReport {
  readonly name?: string;
  readonly state?: string;
}

/**
 * Sessions of each BGPPeer over all nodes, by its name. A session has the name of its BGPPeer; with a peerSelector there is one for each node that is
 * selected, and its name follows: `NAME-NODE`; with a peerPrefix one for each router that has connected: `NAME/ADDRESS`.
 */
export function peerSessions(
  statuses: readonly { readonly status: unknown }[],
  withSelector: readonly string[],
  nodes: { has(name: string): boolean },
): Map<string, { nodes: number; established: number; total: number }> {
  const ownerOf = (session: string) =>
    withSelector.find((peer) => session.startsWith(`${peer}-`) && nodes.has(session.slice(peer.length + 1))) ??
    session.split('/', 1)[0];
  const sessions = new Map<string, { nodes: number; established: number; total: number }>();
  for (const { status } of statuses) {
    const peers = (status as { bgpPeers?: PeerReport[] } | null)?.bgpPeers ?? []; // a NodeStatus of the protocol, as JSON
    const here = new Set<string>();
    for (const { name: session, state } of peers) {
      if (!session) continue;
      const name = ownerOf(session);
      const found = sessions.get(name) ?? { nodes: 0, established: 0, total: 0 };
      sessions.set(name, found);
      found.total++;
      if (state === 'Established') found.established++;
      if (!here.has(name)) found.nodes++;
      here.add(name);
    }
  }
  return sessions;
}

/** What the status of a pool repeats of its spec, with what the spec leaves open. */
export function specFacts(pool: KubeObject): Record<string, unknown> {
  const spec = pool.spec as { cidr?: string; blockSize?: number }; // by the CRD's schema
  const prefix = parsePrefix(spec.cidr ?? '');
  if (!prefix) return {};
  const v6 = prefix.address.family === 6;
  return {
    blockSize: spec.blockSize ?? (v6 ? 122 : 26),
    encapsulation: 'None',
    capacity: Math.min(2 ** ((v6 ? 128 : 32) - prefix.length), Number.MAX_SAFE_INTEGER),
  };
}

/** How much of a pool is in use. */
export function poolFacts(usage: { readonly blocks: number; readonly addresses: number } | undefined) {
  return { blocks: usage?.blocks ?? 0, used: usage?.addresses ?? 0 };
}

export interface Health {
  readonly synced: boolean;
  readonly waiting: number;
  readonly databaseAway: string | undefined;
  readonly invalid: readonly string[];
  readonly massDeleteHeld: readonly { readonly kind: string; readonly count: number }[];
  readonly nodes: number;
  readonly reportingNodes: number;
  readonly goneNodes: readonly GoneNode[];
  /** Undefined while Postgres cannot be asked. */
  readonly durability: Durability | undefined;
}

/** The conditions of the status object. */
export function healthConditions(health: Health): Condition[] {
  const { databaseAway, synced, waiting, invalid, massDeleteHeld } = health;
  const available: Condition = databaseAway
    ? {
        type: 'Available',
        status: 'False',
        reason: 'DatabaseAway',
        message: `Postgres cannot be asked: ${databaseAway}`,
      }
    : { type: 'Available', status: 'True', reason: 'Working', message: 'Kubernetes and Postgres can be asked' };
  const busy = !synced || waiting > 0;
  const progressing: Condition = {
    type: 'Progressing',
    status: busy ? 'True' : 'False',
    reason: !synced ? 'Listing' : busy ? 'Storing' : 'UpToDate',
    message: !synced
      ? 'not every kind has been listed yet'
      : busy
        ? 'changes wait to be stored'
        : 'all that Kubernetes has is stored',
  };
  const held = massDeleteHeld.map(({ kind, count }) => `${count} of kind ${kind}`).join(', ');
  const faults = [
    ...(databaseAway ? ['DatabaseAway'] : []),
    ...(held ? ['MassDeleteHeld'] : []),
    ...(invalid.length > 0 ? ['InvalidObjects'] : []),
  ];
  const messages = [
    ...(databaseAway ? [`Postgres cannot be asked: ${databaseAway}`] : []),
    ...(held ? [`suspiciously many objects vanished at once and are kept: ${held}`] : []),
    ...(invalid.length > 0
      ? [`not in force as written: ${invalid.slice(0, 5).join(', ')}${invalid.length > 5 ? ', …' : ''}`]
      : []),
  ];
  const degraded: Condition = {
    type: 'Degraded',
    status: faults.length > 0 ? 'True' : 'False',
    reason: faults[0] ?? 'AsExpected',
    message: messages.join('; ') || 'nothing is wrong',
  };
  const massDelete: Condition = held
    ? {
        type: 'MassDeleteHeld',
        status: 'True',
        reason: 'ManyVanished',
        message: `kept: ${held}. To let them go, annotate this object with caracal.network/allow-mass-delete: KIND[,KIND]`,
      }
    : {
        type: 'MassDeleteHeld',
        status: 'False',
        reason: 'AsExpected',
        message: 'nothing is kept that Kubernetes does not have',
      };
  const goneNodes: Condition =
    health.goneNodes.length > 0
      ? {
          type: 'GoneNodesOwnBlocks',
          status: 'True',
          reason: 'MayStillRun',
          message: `not in Kubernetes any more: ${goneNodesText(health.goneNodes)}. When such a machine is off for good: caracalctl ipam release --node NODE`,
        }
      : {
          type: 'GoneNodesOwnBlocks',
          status: 'False',
          reason: 'AsExpected',
          message: 'every block is owned by a node that Kubernetes has',
        };
  return [available, progressing, degraded, massDelete, goneNodes, ...durabilityConditions(health.durability)];
}

/** What a failover could lose, and whether one is being dealt with: warnings, not faults. */
function durabilityConditions(durability: Durability | undefined): Condition[] {
  const types = ['ClaimsNotDurable', 'BlocksNotGranted'] as const;
  if (!durability) {
    const unknown = { status: 'Unknown', reason: 'DatabaseAway', message: 'Postgres cannot be asked' } as const;
    return types.map((type) => ({ type, ...unknown }));
  }
  const { notDurable, reasserting } = durability;
  const missing = reasserting?.missing.join(', ');
  return [
    notDurable
      ? { type: types[0], status: 'True', reason: 'NoSynchronousStandby', message: notDurable }
      : { type: types[0], status: 'False', reason: 'AsExpected', message: 'claims are committed to a standby too' },
    reasserting
      ? {
          type: types[1],
          status: 'True',
          reason: 'Reasserting',
          message: `every node has yet to say what it owns, because ${reasserting.reason}; missing: ${missing || 'nobody'}. When one is off for good: caracalctl ipam release --node NODE`,
        }
      : {
          type: types[1],
          status: 'False',
          reason: 'AsExpected',
          message: 'nodes are granted the blocks that they ask for',
        },
  ];
}

/** What a survey asks Postgres. */
export async function look(datastore: Datastore) {
  const [usage, statuses, owners, durability] = await Promise.all([
    datastore.poolUsage(),
    datastore.listNodeStatus(),
    datastore.blockOwners(),
    datastore.durability(),
  ]);
  return { usage: new Map(usage.map((each) => [each.pool, each])), statuses, owners, durability };
}
