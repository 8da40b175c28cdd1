-- The one shape in which an object enters the feed, for snapshot and change alike.

CREATE FUNCTION resource_body(r resource) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'apiVersion', r.api_version, 'kind', r.kind, 'namespace', r.namespace, 'name', r.name, 'uid', r.uid,
    'labels', r.labels, 'annotations', r.annotations, 'spec', r.spec,
    'generation', r.generation::text, 'revision', r.revision::text)
$$;

CREATE FUNCTION endpoint_body(e endpoint) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object(
    'node', e.node, 'containerId', e.container_id, 'interface', e.interface, 'podNamespace', e.pod_namespace,
    'podName', e.pod_name, 'podUid', e.pod_uid,
    'addresses', (SELECT coalesce(jsonb_agg(host(a) ORDER BY i), '[]') FROM unnest(e.addresses) WITH ORDINALITY u(a, i)))
$$;

CREATE FUNCTION block_body(b block) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('cidr', b.cidr::text, 'pool', b.pool, 'node', b.node, 'incarnation', b.incarnation)
$$;

-- Adds changes of one sort to a revision, after those that it has.
CREATE FUNCTION add_changes(next bigint, added_item text, added jsonb) RETURNS void LANGUAGE sql AS $$
  INSERT INTO change (revision, ordinal, item, key, body)
  SELECT next,
         (SELECT count(*) FROM change WHERE revision = next) + i,
         added_item,
         ARRAY(SELECT jsonb_array_elements_text(a -> 'key')),
         nullif(a -> 'body', 'null')
  FROM jsonb_array_elements(added) WITH ORDINALITY u(a, i)
$$;
