-- Resources: put, label, delete. All of one request or none. The caller holds the revision lock.

-- Stores resources whose content differs from what is there. `mode` of each:
--   absent        replace labels, annotations and spec
--   'ifMissing'   only when there is none of this name
--   'ifOtherUid'  only when there is none of this name with this uid (another uid is another object: all of it is replaced)
--   'merge'       labels and annotations are added to those that are there
CREATE FUNCTION put_resources(next bigint, puts jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  added jsonb;
BEGIN
  WITH input AS (
    SELECT * FROM ROWS FROM (jsonb_to_recordset(puts) AS (
      "apiVersion" text, kind text, namespace text, name text, uid text,
      labels jsonb, annotations jsonb, spec jsonb, mode text)) WITH ORDINALITY AS x(
      "apiVersion", kind, namespace, name, uid, labels, annotations, spec, mode, place)
  ), desired AS (
    SELECT i.place, i.kind, i.namespace, i.name, i."apiVersion" AS api_version,
           coalesce(nullif(i.uid, ''), r.uid, gen_random_uuid()::text) AS uid,
           CASE WHEN i.mode = 'merge' THEN coalesce(r.labels, '{}') ELSE '{}' END || coalesce(i.labels, '{}') AS labels,
           CASE WHEN i.mode = 'merge' THEN coalesce(r.annotations, '{}') ELSE '{}' END || coalesce(i.annotations, '{}') AS annotations,
           i.spec,
           r.uid AS old_uid, r.generation AS old_generation, r.spec AS old_spec, r.labels AS old_labels,
           r.annotations AS old_annotations, r.api_version AS old_api_version
    FROM input i LEFT JOIN resource r USING (kind, namespace, name)
    WHERE r.name IS NULL
       OR NOT (coalesce(i.mode, '') = 'ifMissing' OR (coalesce(i.mode, '') = 'ifOtherUid' AND r.uid = i.uid))
  ), stored AS (
    INSERT INTO resource AS r (kind, namespace, name, api_version, uid, labels, annotations, spec, generation, revision)
    SELECT kind, namespace, name, api_version, uid, labels, annotations, spec,
           CASE WHEN old_uid IS DISTINCT FROM uid THEN 1
                WHEN old_spec = spec THEN old_generation
                ELSE old_generation + 1 END,
           next
    FROM desired
    WHERE (old_uid, old_spec, old_labels, old_annotations, old_api_version)
          IS DISTINCT FROM (uid, spec, labels, annotations, api_version)
    ON CONFLICT (kind, namespace, name) DO UPDATE SET
      api_version = excluded.api_version, uid = excluded.uid, labels = excluded.labels, annotations = excluded.annotations,
      spec = excluded.spec, generation = excluded.generation, revision = excluded.revision,
      created_at = CASE WHEN r.uid = excluded.uid THEN r.created_at ELSE excluded.created_at END
    RETURNING r.*
  )
  SELECT jsonb_agg(jsonb_build_object('key', jsonb_build_array(kind, namespace, name), 'body', resource_body(s::resource)) ORDER BY place)
  INTO added FROM stored s JOIN (SELECT kind, namespace, name, place FROM desired) d USING (kind, namespace, name);
  PERFORM add_changes(next, 'resource', coalesce(added, '[]'));
END
$$;

-- Removes resources; `uid`, when given, must match. Missing ones are passed over.
CREATE FUNCTION delete_resources(next bigint, deletes jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  added jsonb;
BEGIN
  WITH gone AS (
    DELETE FROM resource r
    USING jsonb_to_recordset(deletes) AS d(kind text, namespace text, name text, uid text)
    WHERE (r.kind, r.namespace, r.name) = (d.kind, d.namespace, d.name) AND r.uid = coalesce(d.uid, r.uid)
    RETURNING r.kind, r.namespace, r.name
  )
  SELECT jsonb_agg(jsonb_build_object('key', jsonb_build_array(kind, namespace, name))) INTO added FROM gone;
  PERFORM add_changes(next, 'resource', coalesce(added, '[]'));
END
$$;

-- Merges labels; a null value removes the label.
CREATE FUNCTION label_resources(next bigint, patches jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  added jsonb;
BEGIN
  WITH labelled AS (
    UPDATE resource r SET labels = jsonb_strip_nulls(r.labels || p.labels), revision = next
    FROM jsonb_to_recordset(patches) AS p(kind text, namespace text, name text, labels jsonb)
    WHERE (r.kind, r.namespace, r.name) = (p.kind, p.namespace, p.name)
      AND r.labels <> jsonb_strip_nulls(r.labels || p.labels)
    RETURNING r.*
  )
  SELECT jsonb_agg(jsonb_build_object('key', jsonb_build_array(kind, namespace, name), 'body', resource_body(l::resource)))
  INTO added FROM labelled l;
  PERFORM add_changes(next, 'resource', coalesce(added, '[]'));
END
$$;

-- Why a request cannot be stored: [{kind, namespace, name, reason, blocks?}], or nothing.
CREATE FUNCTION refusals(request jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
  WITH deleted AS (
    SELECT d.* FROM jsonb_to_recordset(request -> 'delete') AS d(kind text, namespace text, name text)
  ), named AS (
    SELECT * FROM deleted
    UNION ALL SELECT l.* FROM jsonb_to_recordset(request -> 'label') AS l(kind text, namespace text, name text)
  ), pools AS (
    SELECT p.name, (p.spec ->> 'cidr')::cidr AS cidr, (p.spec ->> 'blockSize')::integer AS block_size
    FROM jsonb_to_recordset(request -> 'put') AS p(kind text, name text, spec jsonb) WHERE p.kind = 'IPPool'
  ), refused AS (
    SELECT n.kind, n.namespace, n.name, 'NotFound' AS reason, NULL::jsonb AS blocks FROM named n
    WHERE NOT EXISTS (SELECT FROM resource r WHERE (r.kind, r.namespace, r.name) = (n.kind, n.namespace, n.name))
    UNION ALL
    SELECT 'IPPool', '', d.name, 'BlocksInUse', jsonb_agg(jsonb_build_object('cidr', b.cidr::text, 'node', b.node) ORDER BY b.cidr)
    FROM deleted d JOIN block b ON b.pool = d.name WHERE d.kind = 'IPPool' GROUP BY d.name
    UNION ALL
    SELECT 'IPPool', '', p.name, 'BlocksOutside', jsonb_agg(jsonb_build_object('cidr', b.cidr::text, 'node', b.node) ORDER BY b.cidr)
    FROM pools p JOIN block b ON b.pool = p.name AND NOT b.cidr <<= p.cidr GROUP BY p.name
    UNION ALL
    SELECT 'IPPool', '', p.name, 'BlockSizeInUse', jsonb_agg(jsonb_build_object('cidr', b.cidr::text, 'node', b.node) ORDER BY b.cidr)
    FROM pools p JOIN block b ON b.pool = p.name AND b.cidr <<= p.cidr AND masklen(b.cidr) <> p.block_size GROUP BY p.name
  )
  SELECT jsonb_agg(to_jsonb(r)) FROM refused r
$$;

-- {put, label, delete, expected?: {revision, kinds}, dryRun?}
--   -> {conflict: true}: a resource of one of those kinds changed after that revision, so what was checked is no longer so
--   |  {refused: […]}
--   |  {outcomes: ['created' | 'configured' | 'unchanged', …]} in the order of `put`
CREATE FUNCTION write_resources(next bigint, request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  refused jsonb;
  created boolean[];
  outcomes jsonb;
BEGIN
  IF request ? 'expected' AND EXISTS (
    SELECT FROM change WHERE revision > (request -> 'expected' ->> 'revision')::bigint AND item = 'resource'
      AND key[1] IN (SELECT jsonb_array_elements_text(request -> 'expected' -> 'kinds'))
  ) THEN
    RETURN '{"conflict": true}';
  END IF;
  refused := refusals(request);
  IF refused IS NOT NULL THEN
    RETURN jsonb_build_object('refused', refused);
  END IF;
  SELECT array_agg(r.name IS NULL ORDER BY i) INTO created
  FROM jsonb_array_elements(request -> 'put') WITH ORDINALITY u(p, i)
  LEFT JOIN resource r ON (r.kind, r.namespace, r.name) = (p ->> 'kind', p ->> 'namespace', p ->> 'name');
  BEGIN
    PERFORM delete_resources(next, request -> 'delete');
    PERFORM put_resources(next, request -> 'put');
    PERFORM label_resources(next, request -> 'label');
    SELECT jsonb_agg(CASE WHEN created[i] THEN 'created' WHEN c.revision IS NULL THEN 'unchanged' ELSE 'configured' END ORDER BY i)
    INTO outcomes
    FROM jsonb_array_elements(request -> 'put') WITH ORDINALITY u(p, i)
    LEFT JOIN change c ON c.revision = next AND c.item = 'resource'
      AND c.key = ARRAY[p ->> 'kind', p ->> 'namespace', p ->> 'name'] AND c.body IS NOT NULL;
    IF (request ->> 'dryRun')::boolean THEN
      RAISE EXCEPTION USING ERRCODE = 'CDRY1'; -- undoes this block, and keeps what it found out
    END IF;
  EXCEPTION WHEN SQLSTATE 'CDRY1' THEN NULL;
  END;
  RETURN jsonb_build_object('outcomes', coalesce(outcomes, '[]'));
END
$$;
