import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';

/** An enrolment token that is shown, and for what. */
export interface ShownToken {
  /** SHA-256 of what its signature covers. */
  readonly digest: Uint8Array;
  readonly node: string;
  /** SHA-256 of the public key that is to be certified. */
  readonly keyDigest: Uint8Array;
  readonly expiresAt: Date;
}

/** Spends the token; answers with the time of a former use for another key, when there was one. */
export async function spendToken(
  database: Kysely<Database>,
  { digest, node, keyDigest, expiresAt }: ShownToken,
): Promise<Date | undefined> {
  const { rows } = await sql<{ before: Date | null }>`
    SELECT spend_token(${Buffer.from(digest)}, ${node}, ${Buffer.from(keyDigest)}, ${expiresAt}) AS before`.execute(
    database,
  );
  return rows[0].before ?? undefined;
}
