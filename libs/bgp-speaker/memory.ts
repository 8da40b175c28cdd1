import type { PeerSet } from './peer-set.ts';
import { families, type Propagation } from './propagation.ts';
import type { Ribs } from './update-in.ts';

/** One table: how many there are of what it holds, and the octets that it occupies (absent when that is not known). */
export interface MemoryRow {
  readonly table: string;
  /** A family or the name of a peer; empty when it is of all. */
  readonly of: string;
  readonly count: number;
  readonly bytes?: number;
}

/** What the tables, stores and buffers of a speaker hold and occupy. Room that waits to be used is counted. */
export function memoryRows(ribs: Ribs, peers: PeerSet, propagation: Propagation): MemoryRow[] {
  const rows: MemoryRow[] = [];
  for (const of of families) {
    const rib = ribs.families[of];
    rows.push(
      { table: 'prefixes', of, count: rib.prefixes.size, bytes: rib.prefixes.bytes },
      { table: 'best paths', of, count: rib.bestCount, bytes: rib.routeBytes },
      { table: 'paths', of, count: rib.paths.size, bytes: rib.paths.bytes },
      { table: 'stale paths', of, ...rib.stale },
      { table: 'waiting for a decision', of, count: rib.changed.length, bytes: rib.changed.bytes },
    );
  }
  rows.push({ table: 'attribute sets', of: '', count: ribs.attributes.size, bytes: ribs.attributes.bytes });
  rows.push({ table: 'rules of export policies', of: '', ...propagation.sharedRules });
  for (const peer of peers) {
    const of = peer.config.name;
    const advertiser = propagation.advertiserOf(peer);
    if (!advertiser || !peer.established) continue;
    const { tables, messages, paths } = advertiser.memory;
    const { received, unsent } = peer.established.buffered;
    rows.push({ table: 'Adj-RIB-Out', of, count: advertiser.advertisedCount, bytes: tables });
    if (advertiser.tellsPaths) rows.push({ table: 'paths told by identifier', of, count: paths });
    rows.push({ table: 'message slab', of, count: 1, bytes: messages });
    rows.push({ table: 'receive buffer', of, count: 1, bytes: received });
    rows.push({ table: 'octets that wait to be sent', of, count: unsent, bytes: unsent });
  }
  return rows;
}
