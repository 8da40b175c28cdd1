-- works with binaries from 7 on
-- A claim at less cost: which database this is, is asked once a call of write and not once a request; and the change of a block is a row
-- that is stored, not a document that is taken apart again.

-- What is asked once is kept for the transaction: no server changes its timeline while it has one that writes. Who calls this outside of write
-- asks anew.
CREATE OR REPLACE FUNCTION notice_history(seen jsonb DEFAULT NULL, asserted_in bigint DEFAULT NULL) RETURNS history LANGUAGE plpgsql AS $$
DECLARE
  h history;
  now_is text := coalesce(nullif(current_setting('caracal.identity', true), ''), database_identity());
  why text;
  seen_revision bigint := coalesce((seen ->> 'revision')::bigint, 0);
  seen_nonce bigint := coalesce((seen ->> 'nonce')::bigint, 0);
BEGIN
  SELECT * INTO h FROM history;
  IF h.identity <> now_is THEN
    why := format('the database was %s and is %s', h.identity, now_is);
  ELSIF seen_revision > 0
     AND (CASE WHEN asserted_in IS NULL THEN h.ended ELSE asserted_in = h.number END)
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

CREATE OR REPLACE FUNCTION tell_block(next bigint, what text, b block) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  -- As add_changes and add_block_event have it.
  INSERT INTO change (revision, ordinal, item, key, body)
  VALUES (next, 1 + (SELECT count(*) FROM change c WHERE c.revision = next), 'block', ARRAY[b.cidr::text], block_body(b));
  INSERT INTO block_event (revision, cidr, event, pool, node, incarnation)
  VALUES (next, b.cidr, what, b.pool, b.node, b.incarnation);
END
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
