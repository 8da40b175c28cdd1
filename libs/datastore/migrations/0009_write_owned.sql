-- works with binaries from 7 on
-- The write function with what 0008 added: claims by incarnation, of an address, within a limit, not before every node has said what it
-- owns; reports with quarantine and history; reassertion, reclaim, split, asking back.

-- {pool, node, incarnation, held?: [cidr], address?, seen?: {revision, nonce}}
--   -> {block: {…}} | {full: number of blocks} | {unknownPool: true} | {disabledPool: true} | {taken: {cidr, node}} | {limit: number}
--   |  {refused: reason}
CREATE OR REPLACE FUNCTION write_claim(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  pool_name text := request ->> 'pool';
  claimant text := request ->> 'node';
  own text := request ->> 'incarnation';
  asked inet := nullif(request ->> 'address', '')::inet;
  spec jsonb;
  pool_cidr cidr;
  size integer;
  candidate cidr;
  taken block;
  granted block;
  owner node;
  h history;
  silent text[];
  most integer;
BEGIN
  SELECT r.spec INTO spec FROM resource r WHERE (r.kind, r.namespace, r.name) = ('IPPool', '', pool_name);
  IF NOT FOUND THEN
    RETURN '{"unknownPool": true}';
  END IF;
  SELECT * INTO owner FROM node n WHERE n.node = claimant;
  IF FOUND AND owner.incarnation <> own THEN
    RETURN jsonb_build_object('refused', format('node %s is incarnation %s, not %s', claimant, owner.incarnation, own));
  ELSIF FOUND AND owner.fenced THEN
    RETURN jsonb_build_object('refused', format('node %s was declared to be off', claimant));
  END IF;
  IF request ? 'held' AND asked IS NULL THEN
    SELECT b.* INTO granted FROM block b
    WHERE b.node = claimant AND b.pool = pool_name AND b.incarnation = own
      AND b.cidr NOT IN (SELECT x::cidr FROM jsonb_array_elements_text(request -> 'held') x)
    ORDER BY b.cidr LIMIT 1;
    IF FOUND THEN
      RETURN jsonb_build_object('block', block_body(granted));
    END IF;
  END IF;
  IF coalesce((spec ->> 'disabled')::boolean, false) THEN
    RETURN '{"disabledPool": true}';
  END IF;

  h := notice_history(request -> 'seen', owner.asserted);
  IF NOT h.ended THEN
    SELECT array_agg(n.node ORDER BY n.node) INTO silent FROM node n WHERE n.asserted < h.number AND NOT n.fenced;
    IF silent IS NULL AND clock_timestamp() > h.began_at + h.hold THEN
      UPDATE history SET ended = true;
    ELSE
      RETURN jsonb_build_object('refused', format(
        'no block is granted until every node has said what it owns, because %s; %s', h.reason,
        CASE WHEN silent IS NULL THEN 'that may take some seconds more'
             ELSE format('%s are missing: %s', cardinality(silent), array_to_string(silent[1:5], ', ')) END));
    END IF;
  END IF;

  pool_cidr := (spec ->> 'cidr')::cidr;
  size := coalesce((spec ->> 'blockSize')::integer, CASE family(pool_cidr) WHEN 4 THEN 26 ELSE 122 END);
  IF asked IS NOT NULL THEN
    SELECT b.* INTO taken FROM block b WHERE b.cidr >>= asked;
    IF FOUND AND (taken.node, taken.incarnation) = (claimant, own) THEN
      RETURN jsonb_build_object('block', block_body(taken));
    ELSIF FOUND THEN
      RETURN jsonb_build_object('taken', block_body(taken));
    ELSIF NOT asked <<= pool_cidr THEN
      RETURN '{"unknownPool": true}';
    END IF;
  END IF;

  SELECT (c.spec -> 'ipam' ->> 'maxBlocks')::integer INTO most FROM resource c
  WHERE c.kind = 'NodeConfiguration' AND c.namespace = '' AND c.name IN (claimant, 'default')
    AND c.spec -> 'ipam' ? 'maxBlocks'
  ORDER BY c.name = claimant DESC LIMIT 1;
  IF most IS NOT NULL AND (SELECT count(*) FROM block b WHERE b.node = claimant) >= most THEN
    RETURN jsonb_build_object('limit', most);
  END IF;

  IF asked IS NOT NULL THEN
    candidate := set_masklen(asked::cidr, size);
    SELECT b.* INTO taken FROM block b WHERE b.cidr && candidate ORDER BY b.cidr LIMIT 1;
    IF FOUND THEN -- of another size, from before
      RETURN jsonb_build_object('taken', block_body(taken));
    END IF;
  ELSE
    SELECT x.lowest INTO candidate FROM pool_hint x WHERE (x.pool, x.cidr, x.block_size) = (pool_name, pool_cidr, size);
    candidate := coalesce(candidate, set_masklen(pool_cidr, size));
    LOOP
      SELECT b.* INTO taken FROM block b WHERE b.cidr && candidate ORDER BY b.cidr DESC LIMIT 1;
      EXIT WHEN NOT FOUND;
      candidate := block_after(CASE WHEN taken.cidr >>= candidate THEN taken.cidr ELSE candidate END, size, pool_cidr);
      IF candidate IS NULL THEN
        RETURN jsonb_build_object('full', least(2::numeric ^ (size - masklen(pool_cidr)), 4294967295)::bigint);
      END IF;
    END LOOP;
    INSERT INTO pool_hint AS x (pool, cidr, block_size, lowest) VALUES (pool_name, pool_cidr, size, candidate)
    ON CONFLICT (pool) DO UPDATE SET cidr = excluded.cidr, block_size = excluded.block_size, lowest = excluded.lowest;
  END IF;
  INSERT INTO block (cidr, pool, node, incarnation, revision) VALUES (candidate, pool_name, claimant, own, next) RETURNING * INTO granted;
  PERFORM tell_block(next, 'claimed', granted);
  RETURN jsonb_build_object('block', block_body(granted));
END
$$;

CREATE OR REPLACE FUNCTION write_release(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  held block;
BEGIN
  SELECT b.* INTO held FROM block b WHERE b.cidr = (request ->> 'cidr')::cidr;
  IF NOT FOUND THEN
    RETURN '{"released": false}';
  END IF;
  IF (held.node, held.incarnation) <> (request ->> 'node', request ->> 'incarnation') THEN
    RETURN jsonb_build_object('owner', jsonb_build_object('node', held.node, 'incarnation', held.incarnation));
  END IF;
  PERFORM drop_block(next, 'released', held);
  RETURN '{"released": true}';
END
$$;

-- Every change of an endpoint is in the history, whoever makes it.
CREATE FUNCTION note_endpoints() RETURNS trigger LANGUAGE plpgsql SET search_path = caracal, pg_temp AS $$
DECLARE
  at_revision bigint := coalesce(nullif(current_setting('caracal.revision', true), ''), '0')::bigint;
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM add_address_events(at_revision, 'released', o) FROM before o;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    PERFORM add_address_events(at_revision, 'assigned', n) FROM after n;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER endpoint_added AFTER INSERT ON endpoint REFERENCING NEW TABLE AS after
  FOR EACH STATEMENT EXECUTE FUNCTION note_endpoints();
CREATE TRIGGER endpoint_changed AFTER UPDATE ON endpoint REFERENCING OLD TABLE AS before NEW TABLE AS after
  FOR EACH STATEMENT EXECUTE FUNCTION note_endpoints();
CREATE TRIGGER endpoint_gone AFTER DELETE ON endpoint REFERENCING OLD TABLE AS before
  FOR EACH STATEMENT EXECUTE FUNCTION note_endpoints();

-- Why a node's report of an endpoint cannot be true, or nothing. A block's owner is right against everybody.
CREATE FUNCTION report_conflict(reporter text, addresses inet[]) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    (SELECT format('%s lies in block %s, which node %s owns', host(a), b.cidr, b.node)
     FROM unnest(addresses) a JOIN block b ON b.cidr >>= a WHERE b.node <> reporter LIMIT 1),
    (SELECT format('%s is held by %s/%s on node %s', host(a), e.pod_namespace, e.pod_name, e.node)
     FROM unnest(addresses) a JOIN endpoint e ON e.addresses @> ARRAY[a]
     WHERE e.node <> reporter AND NOT EXISTS (SELECT FROM block b WHERE b.cidr >>= a AND b.node = reporter) LIMIT 1))
$$;

-- {node, incarnation?, full, endpoints: […], removed: [{containerId, interface}], put: [resources], removePods, refusals?: [{address, reason}]}
--   -> {quarantined: number} | {fenced: reason}
-- `full`: the endpoints are all of the node's. `put`: resources that come with them (put_resources). `removePods`: with the last
-- endpoint of a pod goes the Pod of that uid (without Kubernetes nobody else would remove it). `refusals`: addresses that were asked
-- back and stay.
CREATE OR REPLACE FUNCTION write_report(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  reporter text := request ->> 'node';
  gone jsonb;
  wrong jsonb;
  added jsonb;
  current_incarnation text;
BEGIN
  IF coalesce(request ->> 'incarnation', '') <> '' THEN
    SELECT n.incarnation INTO current_incarnation FROM node n WHERE n.node = reporter;
    IF current_incarnation <> request ->> 'incarnation' THEN
      RETURN jsonb_build_object('fenced', format('node %s is incarnation %s, not %s', reporter, current_incarnation, request ->> 'incarnation'));
    END IF;
  END IF;
  DELETE FROM quarantine q WHERE q.node = reporter AND (
    (request ->> 'full')::boolean
    OR (q.container_id, q.interface) IN (
      SELECT x."containerId", x.interface
      FROM jsonb_to_recordset((request -> 'removed') || (request -> 'endpoints')) AS x("containerId" text, interface text)));
  -- What others report of addresses in this node's own blocks is wrong.
  WITH mine AS (
    SELECT a::inet AS address FROM jsonb_to_recordset(request -> 'endpoints') AS x(addresses jsonb), jsonb_array_elements_text(x.addresses) a
  ), others AS (
    DELETE FROM endpoint e USING mine m
    WHERE e.addresses @> ARRAY[m.address] AND e.node <> reporter
      AND EXISTS (SELECT FROM block b WHERE b.cidr >>= m.address AND b.node = reporter)
    RETURNING e.*
  ), kept AS (
    INSERT INTO quarantine AS q (node, container_id, interface, reported, reason)
    SELECT DISTINCT ON (o.node, o.container_id, o.interface) o.node, o.container_id, o.interface, endpoint_body(o::endpoint), format('%s is in a block of node %s, which reports it', host(o.addresses[1]), reporter)
    FROM others o
    ON CONFLICT (node, container_id, interface) DO UPDATE SET reported = excluded.reported, reason = excluded.reason
    RETURNING q.node, q.container_id, q.interface
  )
  SELECT coalesce(jsonb_agg(jsonb_build_object('key', jsonb_build_array(node, container_id, interface))), '[]') INTO wrong FROM kept;
  PERFORM add_changes(next, 'endpoint', wrong);

  WITH deleted AS (
    DELETE FROM endpoint e
    WHERE e.node = reporter AND (
      (e.container_id, e.interface) IN (
        SELECT x."containerId", x.interface FROM jsonb_to_recordset(request -> 'removed') AS x("containerId" text, interface text))
      OR (request ->> 'full')::boolean AND (e.container_id, e.interface) NOT IN (
        SELECT x."containerId", x.interface FROM jsonb_to_recordset(request -> 'endpoints') AS x("containerId" text, interface text)))
    RETURNING e.*
  )
  SELECT jsonb_agg(jsonb_build_object('key', jsonb_build_array(node, container_id, interface), 'podUid', pod_uid,
                                      'podNamespace', pod_namespace, 'podName', pod_name))
  INTO gone FROM deleted;
  gone := coalesce(gone, '[]');
  PERFORM add_changes(next, 'endpoint', gone);

  WITH input AS (
    SELECT x.*, ARRAY(SELECT a::inet FROM jsonb_array_elements_text(x.addresses) WITH ORDINALITY u(a, i) ORDER BY i) AS parsed
    FROM jsonb_to_recordset(request -> 'endpoints') AS x(
      "containerId" text, interface text, "podNamespace" text, "podName" text, "podUid" text, addresses jsonb)
  ), judged AS MATERIALIZED (
    SELECT i.*, report_conflict(reporter, i.parsed) AS conflict FROM input i
  ), kept AS (
    INSERT INTO quarantine (node, container_id, interface, reported, reason)
    SELECT reporter, "containerId", interface, to_jsonb(j) - 'parsed' - 'conflict', conflict FROM judged j WHERE conflict IS NOT NULL
    RETURNING 1
  ), stored AS (
    INSERT INTO endpoint AS e (node, container_id, interface, pod_namespace, pod_name, pod_uid, addresses, revision)
    SELECT reporter, "containerId", interface, "podNamespace", "podName", "podUid", parsed, next FROM judged WHERE conflict IS NULL
    ON CONFLICT (node, container_id, interface) DO UPDATE SET
      pod_namespace = excluded.pod_namespace, pod_name = excluded.pod_name, pod_uid = excluded.pod_uid,
      addresses = excluded.addresses, revision = excluded.revision
    WHERE (e.pod_namespace, e.pod_name, e.pod_uid, e.addresses)
          IS DISTINCT FROM (excluded.pod_namespace, excluded.pod_name, excluded.pod_uid, excluded.addresses)
    RETURNING e.*
  )
  SELECT jsonb_build_object(
    'kept', (SELECT count(*) FROM kept),
    'added', (SELECT coalesce(jsonb_agg(jsonb_build_object('key', jsonb_build_array(node, container_id, interface), 'body', endpoint_body(s::endpoint))), '[]') FROM stored s))
  INTO added;
  PERFORM put_resources(next, request -> 'put');
  PERFORM add_changes(next, 'endpoint', added -> 'added');

  IF (request ->> 'removePods')::boolean THEN
    PERFORM delete_resources(next, (
      SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object(
               'kind', 'Pod', 'namespace', g ->> 'podNamespace', 'name', g ->> 'podName', 'uid', g ->> 'podUid')), '[]')
      FROM jsonb_array_elements(gone) g
      WHERE NOT EXISTS (SELECT FROM endpoint e WHERE e.pod_uid = g ->> 'podUid')));
  END IF;

  UPDATE release_request r SET refusal = x.reason
  FROM jsonb_to_recordset(request -> 'refusals') AS x(address inet, reason text) WHERE r.node = reporter AND r.address = x.address;
  DELETE FROM release_request r WHERE r.node = reporter AND NOT EXISTS (SELECT FROM endpoint e WHERE e.addresses @> ARRAY[r.address]);
  RETURN jsonb_build_object('quarantined', added -> 'kept');
