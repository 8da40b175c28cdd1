-- Blocks: claim and release. The caller holds the revision lock, so what is read here does not change until the commit.

-- The block of this size that follows in the address space, or nothing after the last address of `within`.
CREATE FUNCTION block_after(taken cidr, block_size integer, within cidr) RETURNS cidr LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  bits integer := CASE family(within) WHEN 4 THEN 32 ELSE 128 END;
  last inet := set_masklen(broadcast(taken)::inet, bits);
BEGIN
  IF last >= set_masklen(broadcast(within)::inet, bits) THEN
    RETURN NULL;
  END IF;
  RETURN set_masklen((last + 1)::cidr, block_size);
END
$$;

-- {pool, node, incarnation, held?: [cidr]} -> {block: {…}} | {full: number of blocks} | {unknownPool: true} | {disabledPool: true}
-- With `held`, the pool's blocks that the journal holds, a repeated claim is idempotent: a block that this incarnation owns besides
-- them was granted in an answer that got lost, and is granted again.
CREATE FUNCTION write_claim(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  pool_name text := request ->> 'pool';
  spec jsonb;
  pool_cidr cidr;
  size integer;
  candidate cidr;
  taken cidr;
  granted block;
BEGIN
  SELECT r.spec INTO spec FROM resource r WHERE (r.kind, r.namespace, r.name) = ('IPPool', '', pool_name);
  IF NOT FOUND THEN
    RETURN '{"unknownPool": true}';
  END IF;
  IF request ? 'held' THEN
    SELECT b.* INTO granted FROM block b
    WHERE b.node = request ->> 'node' AND b.pool = pool_name AND b.incarnation = request ->> 'incarnation'
      AND b.cidr NOT IN (SELECT h::cidr FROM jsonb_array_elements_text(request -> 'held') h)
    ORDER BY b.cidr LIMIT 1;
    IF FOUND THEN
      RETURN jsonb_build_object('block', block_body(granted));
    END IF;
  END IF;
  IF coalesce((spec ->> 'disabled')::boolean, false) THEN
    RETURN '{"disabledPool": true}';
  END IF;
  pool_cidr := (spec ->> 'cidr')::cidr;
  size := coalesce((spec ->> 'blockSize')::integer, CASE family(pool_cidr) WHEN 4 THEN 26 ELSE 122 END);
  SELECT h.lowest INTO candidate FROM pool_hint h WHERE (h.pool, h.cidr, h.block_size) = (pool_name, pool_cidr, size);
  candidate := coalesce(candidate, set_masklen(pool_cidr, size));
  LOOP
    SELECT b.cidr INTO taken FROM block b WHERE b.cidr && candidate ORDER BY b.cidr DESC LIMIT 1;
    EXIT WHEN NOT FOUND;
    candidate := block_after(CASE WHEN taken >>= candidate THEN taken ELSE candidate END, size, pool_cidr);
    IF candidate IS NULL THEN
      RETURN jsonb_build_object('full', least(2::numeric ^ (size - masklen(pool_cidr)), 4294967295)::bigint);
    END IF;
  END LOOP;
  INSERT INTO block (cidr, pool, node, incarnation, revision)
  VALUES (candidate, pool_name, request ->> 'node', request ->> 'incarnation', next) RETURNING * INTO granted;
  INSERT INTO pool_hint AS h (pool, cidr, block_size, lowest) VALUES (pool_name, pool_cidr, size, candidate)
  ON CONFLICT (pool) DO UPDATE SET cidr = excluded.cidr, block_size = excluded.block_size, lowest = excluded.lowest;
  PERFORM add_changes(next, 'block', jsonb_build_array(
    jsonb_build_object('key', jsonb_build_array(granted.cidr::text), 'body', block_body(granted))));
  RETURN jsonb_build_object('block', block_body(granted));
END
$$;

-- {cidr, node, incarnation} -> {released: true | false (nobody owned it: a repeated release)} | {owner: {node, incarnation}}
CREATE FUNCTION write_release(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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
  DELETE FROM block WHERE cidr = held.cidr;
  UPDATE pool_hint SET lowest = held.cidr WHERE pool = held.pool AND lowest > held.cidr;
  PERFORM add_changes(next, 'block', jsonb_build_array(jsonb_build_object('key', jsonb_build_array(held.cidr::text))));
  RETURN '{"released": true}';
END
$$;
