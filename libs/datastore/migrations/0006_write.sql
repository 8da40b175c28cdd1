-- The one function that writes to the feed. It takes a batch of requests, each {op, …}, each stored in whole or not at all, and
-- answers each in order with what its part says and the revision that it is in (or, when it changed nothing, the newest one).
-- One call is one transaction: the revision lock is never held across a round trip.
CREATE FUNCTION write(requests jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = caracal, pg_temp AS $$
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
    CASE request ->> 'op'
      WHEN 'resources' THEN answer := write_resources(head + 1, request);
      WHEN 'claim' THEN answer := write_claim(head + 1, request);
      WHEN 'release' THEN answer := write_release(head + 1, request);
      WHEN 'report' THEN answer := write_report(head + 1, request);
    END CASE;
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

CREATE FUNCTION report_status(reporter text, reported jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = caracal, pg_temp AS $$
  INSERT INTO node_status AS s (node, status) VALUES (reporter, reported)
  ON CONFLICT (node) DO UPDATE SET status = excluded.status, reported_at = excluded.reported_at
$$;

-- Forgets changes older than `keep`, up to a number a call; readers that stand before them take a snapshot.
CREATE FUNCTION trim_feed(keep interval, at_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = caracal, pg_temp AS $$
DECLARE
  upto bigint;
BEGIN
  SELECT max(t.revision) INTO upto FROM (
    SELECT r.revision FROM revision r, feed_head h
    WHERE r.revision < h.revision AND r.at < clock_timestamp() - keep ORDER BY r.revision LIMIT at_most) t;
  IF upto IS NULL THEN
    RETURN 0;
  END IF;
  DELETE FROM change WHERE revision <= upto;
  DELETE FROM revision WHERE revision <= upto;
  UPDATE feed_head SET oldest = upto;
  RETURN upto;
END
$$;

-- Readers see everything; nobody but these functions writes.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA caracal FROM PUBLIC;
GRANT USAGE ON SCHEMA caracal TO caracal_hub;
GRANT SELECT ON ALL TABLES IN SCHEMA caracal TO caracal_hub;
GRANT EXECUTE ON FUNCTION write, report_status, trim_feed, resource_body, endpoint_body, block_body TO caracal_hub;