END
$$;

-- {address} -> {state: 'asked' | 'refused', node, reason?} | {state: 'free'}: asks an address back from the node that reports it.
-- Asking again forgets a refusal.
CREATE FUNCTION write_ask_back(request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  asked inet := request ->> 'address';
  holder text;
  before release_request;
BEGIN
  SELECT e.node INTO holder FROM endpoint e WHERE e.addresses @> ARRAY[asked] LIMIT 1;
  IF NOT FOUND THEN
    DELETE FROM release_request WHERE address = asked;
    RETURN '{"state": "free"}';
  END IF;
  SELECT * INTO before FROM release_request r WHERE r.address = asked AND r.node = holder;
  IF FOUND AND before.refusal IS NOT NULL AND NOT coalesce((request ->> 'again')::boolean, false) THEN
    RETURN jsonb_build_object('state', 'refused', 'node', holder, 'reason', before.refusal);
  END IF;
  INSERT INTO release_request (address, node) VALUES (asked, holder)
  ON CONFLICT (address) DO UPDATE SET node = excluded.node, refusal = NULL;
  RETURN jsonb_build_object('state', 'asked', 'node', holder);
END
$$;

-- {pool, parts: [resource]} -> {outside: [block]} | {unknownPool: true} | {moved: number}
-- Replaces a pool by others; every block of it must lie in one of them.
CREATE FUNCTION write_split(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  former text := request ->> 'pool';
  outside jsonb;
  moved integer := 0;
  b block;
BEGIN
  IF NOT EXISTS (SELECT FROM resource r WHERE (r.kind, r.namespace, r.name) = ('IPPool', '', former)) THEN
    RETURN '{"unknownPool": true}';
  END IF;
  SELECT jsonb_agg(block_body(x)) INTO outside FROM block x WHERE x.pool = former AND NOT EXISTS (
    SELECT FROM jsonb_to_recordset(request -> 'parts') AS p(name text, spec jsonb) WHERE x.cidr <<= (p.spec ->> 'cidr')::cidr);
  IF outside IS NOT NULL THEN
    RETURN jsonb_build_object('outside', outside);
  END IF;
  PERFORM delete_resources(next, jsonb_build_array(jsonb_build_object('kind', 'IPPool', 'namespace', '', 'name', former)));
  PERFORM put_resources(next, request -> 'parts');
  FOR b IN
    UPDATE block x SET pool = p.name, revision = next
    FROM jsonb_to_recordset(request -> 'parts') AS p(name text, spec jsonb)
    WHERE x.pool = former AND x.cidr <<= (p.spec ->> 'cidr')::cidr RETURNING x.*
  LOOP
    PERFORM tell_block(next, 'moved', b);
    moved := moved + 1;
  END LOOP;
  DELETE FROM pool_hint WHERE pool = former;
  RETURN jsonb_build_object('moved', moved);
END
$$;

CREATE OR REPLACE FUNCTION write(requests jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = caracal, pg_temp AS $$
DECLARE
  head bigint;
  before bigint;
  request jsonb;
  answer jsonb;
  answers jsonb[] := '{}';
BEGIN
  -- Every statement of this function sees what was committed before this row was locked, and nobody writes until we commit.
  SELECT revision INTO head FROM feed_head FOR UPDATE;
  before := head;
  FOR request IN SELECT value FROM jsonb_array_elements(requests) LOOP
    PERFORM set_config('caracal.revision', (head + 1)::text, true);
    IF (request ->> 'missingOk')::boolean THEN
      request := jsonb_set(request, '{delete}', (
        SELECT coalesce(jsonb_agg(d), '[]') FROM jsonb_array_elements(request -> 'delete') d
        WHERE EXISTS (SELECT FROM resource r WHERE (r.kind, r.namespace, r.name) = (d ->> 'kind', d ->> 'namespace', d ->> 'name'))));
    END IF;
    IF request ? 'epoch' AND (request ->> 'epoch')::bigint IS DISTINCT FROM (SELECT epoch FROM operator) THEN
      answer := '{"fenced": true}';
    ELSE
      CASE request ->> 'op'
        WHEN 'resources' THEN answer := write_resources(head + 1, request);
        WHEN 'claim' THEN answer := write_claim(head + 1, request);
        WHEN 'release' THEN answer := write_release(head + 1, request);
        WHEN 'report' THEN answer := write_report(head + 1, request);
        WHEN 'assert' THEN answer := write_assert(head + 1, request);
        WHEN 'reclaim' THEN answer := write_reclaim(head + 1, request);
        WHEN 'notice' THEN
          PERFORM notice_history(request -> 'seen', (SELECT n.asserted FROM node n WHERE n.node = request ->> 'node'));
          answer := '{}';
        WHEN 'endReassertion' THEN answer := write_end_reassertion();
        WHEN 'askBack' THEN answer := write_ask_back(request);
        WHEN 'split' THEN answer := write_split(head + 1, request);
      END CASE;
    END IF;
    IF EXISTS (SELECT FROM change WHERE revision = head + 1) THEN
      head := head + 1;
      INSERT INTO revision (revision, nonce)
      VALUES (head, ('x' || encode(substr(uuid_send(gen_random_uuid()), 1, 8), 'hex'))::bit(64)::bigint & 9223372036854775807);
    END IF;
    answers := answers || (answer || jsonb_build_object('revision', head::text));
  END LOOP;
  IF head > before THEN
    UPDATE feed_head SET revision = head;
    NOTIFY caracal_feed; -- only wakes the readers; what they read is the table
  END IF;
  RETURN to_jsonb(answers);
END
$$;

-- Answers with the addresses that are asked back from the node.
DROP FUNCTION report_status(text, jsonb);
CREATE FUNCTION report_status(reporter text, reported jsonb) RETURNS text[]
LANGUAGE sql SECURITY DEFINER SET search_path = caracal, pg_temp AS $$
  INSERT INTO node_status AS s (node, status) VALUES (reporter, reported)
  ON CONFLICT (node) DO UPDATE SET status = excluded.status, reported_at = excluded.reported_at;
  SELECT ARRAY(SELECT host(r.address) FROM release_request r WHERE r.node = reporter AND r.refusal IS NULL)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA caracal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION report_status, keep_history, database_identity TO caracal_hub;
