-- What Caracal stores. Everything in the feed carries the revision that last changed it.

-- The position of the feed. Its one row is also the revision lock: whoever writes holds it until the commit, so revisions become
-- visible in the order of their numbers. (A sequence alone does not give that: number 8 may commit before number 7.)
CREATE TABLE feed_head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  revision bigint NOT NULL,
  oldest bigint NOT NULL -- the first revision that `change` still holds in full is the one after this
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);

-- The nonce tells this revision 812 from another history's revision 812, which a failover or a restored backup can bring.
CREATE TABLE revision (
  revision bigint PRIMARY KEY,
  nonce bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

INSERT INTO feed_head (revision, oldest) VALUES (1, 1);
INSERT INTO revision (revision, nonce)
VALUES (1, ('x' || encode(substr(uuid_send(gen_random_uuid()), 1, 8), 'hex'))::bit(64)::bigint & 9223372036854775807);

-- What each revision changed, in order: the object as it was then, or no body when it was removed. Feed and history in one.
CREATE TABLE change (
  revision bigint NOT NULL,
  ordinal integer NOT NULL,
  item text NOT NULL CHECK (item IN ('resource', 'endpoint', 'block')),
  key text[] NOT NULL,
  body jsonb,
  PRIMARY KEY (revision, ordinal)
);

-- Configuration, and mirrored objects with only the fields that policy reads.
CREATE TABLE resource (
  kind text NOT NULL,
  namespace text NOT NULL DEFAULT '', -- empty for cluster-scoped kinds
  name text NOT NULL,
  api_version text NOT NULL,
  uid text NOT NULL,
  labels jsonb NOT NULL DEFAULT '{}',
  annotations jsonb NOT NULL DEFAULT '{}',
  spec jsonb NOT NULL,
  generation bigint NOT NULL,
  revision bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (kind, namespace, name)
);
CREATE INDEX resource_uid ON resource (uid);

-- One row says who owns a block, and no two rows can overlap, whatever any program believes.
CREATE TABLE block (
  cidr cidr PRIMARY KEY,
  pool text NOT NULL,
  node text NOT NULL,
  incarnation text NOT NULL, -- of the node's journal
  revision bigint NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  EXCLUDE USING gist (cidr inet_ops WITH &&)
);
CREATE INDEX block_pool ON block (pool);
CREATE INDEX block_node ON block (node);

-- Where the search for a pool's lowest free block begins: below it there is none. Only a shortcut; wrong shapes are ignored.
CREATE TABLE pool_hint (
  pool text PRIMARY KEY,
  cidr cidr NOT NULL,
  block_size integer NOT NULL,
  lowest cidr NOT NULL
);

-- A pod's interface with its addresses, as the node that owns it reports.
CREATE TABLE endpoint (
  node text NOT NULL,
  container_id text NOT NULL,
  interface text NOT NULL,
  pod_namespace text NOT NULL,
  pod_name text NOT NULL,
  pod_uid text NOT NULL,
  addresses inet[] NOT NULL,
  revision bigint NOT NULL,
  PRIMARY KEY (node, container_id, interface)
);
CREATE INDEX endpoint_pod ON endpoint (pod_uid);
CREATE INDEX endpoint_addresses ON endpoint USING gin (addresses);

-- What nodes say about themselves. Volatile, so outside the feed.
CREATE TABLE node_status (
  node text PRIMARY KEY,
  status jsonb NOT NULL,
  reported_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
