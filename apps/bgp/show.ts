import { connect } from 'node:net';
import type { AttributeView, MemoryRow, PeerRangeStatus, PeerStatus, RouteView } from '@caracal/bgp-speaker';
import Table from 'cli-table3';
import { onLines } from './json-lines.ts';
import type { Reply, Request } from './protocol.ts';

type TableReply = Extract<Reply, { type: 'table' }>;

/** Asks the speaker at the socket; rejects with what is wrong in words. */
export async function ask(socketPath: string, request: Extract<Request, { type: 'show' }>): Promise<TableReply> {
  const parts: object[] = [];
  const reply = await askInParts(socketPath, request, (rows) => parts.push(...rows));
  if (reply.type !== 'table') throw new Error(`caracal-bgp on ${socketPath} answered with ${reply.type}`);
  // The rows that came before are of the table that ends them.
  return { ...reply, rows: [...parts, ...reply.rows] } as TableReply;
}

/** As `ask`, with rows as they come; resolves with what ends them. */
export function askInParts(
  socketPath: string,
  request: Request,
  onRows: (rows: readonly object[]) => void,
): Promise<Exclude<Reply, { type: 'part' | 'status' | 'error' }>> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    socket.once('error', (error) => reject(new Error(`no caracal-bgp answers on ${socketPath}: ${error.message}`)));
    socket.once('close', () => reject(new Error(`caracal-bgp on ${socketPath} closed the connection`)));
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    onLines(socket, (line) => {
      // Our own server wrote the line.
      const reply = JSON.parse(line) as Reply;
      if (reply.type === 'part') {
        onRows(reply.rows);
        return;
      }
      if (reply.type === 'table' || reply.type === 'planned') resolve(reply);
      else if (reply.type === 'error') reject(new Error(reply.message));
      else return;
      socket.destroy();
    });
  });
}

/** The answer as a table for people. */
export function formatTable(reply: TableReply, now: number): string {
  switch (reply.what) {
    case 'peers':
      return peersTable(reply.rows, reply.ranges, now);
    case 'attributes':
      return attributesTable(reply.rows);
    case 'memory':
      return memoryTable(reply.rows);
    default:
      return routesTable(reply.rows);
  }
}

const plain = {
  chars: Object.fromEntries(
    ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
      .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
      .map((name) => [name, '']),
  ),
  style: { 'padding-left': 0, 'padding-right': 1, head: [], border: [] },
};

function render(head: string[], rows: string[][]): string {
  const table = new Table({ ...plain, chars: { ...plain.chars, middle: ' ' }, head });
  table.push(...rows);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Peers by prefix come with their sessions below them. */
function peersTable(peers: readonly PeerStatus[], ranges: readonly PeerRangeStatus[], now: number): string {
  const withBfd = peers.some(({ bfd }) => bfd !== undefined);
  const rowOf = (peer: PeerStatus) => [
    peer.range === undefined ? peer.name : `  ${peer.name}`,
    peer.address,
    String(peer.asNumber),
    peer.restarting ? `${peer.state} (restarting)` : peer.state,
    ...(withBfd ? [peer.bfd ?? '-'] : []),
    formatAge(now - peer.sinceMs),
    String(peer.received),
    String(peer.advertised),
    peer.lastError,
  ];
  const rowOfRange = ({ name, prefix, asNumber, sessions, sessionLimit, shutdown = '' }: PeerRangeStatus) => [
    name,
    prefix,
    asNumber === 0 ? '-' : String(asNumber),
    `${sessions} of ${sessionLimit}`,
    ...(withBfd ? ['-'] : []),
    ...['-', '-', '-'],
    shutdown,
  ];
  return render(
    ['PEER', 'ADDRESS', 'AS', 'STATE', ...(withBfd ? ['BFD'] : []), 'SINCE', 'RECEIVED', 'ADVERTISED', 'LAST ERROR'],
    [
      ...peers.filter(({ range }) => range === undefined).map(rowOf),
      ...ranges.flatMap((range) => [
        rowOfRange(range),
        ...peers.filter((peer) => peer.range === range.name).map(rowOf),
      ]),
    ],
  );
}

function routesTable(routes: readonly RouteView[]): string {
  return render(
    ['', 'PREFIX', 'NEXT HOP', 'PEER', 'AS PATH', 'ATTRIBUTES'],
    routes.map((route) => [
      `${route.stale ? 's' : ''}${route.excluded ? 'x' : route.best ? '*' : ''}`,
      route.pathId === undefined ? route.prefix : `${route.prefix} [${route.pathId}]`,
      route.nextHop || '-',
      route.peer,
      route.asPath || '-',
      [
        route.why,
        route.excluded && `excluded: ${route.excluded}`,
        ...Object.entries(route.attributes).map((pair) => pair.join('=')),
      ]
        .filter(Boolean)
        .join(' '),
    ]),
  );
}

function attributesTable(sets: readonly AttributeView[]): string {
  return render(
    ['PREFIXES', 'PATHS', 'NEXT HOP', 'AS PATH', 'PEERS', 'ATTRIBUTES'],
    sets.map(({ prefixes, paths, nextHop, asPath, peers, attributes }) => [
      String(prefixes),
      String(paths),
      nextHop || '-',
      asPath || '-',
      peers.join(' '),
      Object.entries(attributes)
        .map((pair) => pair.join('='))
        .join(' '),
    ]),
  );
}

function memoryTable(rows: readonly MemoryRow[]): string {
  return render(
    ['TABLE', 'OF', 'COUNT', 'BYTES'],
    rows.map(({ table, of, count, bytes }) => [
      table,
      of || '-',
      String(count),
      bytes === undefined ? '-' : String(bytes),
    ]),
  );
}

function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h${Math.floor((seconds % 3600) / 60)}m`;
  return `${Math.floor(seconds / 86400)}d${Math.floor((seconds % 86400) / 3600)}h`;
}
