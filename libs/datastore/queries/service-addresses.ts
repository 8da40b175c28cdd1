import { type Kysely, sql } from 'kysely';
import pg from 'pg';
import type { Database } from '../database.ts';

/** An address that a Service of type LoadBalancer has. */
export interface ServiceAddress {
  readonly address: string;
  readonly pool: string;
  readonly namespace: string;
  readonly name: string;
  /** Of the Service. */
  readonly uid: string;
}

/** All of them, by address. A schema of before has none. */
export async function listServiceAddresses(database: Kysely<Database>): Promise<ServiceAddress[]> {
  try {
    const { rows } = await sql<ServiceAddress>`
      SELECT host(address) AS address, pool, namespace, name, uid FROM service_address ORDER BY service_address.address`.execute(
      database,
    );
    return rows;
  } catch (error) {
    if (isUndefinedTable(error)) return [];
    throw error;
  }
}

export function isUndefinedTable(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '42P01';
}
