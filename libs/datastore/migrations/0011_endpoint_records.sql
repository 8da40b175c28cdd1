-- works with binaries from 7 on
-- What a node's journal has of an endpoint beside what others need: kept for the node alone, for when its journal is lost.

-- Beside the endpoint, so that a change of it is no change of the feed and no event of the address.
CREATE TABLE endpoint_record (
  node text NOT NULL,
  container_id text NOT NULL,
  interface text NOT NULL,
  record text NOT NULL, -- the agent's own words
  PRIMARY KEY (node, container_id, interface),
  FOREIGN KEY (node, container_id, interface) REFERENCES endpoint ON DELETE CASCADE
);
GRANT SELECT ON endpoint_record TO caracal_hub;

ALTER FUNCTION write_report(bigint, jsonb) RENAME TO write_reported_endpoints;

-- As write_reported_endpoints, where an endpoint may have a `record`. One without leaves the one that is there: an agent of the version
-- before sends none.
CREATE FUNCTION write_report(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  answer jsonb := write_reported_endpoints(next, request);
BEGIN
  IF NOT answer ? 'fenced' THEN
    INSERT INTO endpoint_record AS r (node, container_id, interface, record)
    SELECT e.node, e.container_id, e.interface, x.record
    FROM jsonb_to_recordset(request -> 'endpoints') AS x("containerId" text, interface text, record text)
    JOIN endpoint e ON (e.node, e.container_id, e.interface) = (request ->> 'node', x."containerId", x.interface)
    WHERE x.record <> ''
    ON CONFLICT (node, container_id, interface) DO UPDATE SET record = excluded.record WHERE r.record <> excluded.record;
  END IF;
  RETURN answer;
END
$$;
REVOKE ALL ON FUNCTION write_report, write_reported_endpoints FROM PUBLIC;
