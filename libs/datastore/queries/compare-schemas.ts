import type pg from 'pg';

/** What two states of the database say differently about one block or node. */
export interface Difference {
  readonly kind: 'BlockOfAnother' | 'BlockSince' | 'BlockGone' | 'NodeSince' | 'NodeGone';
  readonly message: string;
}

/** `later` and `earlier` are schemas; what is told is what an administrator must know before the earlier one counts again. */
export async function compareSchemas(client: pg.ClientBase, later: string, earlier: string): Promise<Difference[]> {
  const { rows } = await client.query<Difference>(`
    SELECT 'BlockOfAnother' AS kind,
           format('block %s is node %s''s by the backup, and %s is node %s''s now: who holds it keeps it', e.cidr, e.node, l.cidr, l.node) AS message
    FROM ${earlier}.block e JOIN ${later}.block l ON l.cidr && e.cidr AND (l.cidr, l.node) IS DISTINCT FROM (e.cidr, e.node)
    UNION ALL
    SELECT 'BlockSince', format('block %s of node %s was claimed after the backup: the node says so when it reaches a hub', l.cidr, l.node)
    FROM ${later}.block l WHERE NOT EXISTS (SELECT FROM ${earlier}.block e WHERE e.cidr && l.cidr)
    UNION ALL
    SELECT 'BlockGone', format('block %s of node %s was given back after the backup: the node gives it back again', e.cidr, e.node)
    FROM ${earlier}.block e WHERE NOT EXISTS (SELECT FROM ${later}.block l WHERE l.cidr && e.cidr)
    UNION ALL
    SELECT 'NodeSince', format('node %s came after the backup', l.node)
    FROM ${later}.node l WHERE NOT l.fenced AND NOT EXISTS (SELECT FROM ${earlier}.node e WHERE e.node = l.node)
    UNION ALL
    SELECT 'NodeGone', format('node %s was taken out of service after the backup: when it is off, caracalctl ipam release --node %s', e.node, e.node)
    FROM ${earlier}.node e WHERE NOT e.fenced AND EXISTS (SELECT FROM ${later}.node l WHERE l.node = e.node AND l.fenced)
    ORDER BY 1, 2`);
  return rows;
}
