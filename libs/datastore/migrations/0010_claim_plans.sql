-- works with binaries from 7 on
-- Claims and assertions at the same cost whatever the number of blocks. A session keeps the plans that it made when the tables were
-- empty, and then to walk a table in the order of its key seems as cheap as to look something up. And no block is granted again either
-- while nodes have yet to say what they own.

ALTER FUNCTION write(jsonb) SET enable_seqscan = off;

-- A block that this one overlaps, the last of several; null when it is free. Looked up first and ordered then: see above.
CREATE FUNCTION overlapping(wanted cidr) RETURNS block LANGUAGE plpgsql STABLE AS $$
DECLARE
  found block;
BEGIN
  SELECT x.* INTO found FROM (SELECT b.* FROM block b WHERE b.cidr && wanted OFFSET 0) x ORDER BY x.cidr DESC LIMIT 1;
  RETURN found;
END
$$;
REVOKE ALL ON FUNCTION overlapping FROM PUBLIC;

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
  -- First of all: what a database that lost something has as this node's may be another's by now.
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

  IF request ? 'held' AND asked IS NULL THEN
    SELECT x.* INTO granted FROM (SELECT b.* FROM block b WHERE b.node = claimant OFFSET 0) x
    WHERE x.pool = pool_name AND x.incarnation = own
      AND x.cidr NOT IN (SELECT own_block::cidr FROM jsonb_array_elements_text(request -> 'held') own_block)
    ORDER BY x.cidr LIMIT 1;
    IF FOUND THEN
      RETURN jsonb_build_object('block', block_body(granted));
    END IF;
  END IF;
  IF coalesce((spec ->> 'disabled')::boolean, false) THEN
    RETURN '{"disabledPool": true}';
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
    taken := overlapping(candidate);
    IF taken.cidr IS NOT NULL THEN -- of another size, from before
      RETURN jsonb_build_object('taken', block_body(taken));
    END IF;
  ELSE
    SELECT x.lowest INTO candidate FROM pool_hint x WHERE (x.pool, x.cidr, x.block_size) = (pool_name, pool_cidr, size);
    candidate := coalesce(candidate, set_masklen(pool_cidr, size));
    LOOP
      taken := overlapping(candidate);
      EXIT WHEN taken.cidr IS NULL;
      candidate := block_after(CASE WHEN taken.cidr >>= candidate THEN taken.cidr ELSE candidate END, size, pool_cidr);
      IF candidate IS NULL THEN
        RETURN jsonb_build_object('full', least(2::numeric ^ (size - masklen(pool_cidr)), 4294967295)::bigint);
      END IF;
    END LOOP;
    INSERT INTO pool_hint AS x (pool, cidr, block_size, lowest)
    VALUES (pool_name, pool_cidr, size, coalesce(block_after(candidate, size, pool_cidr), candidate))
    ON CONFLICT (pool) DO UPDATE SET cidr = excluded.cidr, block_size = excluded.block_size, lowest = excluded.lowest;
  END IF;
  INSERT INTO block (cidr, pool, node, incarnation, revision) VALUES (candidate, pool_name, claimant, own, next) RETURNING * INTO granted;
  PERFORM tell_block(next, 'claimed', granted);
  RETURN jsonb_build_object('block', block_body(granted));
END
$$;

-- {node, incarnation, machine, blocks: [{cidr, pool}], seen?: {revision, nonce}}
--   -> {conflicts: [block], stranded: [block], blocks: [block]} | {fenced: reason} | {otherAlive: incarnation}
-- The journal is the authority on what a node holds: what it lacks is released, what the database lacks (it lost the claim) is stored
-- again, unless somebody else has it. Kept all the same is what the journal lacks and was granted after `seen` (the request may be
-- late), or has endpoints (the journal may be an old one); the node finds it in `blocks`.
CREATE OR REPLACE FUNCTION write_assert(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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
    -- What overlaps it is itself, or something else.
    b := overlapping(held.cidr);
    IF b.cidr <> held.cidr OR (b.node, b.incarnation) <> (name, own) THEN
      conflicts := conflicts || jsonb_build_array(block_body(b) || jsonb_build_object('held', held.cidr::text));
    ELSIF b.cidr IS NULL THEN
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
