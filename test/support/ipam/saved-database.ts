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

/** An hour: to the database it is the same whether its clock goes back, or all that it has written down was later. */
export async function setDatabaseClockBack(query: Query): Promise<void> {
  const times = {
    revision: 'at',
    address_event: 'at',
    block_event: 'at',
    block: 'claimed_at',
    resource: 'created_at',
    node_status: 'reported_at',
    former_incarnation: 'superseded_at',
    history: 'began_at',
    quarantine: 'since',
    release_request: 'asked_at',
    spent_token: 'spent_at',
  };
  const updates = Object.entries(times).map(
    ([table, column]) => `UPDATE caracal.${table} SET ${column} = ${column} + interval '1 hour';`,
  );
  await query(`BEGIN; ${updates.join('\n')} COMMIT`);
}
