import { type Kysely, sql } from 'kysely';
import type { Database } from '../database.ts';

/** Whether a claim that was answered survives the loss of the primary, and whether blocks are granted at all. */
export interface Durability {
  /** Undefined: commits wait for a standby. Else why they do not. */
  readonly notDurable: string | undefined;
  /** Set while no block is granted: since when, why, and the nodes that have not said what they own. */
  readonly reasserting:
    | { readonly since: Date; readonly reason: string; readonly missing: readonly string[] }
    | undefined;
}

export async function durability(database: Kysely<Database>): Promise<Durability> {
  const { rows } = await sql<{
    commit: string;
    standbys: string;
    ended: boolean;
    began_at: Date;
    reason: string;
    missing: string[];
  }>`SELECT current_setting('synchronous_commit') AS commit, current_setting('synchronous_standby_names') AS standbys,
            h.ended, h.began_at, h.reason,
            ARRAY(SELECT n.node FROM node n WHERE n.asserted < h.number AND NOT n.fenced ORDER BY n.node) AS missing
     FROM history h`.execute(database);
  const [{ commit, standbys, ended, began_at, reason, missing }] = rows;
  const synchronous = commit === 'on' || commit === 'remote_apply';
  return {
    notDurable: !standbys
      ? 'Postgres has no synchronous standby (synchronous_standby_names is empty): a failover can lose claims'
      : !synchronous
        ? `synchronous_commit is ${commit}: a failover can lose claims`
        : undefined,
    reasserting: ended ? undefined : { since: began_at, reason, missing },
  };
}
