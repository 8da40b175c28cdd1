-- works with binaries from 7 on
-- Who owns what, held against machines and databases that come back wrong: a node is (name, incarnation, epoch), and the database
-- knows when it has itself lost something. And who had what, and when.

-- Which binaries still work with a schema: the number is the oldest schema version that a binary must know. A migration that only adds
-- leaves it as it is, so that a hub of the version before goes on while others are replaced.
ALTER TABLE migration ADD COLUMN oldest_binary integer;

-- The incarnation of each node that counts. Its journal made it; the epoch rises with every other one that takes its place.
CREATE TABLE node (
  node text PRIMARY KEY,
  incarnation text NOT NULL,
  machine text NOT NULL, -- what a re-imaged machine says again; empty when unknown
  epoch bigint NOT NULL,
  fenced boolean NOT NULL DEFAULT false, -- it is off: what it owned was taken back
  asserted bigint NOT NULL -- the history of the database in which it has said what it owns
);

-- Incarnations that lost their place. They own only what nobody has taken back from them yet.
CREATE TABLE former_incarnation (
  node text NOT NULL,
  incarnation text NOT NULL,
  superseded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (node, incarnation)
);

-- This database's identity. A promoted replica, a restored backup, a clone: another history, in which commits may be missing.
CREATE TABLE history (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  number bigint NOT NULL,
  identity text NOT NULL, -- system identifier and timeline
  began_at timestamptz NOT NULL,
  reason text NOT NULL,
  hold interval NOT NULL DEFAULT '10 seconds', -- no new block before that, so that nodes that it does not know can come
  ended boolean NOT NULL -- an operator grants blocks again although some nodes have not said what they own
);

CREATE FUNCTION database_identity() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
$$;
INSERT INTO history (number, identity, began_at, reason, ended) VALUES (1, database_identity(), clock_timestamp(), 'made', true);

-- ---- who had what ----

CREATE TABLE address_event (
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  revision bigint NOT NULL,
  address inet NOT NULL,
  event text NOT NULL, -- assigned, released
  node text NOT NULL,
  container_id text NOT NULL,
  interface text NOT NULL,
  pod_namespace text NOT NULL,
  pod_name text NOT NULL,
  pod_uid text NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX address_event_address ON address_event (address, at DESC);
CREATE TABLE address_event_rest PARTITION OF address_event DEFAULT;

CREATE TABLE block_event (
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  revision bigint NOT NULL,
  cidr cidr NOT NULL,
  event text NOT NULL, -- claimed, released, reasserted, taken over, reclaimed, moved
  pool text NOT NULL,
  node text NOT NULL,
  incarnation text NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX block_event_cidr ON block_event USING gist (cidr inet_ops);
CREATE TABLE block_event_rest PARTITION OF block_event DEFAULT;

-- What is there already was assigned and claimed at some time before.
INSERT INTO address_event (revision, address, event, node, container_id, interface, pod_namespace, pod_name, pod_uid)
SELECT revision, a, 'assigned', node, container_id, interface, pod_namespace, pod_name, pod_uid FROM endpoint, unnest(addresses) a;
INSERT INTO block_event (at, revision, cidr, event, pool, node, incarnation)
SELECT claimed_at, revision, cidr, 'claimed', pool, node, incarnation FROM block;

-- Makes the partitions of this day and those that follow, and drops those whose days are past `keep`. What came when there was no
-- partition for it lies in the default one, and moves.
CREATE FUNCTION keep_history(keep interval, ahead integer DEFAULT 3) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = caracal, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  parent text;
  part record;
  day date;
  name text;
BEGIN
  PERFORM pg_advisory_xact_lock(1667330657);
  FOREACH parent IN ARRAY ARRAY['address_event', 'block_event'] LOOP
    FOR offset_days IN 0 .. ahead LOOP
      day := current_date + offset_days;
      name := parent || '_' || to_char(day, 'YYYYMMDD');
      CONTINUE WHEN to_regclass('caracal.' || name) IS NOT NULL;
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS)', name, parent);
      EXECUTE format('WITH moved AS (DELETE FROM %I WHERE at >= %L AND at < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
                     parent || '_rest', day, day + 1, name);
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, name, day, day + 1);
      EXECUTE format('GRANT SELECT ON %I TO caracal_hub', name);
    END LOOP;
    FOR part IN
      SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = to_regclass('caracal.' || parent) AND c.relname ~ '_[0-9]{8}$'
        AND to_date(right(c.relname, 8), 'YYYYMMDD') + 1 < clock_timestamp() - keep
    LOOP
      EXECUTE format('DROP TABLE %I', part.relname);
    END LOOP;
    EXECUTE format('DELETE FROM %I WHERE at < clock_timestamp() - %L::interval', parent || '_rest', keep);
  END LOOP;
