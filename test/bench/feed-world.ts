import pg from 'pg';

/** Deployments in the cluster: their pods are alike. */
const deployments = 10_000;

/** Fills a migrated database as if so many nodes had reported so many pods each, and history had been kept for a while. */
export async function fillDatabase(
  url: string,
  { nodes, podsANode, history = 0 }: { nodes: number; podsANode: number; history?: number },
): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('SET search_path = caracal; ALTER TABLE endpoint DISABLE TRIGGER USER');
    await client.query(`INSERT INTO resource (kind, namespace, name, api_version, uid, labels, spec, generation, revision) VALUES
      ('IPPool', '', 'default', 'caracal.network/v1', 'pool', '{}', '{"cidr": "10.0.0.0/8", "blockSize": 26, "natOutgoing": false, "disabled": false,
        "nodeSelector": "all()", "namespaceSelector": "all()", "assignmentMode": "Automatic", "allowedUses": ["Workload", "Tunnel"],
        "disableBGPExport": false, "ipipMode": "Never", "vxlanMode": "Never"}', 1, 1)`);
    await client.query(
      `INSERT INTO resource (kind, namespace, name, api_version, uid, labels, spec, generation, revision)
       SELECT 'Node', '', 'node-' || n, 'v1', 'node-' || n, jsonb_build_object('kubernetes.io/hostname', 'node-' || n),
              jsonb_build_object('ipv4Address', host('172.16.0.0'::inet + n)), 1, 1 FROM generate_series(0, $1::integer - 1) n`,
      [nodes],
    );
    await client.query(
      `INSERT INTO block (cidr, pool, node, incarnation, revision)
       SELECT set_masklen(('10.0.0.0'::inet + n * 64)::cidr, 26), 'default', 'node-' || n, 'i', 1 FROM generate_series(0, $1::integer - 1) n`,
      [nodes],
    );
    await client.query(
      `INSERT INTO endpoint (node, container_id, interface, pod_namespace, pod_name, pod_uid, addresses, revision)
       SELECT 'node-' || n, md5(n || '/' || p) || md5(p || '/' || n), 'eth0', 'ns-' || (n * $2 + p) % $3 % 100, 'pod-' || n || '-' || p,
              'uid-' || n || '-' || p, ARRAY['10.0.0.0'::inet + n * 64 + p], 1
       FROM generate_series(0, $1::integer - 1) n, generate_series(0, $2::integer - 1) p`,
      [nodes, podsANode, deployments],
    );
    await client.query(
      `INSERT INTO resource (kind, namespace, name, api_version, uid, labels, spec, generation, revision)
       SELECT 'Pod', pod_namespace, pod_name, 'v1', pod_uid,
              jsonb_build_object('app', 'app-' || d % 500, 'pod-template-hash', 'h' || d, 'tier', 't' || d % 3, 'version', 'v' || d % 7, 'team', 'team-' || d % 40),
              jsonb_build_object('nodeName', node, 'serviceAccountName', 'default', 'ports', '[]'::jsonb), 1, 1
       FROM (SELECT *, (split_part(pod_uid, '-', 2)::integer * $1 + split_part(pod_uid, '-', 3)::integer) % $2 AS d FROM endpoint) e`,
      [podsANode, deployments],
    );
    await client.query(
      `INSERT INTO address_event (revision, address, event, node, container_id, interface, pod_namespace, pod_name, pod_uid)
       SELECT 1, '10.0.0.0'::inet + n % 320000, CASE n % 2 WHEN 0 THEN 'assigned' ELSE 'released' END, 'node-' || n % 5000, md5(n::text), 'eth0', 'ns', 'pod', 'uid'
       FROM generate_series(1, $1::integer) n`,
      [history],
    );
    await client.query('ALTER TABLE endpoint ENABLE TRIGGER USER; ANALYZE');
  } finally {
    await client.end();
  }
}
