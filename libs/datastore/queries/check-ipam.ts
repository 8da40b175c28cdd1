import { type Kysely, sql, type Transaction } from 'kysely';
import pg from 'pg';
import type { Database } from '../database.ts';
import { isUndefinedTable, listServiceAddresses } from './service-addresses.ts';

/** Something that contradicts itself, and what would mend it. */
export interface Finding {
  readonly kind: string;
  readonly message: string;
  readonly remedy: string;
}

export interface IpamCheck {
  readonly findings: readonly Finding[];
  readonly pools: number;
  readonly blocks: number;
  readonly addresses: number;
}

/** The queries of the check, each giving findings in words. `who` names a pod by namespace and name, or its container. */
const who = sql`CASE WHEN e.pod_name = '' THEN left(e.container_id, 12) ELSE e.pod_namespace || '/' || e.pod_name END`;
const checks = [
  sql<Finding>`
    SELECT 'BlockWithoutPool' AS kind, format('block %s of node %s: its pool %s does not exist', b.cidr, b.node, b.pool) AS message,
           format('apply IPPool/%s again, or move its pods and reclaim the node', b.pool) AS remedy
    FROM block b WHERE NOT EXISTS (SELECT FROM resource r WHERE (r.kind, r.namespace, r.name) = ('IPPool', '', b.pool)) ORDER BY b.cidr`,
  sql<Finding>`
    SELECT 'BlockOutsidePool' AS kind, format('block %s of node %s lies outside of its pool %s', b.cidr, b.node, b.pool) AS message,
           format('widen IPPool/%s so that it covers the block', b.pool) AS remedy
    FROM block b JOIN resource r ON (r.kind, r.namespace, r.name) = ('IPPool', '', b.pool)
    WHERE NOT b.cidr <<= (r.spec ->> 'cidr')::cidr ORDER BY b.cidr`,
  sql<Finding>`
    SELECT 'StrandedBlock' AS kind,
           format('block %s is owned by an earlier incarnation of node %s, which may still run', b.cidr, b.node) AS message,
           format('when that machine is off: caracalctl ipam release --node %s --former', b.node) AS remedy
    FROM block b JOIN node n USING (node) WHERE b.incarnation <> n.incarnation ORDER BY b.cidr`,
  sql<Finding>`
    SELECT 'BlockHeldByOther' AS kind,
           format('node %s holds block %s by its journal, but node %s owns %s', s.node, h.cidr, b.node, b.cidr) AS message,
           'the node gives nothing more out of it; delete its pods there, or reclaim the owner when it is off' AS remedy
    FROM node_status s CROSS JOIN LATERAL jsonb_to_recordset(s.status -> 'blocks') AS h(cidr cidr)
    JOIN block b ON b.cidr && h.cidr AND b.node <> s.node ORDER BY h.cidr`,
  sql<Finding>`
    SELECT 'Quarantined' AS kind,
           format('what node %s reports of container %s is not believed: %s', q.node, left(q.container_id, 12), q.reason) AS message,
           'find out which of the two is real (caracalctl ipam history), and delete the other pod' AS remedy
    FROM quarantine q ORDER BY q.node, q.container_id`,
  sql<Finding>`
    SELECT 'AddressTwice' AS kind,
           format('%s is held twice: by %s', host(a), string_agg(format('%s on %s', ${who}, e.node), ' and by ' ORDER BY e.node, e.container_id)) AS message,
           'delete all but one of these pods' AS remedy
    FROM endpoint e, unnest(e.addresses) a GROUP BY a HAVING count(*) > 1 ORDER BY a`,
  sql<Finding>`
    SELECT CASE WHEN b.cidr IS NULL THEN 'AddressInNoBlock' ELSE 'AddressInForeignBlock' END AS kind,
           CASE WHEN b.cidr IS NULL THEN format('%s of %s on %s lies in no block', host(a), ${who}, e.node)
                ELSE format('%s of %s on %s lies in block %s, which node %s owns', host(a), ${who}, e.node, b.cidr, b.node) END AS message,
           'delete the pod, so that it gets another address' AS remedy
    FROM endpoint e CROSS JOIN unnest(e.addresses) a LEFT JOIN block b ON b.cidr >>= a
    WHERE b.node IS DISTINCT FROM e.node AND EXISTS (
      SELECT FROM resource r WHERE r.kind = 'IPPool' AND a <<= (r.spec ->> 'cidr')::cidr)
    ORDER BY a`,
  sql<Finding>`
    SELECT 'ReleaseRefused' AS kind, format('node %s keeps %s, which was asked back: %s', r.node, host(r.address), r.refusal) AS message,
           'delete the pod that uses it' AS remedy
    FROM release_request r WHERE r.refusal IS NOT NULL ORDER BY r.address`,
  sql<Finding>`
    SELECT 'AddressLeaked' AS kind,
           format('%s on node %s is used by nothing there: %s', l.address, s.node, l.reason) AS message,
           format('caracalctl ipam release --ip %s', l.address) AS remedy
    FROM node_status s CROSS JOIN LATERAL jsonb_to_recordset(s.status -> 'leaked') AS l(address text, reason text)
    ORDER BY s.node, l.address`,
  sql<Finding>`
    SELECT 'AddressOfNoPod' AS kind,
           format('%s of %s on %s is held, and there is no such Pod any more', host(a), ${who}, e.node) AS message,
           format('end its container %s on that node (crictl), or when there is none: caracalctl ipam release --ip %s',
             left(e.container_id, 12), host(a)) AS remedy
    FROM endpoint e CROSS JOIN unnest(e.addresses) a LEFT JOIN revision r USING (revision)
    -- Of a pod that starts the node may tell first.
    WHERE e.pod_uid <> '' AND coalesce(r.at, '-infinity') < clock_timestamp() - interval '5 minutes'
      AND NOT EXISTS (SELECT FROM resource p WHERE p.kind = 'Pod' AND p.uid = e.pod_uid)
    ORDER BY a`,
  sql<Finding>`
    SELECT 'BlockOfNoNode' AS kind,
           format('block %s is owned by node %s, which does not exist and has not reported since %s', b.cidr, b.node,
             to_char(s.reported_at, 'YYYY-MM-DD HH24:MI:SS')) AS message,
           format('when that machine is off: caracalctl ipam release --node %s', b.node) AS remedy
    FROM block b JOIN node_status s USING (node)
    WHERE s.reported_at < clock_timestamp() - interval '5 minutes'
      AND NOT EXISTS (SELECT FROM resource r WHERE (r.kind, r.namespace, r.name) = ('Node', '', b.node))
      -- Else it is a stranded one.
      AND NOT EXISTS (SELECT FROM node n WHERE n.node = b.node AND n.incarnation <> b.incarnation)
    ORDER BY b.cidr`,
  // The operator mends both within seconds: what is older has nobody who does.
  sql<Finding>`
    SELECT 'ServiceAddressOfNoService' AS kind,
           format('%s of IPPool/%s is held by Service %s/%s (uid %s), which does not exist or does not have it in its status', host(a.address), a.pool,
             a.namespace, a.name, a.uid) AS message,
           'the operator releases it: see whether one leads, and what it logs of that Service' AS remedy
    FROM service_address a
    WHERE a.since < clock_timestamp() - interval '1 minute'
      AND NOT EXISTS (SELECT FROM resource r WHERE r.kind = 'Service' AND r.uid = a.uid AND r.spec -> 'loadBalancerIPs' ? host(a.address))
    ORDER BY a.address`,
  sql<Finding>`
    SELECT 'ServiceAddressNotHeld' AS kind,
           format('Service %s/%s has %s of IPPool/%s in its status and does not hold it', s.namespace, s.name, ip, p.name) AS message,
           'if another controller wrote it, give it addresses outside of all pools; if the operator did, it holds it again in a moment' AS remedy
    FROM resource s CROSS JOIN LATERAL jsonb_array_elements_text(s.spec -> 'loadBalancerIPs') ip
    JOIN resource p ON p.kind = 'IPPool' AND p.spec -> 'allowedUses' ? 'LoadBalancer' AND ip::inet <<= (p.spec ->> 'cidr')::inet
    WHERE s.kind = 'Service' AND NOT EXISTS (SELECT FROM service_address a WHERE a.address = ip::inet AND a.uid = s.uid)
    ORDER BY ip::inet`,
  sql<Finding>`
    SELECT 'Reasserting' AS kind,
           format('no block is granted since %s, because %s; missing: %s', to_char(h.began_at, 'YYYY-MM-DD HH24:MI:SS'), h.reason,
             coalesce((SELECT string_agg(n.node, ', ' ORDER BY n.node) FROM node n WHERE n.asserted < h.number AND NOT n.fenced), 'nobody')) AS message,
           'bring these nodes back, or, when they are off: caracalctl ipam release --node NAME' AS remedy
    FROM history h WHERE NOT h.ended
      AND EXISTS (SELECT FROM node n WHERE n.asserted < h.number AND NOT n.fenced)`,
];