END
$$;

-- ---- what contradicts itself, and what is asked back ----

-- Endpoints that a node reported and that cannot be true: an address of another node's block, or one that another node's endpoint has.
CREATE TABLE quarantine (
  node text NOT NULL,
  container_id text NOT NULL,
  interface text NOT NULL,
  reported jsonb NOT NULL,
  reason text NOT NULL,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (node, container_id, interface)
);

CREATE TABLE release_request (
  address inet PRIMARY KEY,
  node text NOT NULL,
  asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  refusal text -- why the node keeps it
);
CREATE INDEX release_request_node ON release_request (node);

GRANT SELECT ON node, former_incarnation, history, address_event, block_event, quarantine, release_request TO caracal_hub;

-- Adds what happened to blocks: rows of `block` as they were or are.
CREATE FUNCTION add_block_event(next bigint, what text, b block) RETURNS void LANGUAGE sql AS $$
  INSERT INTO block_event (revision, cidr, event, pool, node, incarnation)
  VALUES (next, b.cidr, what, b.pool, b.node, b.incarnation)
$$;
CREATE FUNCTION add_address_events(next bigint, what text, e endpoint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO address_event (revision, address, event, node, container_id, interface, pod_namespace, pod_name, pod_uid)
  SELECT next, a, what, e.node, e.container_id, e.interface, e.pod_namespace, e.pod_name, e.pod_uid FROM unnest(e.addresses) a
$$;

-- Notices another history: by the database's identity, or by somebody who has seen a revision that is not in it. `asserted_in` is the
-- history in which this witness last said what it owns: one from before this history has seen what is known to be lost. Without it
-- (a hub, a node that the database does not know) it counts unless a loss is being dealt with. The caller holds the revision lock.
CREATE FUNCTION notice_history(seen jsonb DEFAULT NULL, asserted_in bigint DEFAULT NULL) RETURNS history LANGUAGE plpgsql AS $$
DECLARE
  h history;
  now_is text := database_identity();
  why text;
  seen_revision bigint := coalesce((seen ->> 'revision')::bigint, 0);
  seen_nonce bigint := coalesce((seen ->> 'nonce')::bigint, 0);
BEGIN
  SELECT * INTO h FROM history;
  IF h.identity <> now_is THEN
    why := format('the database was %s and is %s', h.identity, now_is);
  ELSIF (CASE WHEN asserted_in IS NULL THEN h.ended ELSE asserted_in = h.number END)
     AND (seen_revision > (SELECT f.revision FROM feed_head f)
          OR EXISTS (SELECT FROM revision r WHERE r.revision = seen_revision AND r.nonce <> seen_nonce)) THEN
    why := format('a node has seen revision %s (%s), which this database does not have', seen_revision, seen_nonce);
  END IF;
  IF why IS NOT NULL THEN
    UPDATE history SET number = number + 1, identity = now_is, began_at = clock_timestamp(), reason = why, ended = false
    RETURNING * INTO h;
  END IF;
  RETURN h;
END
$$;

-- Releases a block's row, with all that follows from it.
CREATE FUNCTION drop_block(next bigint, what text, b block) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM block WHERE cidr = b.cidr;
  UPDATE pool_hint SET lowest = b.cidr WHERE pool = b.pool AND lowest > b.cidr;
  PERFORM add_changes(next, 'block', jsonb_build_array(jsonb_build_object('key', jsonb_build_array(b.cidr::text))));
  PERFORM add_block_event(next, what, b);
END
$$;

-- Stores a block's row and tells of it.
CREATE FUNCTION tell_block(next bigint, what text, b block) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM add_changes(next, 'block', jsonb_build_array(
    jsonb_build_object('key', jsonb_build_array(b.cidr::text), 'body', block_body(b))));
  PERFORM add_block_event(next, what, b);
END
$$;

-- Seconds after its last report for which another machine of the same name counts as alive. The one clock is the database's.
CREATE FUNCTION is_alive(name text, of_incarnation text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM node_status s WHERE s.node = name AND s.status ->> 'incarnation' = of_incarnation
                   AND s.reported_at > clock_timestamp() - interval '45 seconds')
$$;

-- {node, incarnation, machine, blocks: [{cidr, pool}], seen?: {revision, nonce}}
--   -> {conflicts: [block], stranded: [block], blocks: [block]} | {fenced: reason} | {otherAlive: incarnation}
-- The journal is the authority on what a node holds: what it lacks is released, what the database lacks (it lost the claim) is stored
-- again, unless somebody else has it. Kept all the same is what the journal lacks and was granted after `seen` (the request may be
-- late), or has endpoints (the journal may be an old one); the node finds it in `blocks`.
CREATE FUNCTION write_assert(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  name text := request ->> 'node';
  own text := request ->> 'incarnation';
  asserted_in bigint;
  known node;
  h history;
  b block;
  held record;
  conflicts jsonb := '[]';
BEGIN
  SELECT * INTO known FROM node n WHERE n.node = name;
  asserted_in := CASE WHEN known.incarnation = own THEN known.asserted END;
  IF known.node IS NOT NULL AND known.incarnation <> own THEN
    IF EXISTS (SELECT FROM former_incarnation f WHERE (f.node, f.incarnation) = (name, own)) THEN
      RETURN jsonb_build_object('fenced', format('incarnation %s took the place of %s', known.incarnation, own));
    END IF;
    IF NOT known.fenced AND is_alive(name, known.incarnation)
       AND (known.machine = '' OR known.machine <> request ->> 'machine') THEN
      RETURN jsonb_build_object('otherAlive', known.incarnation);
    END IF;
    INSERT INTO former_incarnation (node, incarnation) VALUES (name, known.incarnation) ON CONFLICT DO NOTHING;
    UPDATE node SET incarnation = own, machine = request ->> 'machine', epoch = epoch + 1, fenced = false WHERE node.node = name;
    -- The same machine cannot run two systems: what its former one owned nobody uses any more.
    IF known.machine <> '' AND known.machine = request ->> 'machine' THEN
      FOR b IN SELECT * FROM block x WHERE x.node = name AND x.incarnation <> own LOOP
        PERFORM drop_block(next, 'reclaimed', b);
      END LOOP;
    END IF;
  ELSIF known.fenced THEN
    RETURN jsonb_build_object('fenced', format('node %s was declared to be off, and its blocks were taken back', name));
  ELSIF known.node IS NULL THEN
    INSERT INTO node (node, incarnation, machine, epoch, asserted) VALUES (name, own, request ->> 'machine', 1, 0);
  END IF;

  h := notice_history(request -> 'seen', asserted_in);

  FOR held IN SELECT * FROM jsonb_to_recordset(request -> 'blocks') AS x(cidr cidr, pool text) LOOP
    SELECT * INTO b FROM block x WHERE x.cidr && held.cidr AND NOT (x.cidr = held.cidr AND (x.node, x.incarnation) = (name, own))
    ORDER BY x.cidr LIMIT 1;
    IF FOUND THEN
      conflicts := conflicts || jsonb_build_array(block_body(b) || jsonb_build_object('held', held.cidr::text));
    ELSIF NOT EXISTS (SELECT FROM block x WHERE x.cidr = held.cidr) THEN
      INSERT INTO block (cidr, pool, node, incarnation, revision)
      VALUES (held.cidr, coalesce((SELECT r.name FROM resource r WHERE r.kind = 'IPPool' AND held.cidr <<= (r.spec ->> 'cidr')::cidr LIMIT 1),
                                  held.pool), name, own, next)
      RETURNING * INTO b;
      PERFORM tell_block(next, 'reasserted', b);
    END IF;
  END LOOP;
  FOR b IN
    SELECT * FROM block x WHERE (x.node, x.incarnation) = (name, own)
      AND x.cidr NOT IN (SELECT y.cidr FROM jsonb_to_recordset(request -> 'blocks') AS y(cidr cidr))
      AND x.revision <= (request -> 'seen' ->> 'revision')::bigint
      AND NOT EXISTS (SELECT FROM endpoint e, unnest(e.addresses) a WHERE e.node = name AND a <<= x.cidr)
  LOOP
    PERFORM drop_block(next, 'released', b);
  END LOOP;
  -- A node whose blocks have another owner is not heard yet: the owner may give them up, and then nobody else may get them.
  UPDATE node SET asserted = CASE WHEN conflicts = '[]' THEN h.number ELSE asserted END, machine = request ->> 'machine'
  WHERE node.node = name;
  RETURN jsonb_build_object(
    'conflicts', conflicts,
    'stranded', (SELECT coalesce(jsonb_agg(block_body(x)), '[]') FROM block x WHERE x.node = name AND x.incarnation <> own),
    'blocks', (SELECT coalesce(jsonb_agg(block_body(x) ORDER BY x.cidr), '[]') FROM block x WHERE (x.node, x.incarnation) = (name, own)));
END
$$;

-- {node, formerOnly, reason} -> {released: [cidr], endpoints: number}
-- Takes back all that a node owns. Only for who knows that it is off: no time that has passed is a reason. `formerOnly`: what its
-- earlier incarnations own.
CREATE FUNCTION write_reclaim(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  name text := request ->> 'node';
  former boolean := coalesce((request ->> 'formerOnly')::boolean, false);
  b block;
  released jsonb := '[]';
  gone jsonb := '[]';
BEGIN
  FOR b IN
    SELECT * FROM block x WHERE x.node = name
      AND (NOT former OR x.incarnation IS DISTINCT FROM (SELECT n.incarnation FROM node n WHERE n.node = name))
    ORDER BY x.cidr
  LOOP
    PERFORM drop_block(next, 'reclaimed', b);
    released := released || to_jsonb(b.cidr::text);
  END LOOP;
  IF NOT former THEN
    UPDATE node SET fenced = true WHERE node.node = name;
    SELECT coalesce(jsonb_agg(jsonb_build_object('containerId', e.container_id, 'interface', e.interface)), '[]') INTO gone
    FROM endpoint e WHERE e.node = name;
    PERFORM write_report(next, jsonb_build_object('node', name, 'full', true, 'endpoints', '[]'::jsonb, 'removed', '[]'::jsonb,
                                                  'put', '[]'::jsonb, 'removePods', coalesce((request ->> 'removePods')::boolean, false)));
  END IF;
  RETURN jsonb_build_object('released', released, 'endpoints', jsonb_array_length(gone));
END
$$;

-- {} -> {nodes: [name]}: blocks are granted again, though these nodes have not said what they own.
CREATE FUNCTION write_end_reassertion() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  h history := notice_history();
BEGIN
  UPDATE history SET ended = true;
  RETURN jsonb_build_object('nodes', (
    SELECT coalesce(jsonb_agg(n.node ORDER BY n.node), '[]') FROM node n WHERE n.asserted < h.number AND NOT n.fenced));
END
$$;
