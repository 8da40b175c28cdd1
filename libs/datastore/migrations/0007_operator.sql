-- The operator: which cluster this database belongs to, and a fence against an operator that lost its lease without knowing.

CREATE TABLE operator (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  cluster_uid text NOT NULL,
  epoch bigint NOT NULL,
  holder text NOT NULL
);
GRANT SELECT ON operator TO caracal_hub;

-- A new leader's first act. Every epoch before the answered one is fenced: write refuses requests that carry another.
--   -> {epoch: text} | {otherCluster: uid}
CREATE FUNCTION take_epoch(cluster text, leader text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = caracal, pg_temp AS $$
DECLARE
  taken operator;
BEGIN
  PERFORM FROM feed_head FOR UPDATE; -- no write of an earlier epoch commits after this
  INSERT INTO operator AS o (cluster_uid, epoch, holder) VALUES (cluster, 1, leader)
  ON CONFLICT (one) DO UPDATE SET epoch = o.epoch + 1, holder = excluded.holder WHERE o.cluster_uid = excluded.cluster_uid
  RETURNING * INTO taken;
  IF taken.epoch IS NULL THEN
    RETURN jsonb_build_object('otherCluster', (SELECT cluster_uid FROM operator));
  END IF;
  RETURN jsonb_build_object('epoch', taken.epoch::text);
END
$$;

-- Requests may carry `epoch`, and then say {fenced: true} unless it is the newest; `missingOk` deletes what is there and passes
-- over what is not.
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

REVOKE ALL ON FUNCTION take_epoch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_epoch TO caracal_hub;
