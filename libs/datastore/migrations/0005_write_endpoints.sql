-- {node, full, endpoints: […], removed: [{containerId, interface}], put: [resources], removePods} -> {}
-- `full`: the endpoints are all of the node's. `put`: resources that come with them (put_resources). `removePods`: with the last
-- endpoint of a pod goes the Pod of that uid (without Kubernetes nobody else would remove it).
CREATE FUNCTION write_report(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  reporter text := request ->> 'node';
  gone jsonb;
  added jsonb;
BEGIN
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
  ), stored AS (
    INSERT INTO endpoint AS e (node, container_id, interface, pod_namespace, pod_name, pod_uid, addresses, revision)
    SELECT reporter, "containerId", interface, "podNamespace", "podName", "podUid", parsed, next FROM input
    ON CONFLICT (node, container_id, interface) DO UPDATE SET
      pod_namespace = excluded.pod_namespace, pod_name = excluded.pod_name, pod_uid = excluded.pod_uid,
      addresses = excluded.addresses, revision = excluded.revision
    WHERE (e.pod_namespace, e.pod_name, e.pod_uid, e.addresses)
          IS DISTINCT FROM (excluded.pod_namespace, excluded.pod_name, excluded.pod_uid, excluded.addresses)
    RETURNING e.*
  )
  SELECT jsonb_agg(jsonb_build_object('key', jsonb_build_array(node, container_id, interface), 'body', endpoint_body(s::endpoint)))
  INTO added FROM stored s;
  PERFORM put_resources(next, request -> 'put');
  PERFORM add_changes(next, 'endpoint', coalesce(added, '[]'));

  IF (request ->> 'removePods')::boolean THEN
    PERFORM delete_resources(next, (
      SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object(
               'kind', 'Pod', 'namespace', g ->> 'podNamespace', 'name', g ->> 'podName', 'uid', g ->> 'podUid')), '[]')
      FROM jsonb_array_elements(gone) g
      WHERE NOT EXISTS (SELECT FROM endpoint e WHERE e.pod_uid = g ->> 'podUid')));
  END IF;
  RETURN '{}';
END
$$;
