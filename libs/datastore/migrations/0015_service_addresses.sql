-- works with binaries from 7 on
-- Addresses of Services of type LoadBalancer: the operator gives them out one by one, from pools that have no blocks.

CREATE TABLE service_address (
  address inet PRIMARY KEY,
  pool text NOT NULL,
  namespace text NOT NULL,
  name text NOT NULL,
  uid text NOT NULL, -- of the Service: another one of the same name has no right to it
  since timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX service_address_pool ON service_address (pool);
CREATE INDEX service_address_uid ON service_address (uid);
GRANT SELECT ON service_address TO caracal_hub;

-- Whether addresses of a pool are for Services and for nothing else. (A pool of before may say both: it stays one of blocks.)
CREATE FUNCTION is_for_services(spec jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(spec -> 'allowedUses' ? 'LoadBalancer' AND NOT spec -> 'allowedUses' ?| ARRAY['Workload', 'Tunnel'], false)
$$;

-- Who has what is as for addresses of pods, with `service/NAMESPACE/NAME` in the place of a container.
CREATE FUNCTION add_service_event(next bigint, what text, a service_address) RETURNS void LANGUAGE sql AS $$
  INSERT INTO address_event (revision, address, event, node, container_id, interface, pod_namespace, pod_name, pod_uid)
  VALUES (next, a.address, what, '', format('service/%s/%s', a.namespace, a.name), '', a.namespace, a.name, a.uid)
$$;

-- Why a Service cannot get an address: {address, reason, by?}, or nothing.
--   NotInPool   the pool is not there, disabled, not for Services, or another's address
--   Reserved    by the IPReservation `by`
--   Taken       by the Service, node or pod `by`
CREATE FUNCTION service_address_refusal(asked inet, from_pool text, for_uid text) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  by_whom text;
BEGIN
  IF NOT EXISTS (
    SELECT FROM resource r WHERE (r.kind, r.namespace, r.name) = ('IPPool', '', from_pool) AND is_for_services(r.spec)
      AND NOT coalesce((r.spec ->> 'disabled')::boolean, false) AND asked <<= (r.spec ->> 'cidr')::inet
  ) THEN
    RETURN jsonb_build_object('address', host(asked), 'reason', 'NotInPool');
  END IF;
  SELECT r.name INTO by_whom FROM resource r, jsonb_array_elements_text(r.spec -> 'reservedCIDRs') c
  WHERE r.kind = 'IPReservation' AND asked <<= c::inet LIMIT 1;
  IF FOUND THEN
    RETURN jsonb_build_object('address', host(asked), 'reason', 'Reserved', 'by', by_whom);
  END IF;
  SELECT format('Service %s/%s', a.namespace, a.name) INTO by_whom FROM service_address a WHERE a.address = asked AND a.uid <> for_uid;
  IF NOT FOUND THEN
    SELECT format('node %s, whose block %s it lies in', (b).node, (b).cidr) INTO by_whom FROM overlapping(asked::cidr) b WHERE (b).cidr IS NOT NULL;
  END IF;
  IF by_whom IS NULL THEN
    SELECT format('%s/%s on node %s', e.pod_namespace, e.pod_name, e.node) INTO by_whom FROM endpoint e WHERE e.addresses @> ARRAY[asked] LIMIT 1;
  END IF;
  IF by_whom IS NOT NULL THEN
    RETURN jsonb_build_object('address', host(asked), 'reason', 'Taken', 'by', by_whom);
  END IF;
  RETURN NULL;
END
$$;

-- {epoch, namespace, name, uid, addresses: [{address, pool}]} -> {assigned: [address], released: [address]} | {refused: {address, reason, by?}}
-- The Service has these addresses and no others: all of them, or everything stays as it was. What it has already is not judged again.
CREATE FUNCTION write_service(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  own text := request ->> 'uid';
  wanted record;
  row_of service_address;
  refused jsonb;
  assigned jsonb := '[]';
  released jsonb := '[]';
BEGIN
  IF NOT request ? 'epoch' THEN -- only the operator of this term
    RETURN '{"fenced": true}';
  END IF;
  FOR wanted IN
    SELECT * FROM jsonb_to_recordset(request -> 'addresses') AS x(address inet, pool text)
    WHERE NOT EXISTS (SELECT FROM service_address a WHERE a.address = x.address AND a.uid = own)
  LOOP
    refused := service_address_refusal(wanted.address, wanted.pool, own);
    IF refused IS NOT NULL THEN
      RETURN jsonb_build_object('refused', refused);
    END IF;
  END LOOP;
  FOR row_of IN
    DELETE FROM service_address a WHERE a.uid = own
      AND a.address NOT IN (SELECT x.address FROM jsonb_to_recordset(request -> 'addresses') AS x(address inet))
    RETURNING a.*
  LOOP
    PERFORM add_service_event(next, 'released', row_of);
    released := released || to_jsonb(host(row_of.address));
  END LOOP;
  FOR row_of IN
    INSERT INTO service_address (address, pool, namespace, name, uid)
    SELECT DISTINCT x.address, x.pool, request ->> 'namespace', request ->> 'name', own
    FROM jsonb_to_recordset(request -> 'addresses') AS x(address inet, pool text)
    ON CONFLICT DO NOTHING RETURNING *
  LOOP
    PERFORM add_service_event(next, 'assigned', row_of);
    assigned := assigned || to_jsonb(host(row_of.address));
  END LOOP;
  RETURN jsonb_build_object('assigned', assigned, 'released', released);
END
$$;

-- No block of a pool for Services, whatever a node that has not heard of its change believes.
ALTER FUNCTION write_claim(bigint, jsonb) RENAME TO write_claimed_block;
CREATE FUNCTION write_claim(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM resource r WHERE (r.kind, r.namespace, r.name) = ('IPPool', '', request ->> 'pool') AND is_for_services(r.spec)) THEN
    RETURN '{"disabledPool": true}';
  END IF;
  RETURN write_claimed_block(next, request);
END
$$;

-- The addresses of Services go with the part of the pool that they lie in.
ALTER FUNCTION write_split(bigint, jsonb) RENAME TO write_split_blocks;
CREATE FUNCTION write_split(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  answer jsonb := write_split_blocks(next, request);
BEGIN
  IF answer ? 'moved' THEN
    UPDATE service_address a SET pool = p.name
    FROM jsonb_to_recordset(request -> 'parts') AS p(name text, spec jsonb)
    WHERE a.pool = request ->> 'pool' AND a.address <<= (p.spec ->> 'cidr')::inet;
  END IF;
  RETURN answer;
END
$$;

-- As before, and what Services have of a pool holds it as blocks do: [{kind, namespace, name, reason, blocks?, addresses?}], or nothing.
ALTER FUNCTION refusals(jsonb) RENAME TO block_refusals;
CREATE FUNCTION refusals(request jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
  WITH pools AS (
    SELECT p.name, p.spec, (p.spec ->> 'cidr')::inet AS cidr
    FROM jsonb_to_recordset(request -> 'put') AS p(kind text, name text, spec jsonb) WHERE p.kind = 'IPPool'
  ), used AS (
    SELECT 'AddressesInUse' AS reason, d.name, a.address, a.namespace, a.name AS service
    FROM jsonb_to_recordset(request -> 'delete') AS d(kind text, name text) JOIN service_address a ON a.pool = d.name
    WHERE d.kind = 'IPPool'
    UNION ALL
    SELECT 'AddressesOutside', p.name, a.address, a.namespace, a.name
    FROM pools p JOIN service_address a ON a.pool = p.name AND NOT a.address <<= p.cidr
    UNION ALL
    SELECT 'UseInUse', p.name, a.address, a.namespace, a.name
    FROM pools p JOIN service_address a ON a.pool = p.name AND NOT is_for_services(p.spec)
  ), refused AS (
    SELECT 'IPPool' AS kind, '' AS namespace, u.name, u.reason, NULL::jsonb AS blocks,
           jsonb_agg(jsonb_build_object('address', host(u.address), 'service', format('%s/%s', u.namespace, u.service)) ORDER BY u.address) AS addresses
    FROM used u GROUP BY u.name, u.reason
    UNION ALL
    SELECT 'IPPool', '', p.name, 'UseInUse', jsonb_agg(jsonb_build_object('cidr', b.cidr::text, 'node', b.node) ORDER BY b.cidr), NULL
    FROM pools p JOIN block b ON b.pool = p.name WHERE is_for_services(p.spec) GROUP BY p.name
  )
  SELECT nullif(coalesce(block_refusals(request), '[]') || coalesce((SELECT jsonb_agg(to_jsonb(r)) FROM refused r), '[]'), '[]')
$$;

CREATE OR REPLACE FUNCTION write(requests jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = caracal, pg_temp SET enable_seqscan = off AS $$
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
  -- Set here, whatever the session says.
  PERFORM set_config('caracal.identity', database_identity(), true);
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
        WHEN 'service' THEN answer := write_service(head + 1, request);
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

REVOKE ALL ON FUNCTION is_for_services, add_service_event, service_address_refusal, write_service, write_claim, write_split, refusals FROM PUBLIC;
