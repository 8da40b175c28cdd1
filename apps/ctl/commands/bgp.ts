import type { BgpPeerStatus, NodeEntry } from '@caracal/protocol';
import { type ConnectionOptions, withHub } from '../connection.ts';
import { CommandError, type Io } from '../io.ts';
import { coloursOf } from '../output/colours.ts';
import { formatDuration } from '../output/duration.ts';
import { type OutputFormat, writeStructured } from '../output/structured.ts';
import { type Column, formatTable } from '../output/table.ts';

export interface PeersOptions extends ConnectionOptions {
  readonly node?: string;
  readonly output: OutputFormat;
}

interface PeerRow extends BgpPeerStatus {
  readonly node: string;
}

/** The BGP sessions of all nodes, as the nodes reported them; the last error of a session stands under it. */
export async function bgpPeers(options: PeersOptions, io: Io): Promise<void> {
  const { nodes } = await withHub(options, io, (hub) => hub.listNodes({}));
  if (options.node !== undefined && !nodes.some(({ name }) => name === options.node)) {
    throw new CommandError(
      `no node ${options.node} has reported; there are ${nodes.map(({ name }) => name).join(', ') || 'none'}`,
    );
  }
  const rows = peerRows(nodes.filter(({ name }) => options.node === undefined || name === options.node));
  if (options.output === 'json' || options.output === 'yaml') {
    await writeStructured(io, options.output, { peers: rows.map(({ $typeName: _, ...row }) => row) });
    return;
  }
  if (rows.length === 0) {
    io.err('no node has a BGP peer: apply a BGPPeer, or a BGPConfiguration with nodeToNodeMeshEnabled\n');
    return;
  }
  io.out(peersTable(rows, options.output === 'wide', io));
}

function peerRows(nodes: readonly NodeEntry[]): PeerRow[] {
  return nodes
    .flatMap((node) => (node.status?.bgpPeers ?? []).map((peer) => ({ node: node.name, ...peer })))
    .sort((a, b) => byName(a.node, b.node) || byName(a.name, b.name));
}

function byName(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

export function peersTable(rows: readonly PeerRow[], wide: boolean, io: Io): string {
  const colours = coloursOf(io);
  const columns: readonly Column<PeerRow>[] = [
    { title: 'NODE', cell: (row) => row.node },
    { title: 'PEER', cell: (row) => row.name },
    { title: 'ADDRESS', cell: (row) => row.address, wide: true },
    { title: 'AS', cell: (row) => row.asNumber },
    { title: 'STATE', cell: ({ state }) => (state === 'Established' ? colours.green(state) : colours.yellow(state)) },
    { title: 'SINCE', cell: (row) => (row.sinceMs > 0n ? formatDuration(io.now() - Number(row.sinceMs)) : '') },
    { title: 'RECEIVED', cell: (row) => row.received },
    { title: 'ADVERTISED', cell: (row) => row.advertised },
  ];
  return formatTable(
    rows,
    columns.filter((column) => wide || !column.wide),
    (row) => (row.lastError ? [colours.red(row.lastError)] : []),
  );
}
