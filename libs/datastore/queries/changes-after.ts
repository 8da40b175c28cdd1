import type pg from 'pg';
import { type Position, type Revision, type StoredItem, storedItem } from '../items.ts';

interface Row {
  readonly revision: bigint;
  readonly nonce: bigint;
  readonly item: 'resource' | 'endpoint' | 'block' | null;
  readonly key: string[];
  readonly body: unknown;
}

/**
 * The revisions after a position, whole and in order, at most `limit` of them; empty when there are none yet, undefined when the
 * position is not in this history any more (trimmed, or lost in a failover): then a snapshot is needed.
 * One statement, so one view of the database; revisions commit in order, so none can appear later between those that are seen.
 */
export async function changesAfter(
  client: pg.ClientBase,
  { revision, nonce }: Position,
  limit: number,
): Promise<Revision[] | undefined> {
  const { rows } = await client.query<Row>(
    `SELECT r.revision, r.nonce, c.item, c.key, c.body
     FROM revision r LEFT JOIN change c ON c.revision = r.revision AND c.revision > $1
     WHERE r.revision >= $1 AND r.revision <= $1 + $2::bigint
     ORDER BY r.revision, c.ordinal`,
    [revision, limit],
  );
  if (rows[0]?.revision !== revision || rows[0].nonce !== nonce) return undefined;
  return groupByRevision(rows.slice(1));
}

/** The newest revisions up to a position, oldest first: what a reader may want to resume from. */
export async function revisionsUpTo(client: pg.ClientBase, { revision }: Position, limit: number): Promise<Revision[]> {
  const { rows } = await client.query<Row>(
    `SELECT r.revision, r.nonce, c.item, c.key, c.body
     FROM revision r LEFT JOIN change c USING (revision)
     WHERE r.revision <= $1 AND r.revision > $1 - $2::bigint AND r.revision > (SELECT oldest FROM feed_head)
     ORDER BY r.revision, c.ordinal`,
    [revision, limit],
  );
  return groupByRevision(rows);
}

function groupByRevision(rows: readonly Row[]): Revision[] {
  const revisions: (Position & { items: StoredItem[] })[] = [];
  for (const { revision, nonce, item, key, body } of rows) {
    if (revisions.at(-1)?.revision !== revision) revisions.push({ revision, nonce, items: [] });
    if (item) revisions.at(-1)!.items.push(storedItem({ item, key, body }));
  }
  return revisions;
}
