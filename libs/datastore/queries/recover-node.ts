import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';
import type { StoredBlock, StoredEndpoint, StoredResource } from '../items.ts';

/** What the database knows of a node: all that is left when its journal is lost. */
export interface KnownNode {
  /** Undefined when the node never asserted any. */
  readonly incarnation: string | undefined;
  readonly blocks: readonly StoredBlock[];
  /** With what the node wants to know again of each. */
  readonly endpoints: readonly (StoredEndpoint & { readonly record?: string })[];
  /** Of the endpoints' pods, by uid. */
  readonly pods: ReadonlyMap<string, Pick<StoredResource, 'labels' | 'spec'>>;
}

export async function recoverNode(database: Kysely<Database>, node: string): Promise<KnownNode> {
  const { rows } = await sql<{
    incarnation: string | null;
    blocks: StoredBlock[];
    endpoints: (StoredEndpoint & { record?: string })[];
    pods: { uid: string; labels: Record<string, string>; spec: unknown }[];
  }>`SELECT
      (SELECT n.incarnation FROM node n WHERE n.node = ${node} AND NOT n.fenced) AS incarnation,
      (SELECT coalesce(jsonb_agg(block_body(b)), '[]') FROM block b WHERE b.node = ${node}) AS blocks,
      (SELECT coalesce(jsonb_agg(endpoint_body(e) || CASE WHEN r.record IS NULL THEN '{}' ELSE jsonb_build_object('record', r.record) END), '[]')
       FROM endpoint e LEFT JOIN endpoint_record r USING (node, container_id, interface) WHERE e.node = ${node}) AS endpoints,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('uid', r.uid, 'labels', r.labels, 'spec', r.spec)), '[]')
       FROM endpoint e JOIN resource r ON r.uid = e.pod_uid AND r.kind = 'Pod' WHERE e.node = ${node}) AS pods`.execute(
    database,
  );
  const [{ incarnation, blocks, endpoints, pods }] = rows;
  return {
    incarnation: incarnation ?? undefined,
    blocks,
    endpoints,
    pods: new Map(pods.map(({ uid, ...pod }) => [uid, pod])),
  };
}
