import { type Kysely, sql } from 'kysely';
import { type Database, jsonb } from '../database.ts';

export interface StoredNodeStatus {
  readonly node: string;
  /** As the node reported it; the reader knows its shape. */
  readonly status: unknown;
  readonly reportedAt: Date;
}

/** Remembers a node's latest report of itself; outside the feed. Answers with the addresses that are asked back from it. */
export async function reportStatus(database: Kysely<Database>, node: string, status: unknown): Promise<string[]> {
  const { rows } = await sql<{ asked: string[] }>`
    SELECT report_status(${node}, ${jsonb(status)}) AS asked`.execute(database);
  return rows[0].asked;
}

export async function listNodeStatus(database: Kysely<Database>): Promise<StoredNodeStatus[]> {
  const rows = await database.selectFrom('node_status').selectAll().orderBy('node').execute();
  return rows.map(({ reported_at, ...row }) => ({ ...row, reportedAt: reported_at }));
}
