-- works with binaries from 7 on
-- A clock that is set back: what was written before lies in the future then, and counts from now on. Otherwise a node that died would be
-- alive, and nodes be waited for, until the clock is again where it was.

-- Seconds after its last report for which another machine of the same name counts as alive. The one clock is the database's.
CREATE OR REPLACE FUNCTION is_alive(name text, of_incarnation text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE node_status s SET reported_at = clock_timestamp() WHERE s.node = name AND s.reported_at > clock_timestamp();
  RETURN EXISTS (SELECT FROM node_status s WHERE s.node = name AND s.status ->> 'incarnation' = of_incarnation
                   AND s.reported_at > clock_timestamp() - interval '45 seconds');
END
$$;

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
  ELSIF NOT h.ended AND h.began_at > clock_timestamp() THEN
    UPDATE history SET began_at = clock_timestamp() RETURNING * INTO h;
  END IF;
  RETURN h;
END
$$;
