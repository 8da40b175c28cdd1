// A copy of the database inside itself, to be brought back as a restored backup or a promoted replica would: with what came after it lost.
type Query = (text: string) => Promise<unknown>;

const tables = [
  'feed_head',
  'revision',
  'change',
  'resource',
  'block',
  'pool_hint',
  'endpoint',
  'endpoint_record',
  'node_status',
  'node',
  'former_incarnation',
  'history',
  'quarantine',
  'release_request',
  'address_event',
  'block_event',
  'spent_token',
];

export async function saveDatabase(query: Query, schema = 'saved'): Promise<void> {
  const copies = tables.map((table) => `CREATE TABLE ${schema}.${table} AS TABLE caracal.${table};`);
  await query(`BEGIN; DROP SCHEMA IF EXISTS ${schema} CASCADE; CREATE SCHEMA ${schema}; ${copies.join(' ')} COMMIT`);
}

/** `told`: it shows that this is another history, as another timeline and `caracalctl restore` do. */
export async function bringBackDatabase(query: Query, schema = 'saved', told = true): Promise<void> {
  const copies = tables.map((table) => `INSERT INTO caracal.${table} SELECT * FROM ${schema}.${table};`);
  await query(`BEGIN;
    ALTER TABLE caracal.endpoint DISABLE TRIGGER USER;
    TRUNCATE ${tables.map((table) => `caracal.${table}`).join(', ')};
    ${copies.join('\n')}
    ALTER TABLE caracal.endpoint ENABLE TRIGGER USER;
    ${told ? `UPDATE caracal.history SET identity = 'before';` : ''}
    COMMIT`);
}
