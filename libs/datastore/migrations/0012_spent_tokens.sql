-- works with binaries from 7 on
-- Enrolment tokens that have let a node in: each does so once, whichever hub it is shown to.

CREATE TABLE spent_token (
  token bytea PRIMARY KEY, -- SHA-256 of what its signature covers
  node text NOT NULL,
  key bytea NOT NULL, -- SHA-256 of the public key that got a certificate for it
  spent_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL -- as the token says: afterwards no hub takes it anyway
);
CREATE INDEX spent_token_expires ON spent_token (expires_at);
GRANT SELECT ON spent_token TO caracal_hub;

-- Null when the token is spent by this call, or was for the same key (an answer was lost); else when it was spent.
CREATE FUNCTION spend_token(shown bytea, by_node text, for_key bytea, until timestamptz) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = caracal, pg_temp AS $$
DECLARE
  before timestamptz;
BEGIN
  -- A day more than they live: hubs judge that by their own clocks.
  DELETE FROM spent_token WHERE expires_at < clock_timestamp() - interval '1 day';
  INSERT INTO spent_token (token, node, key, expires_at) VALUES (shown, by_node, for_key, until) ON CONFLICT (token) DO NOTHING;
  SELECT s.spent_at INTO before FROM spent_token s WHERE s.token = shown AND s.key <> for_key;
  RETURN before;
END
$$;
REVOKE ALL ON FUNCTION spend_token FROM PUBLIC;
GRANT EXECUTE ON FUNCTION spend_token TO caracal_hub;
