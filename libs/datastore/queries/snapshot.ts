import type pg from 'pg';
import { type Position, type StoredItem, storedItem } from '../items.ts';

const pageSize = 5000;

const parts = [
  {
    item: 'resource',
    page: `SELECT ARRAY[kind, namespace, name] AS key, resource_body(r) AS body FROM resource r
           WHERE $1::text[] IS NULL OR (kind, namespace, name) > ($1[1], $1[2], $1[3])
           ORDER BY kind, namespace, name LIMIT ${pageSize}`,
  },
  {
    item: 'block',
    page: `SELECT ARRAY[cidr::text] AS key, block_body(b) AS body FROM block b
           WHERE $1::text[] IS NULL OR cidr > $1[1]::cidr ORDER BY cidr LIMIT ${pageSize}`,
  },
  {
    item: 'endpoint',
    page: `SELECT ARRAY[node, container_id, interface] AS key, endpoint_body(e) AS body FROM endpoint e
           WHERE $1::text[] IS NULL OR (node, container_id, interface) > ($1[1], $1[2], $1[3])
           ORDER BY node, container_id, interface LIMIT ${pageSize}`,
  },
] as const;

/**
 * Everything in the feed as of one revision, in pages, from one repeatable-read transaction: all that was committed up to that
 * revision and nothing of what came after.
 */
export async function snapshot(client: pg.ClientBase, onItems: (items: StoredItem[]) => void): Promise<Position> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    const head = await client.query<Position>('SELECT revision, nonce FROM feed_head JOIN revision USING (revision)');
    for (const { item, page } of parts) {
      for (let after: string[] | null = null; ; ) {
        const { rows }: pg.QueryResult<{ key: string[]; body: unknown }> = await client.query(page, [after]);
        if (rows.length > 0) onItems(rows.map((row) => storedItem({ item, ...row })));
        if (rows.length < pageSize) break;
        after = rows[rows.length - 1].key;
      }
    }
    return head.rows[0];
  } finally {
    await client.query('COMMIT');
  }
}
