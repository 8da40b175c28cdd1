import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';
import type { StoredEndpoint } from '../items.ts';

/** The endpoints that have this address, or all. */
export async function listEndpoints(database: Kysely<Database>, address?: string): Promise<StoredEndpoint[]> {
  const having = address ? sql`WHERE addresses @> ARRAY[${address}::inet]` : sql``;
  const { rows } = await sql<{ body: StoredEndpoint }>`
    SELECT endpoint_body(e) AS body FROM endpoint e ${having}
    ORDER BY node, pod_namespace, pod_name, container_id, interface`.execute(database);
  return rows.map(({ body }) => body);
}
