import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';

/** What the database knows of the life of a node. */
export interface NodeLife {
  /** It owns something, or has once reported or said what it owns. */
  readonly known: boolean;
  /** Since its last report, by the database's clock; undefined when it has never reported, or has left in order. */
  readonly silentSeconds: number | undefined;
}

export async function nodeLife(database: Kysely<Database>, node: string): Promise<NodeLife> {
  const { rows } = await sql<{ known: boolean; silent: number | null }>`
    SELECT EXISTS (SELECT FROM node WHERE node = ${node}) OR EXISTS (SELECT FROM block WHERE node = ${node})
             OR EXISTS (SELECT FROM endpoint WHERE node = ${node}) OR EXISTS (SELECT FROM node_status WHERE node = ${node}) AS known,
           (SELECT extract(epoch FROM clock_timestamp() - s.reported_at)::float8 FROM node_status s
            WHERE s.node = ${node} AND s.status ->> 'incarnation' <> '') AS silent`.execute(database);
  const [{ known, silent }] = rows;
  return { known, silentSeconds: silent ?? undefined };
}
