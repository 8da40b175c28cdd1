import type { NodeEntry } from '@caracal/protocol';
import { type ConnectionOptions, withHub } from '../connection.ts';
import type { Io } from '../io.ts';
import { coloursOf } from '../output/colours.ts';
import { formatDuration } from '../output/duration.ts';
import { type OutputFormat, writeStructured } from '../output/structured.ts';
import { type Column, formatTable } from '../output/table.ts';

/** A line for each node: whether it is connected, which revision its kernel enforces, its BGP sessions. */
export async function nodeStatus(
  options: ConnectionOptions & { readonly output: OutputFormat },
  io: Io,
): Promise<void> {
  const { nodes, revision } = await withHub(options, io, async (hub) => {
    const [listed, current] = await Promise.all([hub.listNodes({}), hub.get({ kind: 'Tier' })]);
    return { nodes: listed.nodes, revision: current.revision };
  });
  nodes.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  if (options.output === 'json' || options.output === 'yaml') {
    await writeStructured(io, options.output, { revision, nodes: nodes.map(plainNode) });
    return;
  }
  if (nodes.length === 0) {
    io.err('no node has reported yet\n');
    return;
  }
  const wide = options.output === 'wide';
  const columns = nodeColumns(revision, io);
  io.out(
    formatTable(
      nodes,
      columns.filter((column) => wide || !column.wide),
    ),
  );
}

function nodeColumns(revision: bigint, io: Io): readonly Column<NodeEntry>[] {
  const colours = coloursOf(io);
  return [
    { title: 'NODE', cell: (node) => node.name },
    { title: 'HUB', cell: (node) => (node.connected ? colours.green('connected') : colours.red('away')) },
    { title: 'ADDRESS', cell: (node) => node.status?.addressV4 || node.status?.addressV6 || '' },
    { title: 'AS', cell: (node) => node.status?.asNumber || '' },
    { title: 'ENFORCED', cell: (node) => enforced(node, revision) },
    { title: 'BGP', cell: bgpSummary },
    { title: 'REPORTED', cell: (node) => `${formatDuration(io.now() - Number(node.reportedAtMs))} ago` },
    { title: 'BLOCKS', cell: (node) => node.status?.blocks.length ?? 0 },
    { title: 'VERSION', cell: (node) => node.status?.version ?? '', wide: true },
    { title: 'IPV6', cell: (node) => node.status?.addressV6 ?? '', wide: true },
    { title: 'INCARNATION', cell: (node) => node.status?.incarnation ?? '', wide: true },
  ];
}

/** The revision that a node's kernel holds, and how far it is behind: `812`, `809 (3 behind)`. */
export function enforced(node: NodeEntry, revision: bigint): string {
  const held = node.status?.enforcedRevision ?? 0n;
  if (held === 0n) return 'nothing yet';
  return held < revision ? `${held} (${revision - held} behind)` : `${held}`;
}

function bgpSummary(node: NodeEntry): string {
  const peers = node.status?.bgpPeers ?? [];
  return `${peers.filter((peer) => peer.state === 'Established').length}/${peers.length}`;
}

/** A node as JSON; without the type names of the protocol. */
export function plainNode({ name, connected, reportedAtMs, status }: NodeEntry): unknown {
  return {
    name,
    connected,
    reportedAtMs,
    ...(status && {
      addressV4: status.addressV4,
      addressV6: status.addressV6,
      asNumber: status.asNumber,
      enforcedRevision: status.enforcedRevision,
      version: status.version,
      incarnation: status.incarnation,
      blocks: status.blocks.map(({ cidr, used }) => ({ cidr, used })),
      bgpPeers: status.bgpPeers.map(({ $typeName: _, ...peer }) => peer),
    }),
  };
}