/** Looks at everything as of one moment. */
export async function checkIpam(database: Kysely<Database>): Promise<IpamCheck> {
  return database
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (view) => {
      const findings: Finding[] = [];
      for (const check of checks) findings.push(...(await foundBy(check, view)));
      const { rows } = await sql<{ pools: number; blocks: number; addresses: number }>`
        SELECT (SELECT count(*)::integer FROM resource WHERE kind = 'IPPool') AS pools,
               (SELECT count(*)::integer FROM block) AS blocks,
               (SELECT coalesce(sum(cardinality(addresses)), 0)::integer FROM endpoint) AS addresses`.execute(view);
      await sql`SAVEPOINT services`.execute(view);
      const services = await listServiceAddresses(view);
      await sql`ROLLBACK TO SAVEPOINT services`.execute(view); // where there is no such table
      return { findings, ...rows[0], addresses: rows[0].addresses + services.length };
    });
}

/** What one query finds. A row that it cannot read (somebody has written it by other ways than ours) keeps no other from being judged. */
async function foundBy(check: (typeof checks)[number], view: Transaction<Database>): Promise<readonly Finding[]> {
  await sql`SAVEPOINT one`.execute(view);
  try {
    return (await check.execute(view)).rows;
  } catch (error) {
    if (isUndefinedTable(error)) {
      await sql`ROLLBACK TO SAVEPOINT one`.execute(view); // a schema of before
      return [];
    }
    if (!(error instanceof pg.DatabaseError && error.code?.startsWith('22'))) throw error; // class 22: data exception
    await sql`ROLLBACK TO SAVEPOINT one`.execute(view);
    const [, kind] = /'([A-Z][A-Za-z]+)'/.exec(check.compile(view).sql) ?? [];
    return [
      {
        kind: 'Unreadable',
        message: `the database holds what cannot be read, and ${kind} could not be looked for: ${error.message}`,
        remedy: 'find the row (an IPPool, or the status of a node), and apply or report it again',
      },
    ];
  }
}
