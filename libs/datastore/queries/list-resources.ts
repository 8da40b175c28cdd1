import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { StoredResource } from '../items.ts';

export interface ResourceFilter {
  readonly kinds?: readonly string[];
  readonly namespace?: string;
  readonly name?: string;
}

/** The resources that match, in order of kind, namespace and name, and the revision that they are of. */
export async function listResources(
  database: Kysely<Database>,
  { kinds, namespace, name }: ResourceFilter,
): Promise<{ resources: StoredResource[]; revision: bigint }> {
  return database
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (view) => {
      const { revision } = await view.selectFrom('feed_head').select('revision').executeTakeFirstOrThrow();
      let query = view.selectFrom('resource').selectAll().orderBy('kind').orderBy('namespace').orderBy('name');
      if (kinds) query = query.where('kind', 'in', kinds);
      if (namespace) query = query.where('namespace', '=', namespace);
      if (name) query = query.where('name', '=', name);
      const rows = await query.execute();
      return {
        revision,
        resources: rows.map(({ api_version, created_at: _, ...row }) => ({ apiVersion: api_version, ...row })),
      };
    });
}
