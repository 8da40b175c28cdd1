// The operator against a real API server and a real Postgres: what Kubernetes has is what Postgres has, whatever is killed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Datastore, migrate, openDatastore } from '@caracal/datastore';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { type OperatorProcess, operatorProcess } from './operator-process.ts';

let plane: ControlPlane;
let postgres: Postgres;
let datastore: Datastore;
let operator: OperatorProcess;

beforeAll(async () => {
  [plane, postgres] = await Promise.all([startControlPlane(), startPostgres()]);
  await migrate(postgres.url);
  datastore = openDatastore(postgres.urlFor('caracal_hub'));
  await plane.kubectl(['apply', '--server-side', '-f', 'crds']);
  await plane.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
  await plane.kubectl(['create', 'namespace', 'caracal-system']);
  operator = operatorProcess(plane.folder, plane.kubeconfig, postgres.urlFor('caracal_hub'));
  operator.start();
});

afterAll(async () => {
  await operator?.stop();
  await datastore?.close();
  await Promise.all([plane?.stop(), postgres?.destroy()]);
});

const own = 'caracal.network/v1';
const object = (kind: string, name: string, spec: object = {}, apiVersion = own) => ({
  apiVersion,
  kind,
  metadata: { name, ...(kind.startsWith('Network') ? { namespace: 'default' } : {}) },
  spec,
});

const apply = (objects: readonly object[]) =>
  plane.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));

/** Tries until it holds; the last failure is told, with the end of the operator's log. */
async function eventually(check: () => Promise<void>, timeoutMs = 60_000): Promise<void> {
  onTestFailed(() => console.error(readFileSync(join(plane.folder, 'operator.log'), 'utf8').slice(-4000)));
  for (const deadline = Date.now() + timeoutMs; ; await sleep(200)) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

async function condition(kind: string, name: string, type = 'Ready') {
  const found = JSON.parse(await plane.kubectl(['get', kind, name, '-o', 'json']));
  const conditions: { type: string; status: string; reason: string; message: string; observedGeneration?: number }[] =
    found.status?.conditions ?? [];
  return { generation: found.metadata.generation, ...conditions.find((each) => each.type === type) };
}

async function storedNames(kind: string): Promise<string[]> {
  const { resources } = await datastore.listResources({ kinds: [kind] });
  return resources.map(({ name }) => name);
}

const right = [
  object('IPPool', 'default', { cidr: '10.244.0.0/16', natOutgoing: true }),
  object('IPReservation', 'gateway', { reservedCIDRs: ['10.244.0.1'] }),
  object('BGPConfiguration', 'default', { asNumber: 64512, nodeToNodeMeshEnabled: false }),
  object('BGPFilter', 'nothing', { exportV4: [{ action: 'Reject' }] }),
  object('BGPPeer', 'tor', { peerIP: '192.0.2.1', asNumber: 64513, filters: ['nothing'] }),
  object('NodeConfiguration', 'n1', { bgp: { asNumber: 64514 } }),
  object('Tier', 'security', { order: 10 }),
  object('NetworkPolicy', 'db', {
    selector: "app == 'db'",
    ingress: [
      { action: 'Allow', protocol: 'TCP', source: { selector: "app == 'web'" }, destination: { ports: [5432] } },
    ],
  }),
  object('GlobalNetworkPolicy', 'deny', { tier: 'security', types: ['Ingress', 'Egress'] }),
  object('NetworkSet', 'office', { nets: ['198.51.100.0/24'] }),
  object('GlobalNetworkSet', 'world', { nets: ['203.0.113.0/24'] }),
  object('HostEndpoint', 'n1-eth0', { node: 'n1', interfaceName: 'eth0' }),
];

test('each kind, when right, is stored and says so for its generation', async () => {
  await apply(right);
  for (const { kind, metadata } of right) {
    await eventually(async () => {
      const found = await condition(`${kind}.caracal.network`, metadata.name);
      expect(found, `${kind}/${metadata.name}`).toMatchObject({ status: 'True', reason: 'Stored' });
      expect(found.observedGeneration).toBe(found.generation);
      expect(await storedNames(kind)).toContain(metadata.name);
    });
  }
});

test.each([
  ['IPPool', { cidr: '10.0.0.1/16' }, 'has bits set beyond its length'],
  ['IPPool', { cidr: '10.0.0.0/16', blockSize: 33 }, 'between 20 and 32'],
  ['IPPool', { cidr: '10.0.0.0/28' }, 'smaller than one block'],
  ['IPPool', { cidr: '10.0.0.0/16', ipipMode: 'Always' }, 'Unsupported value'],
  ['IPPool', { cidr: '10.0.0.0/16', cdir: 1 }, 'unknown field "spec.cdir"'],
  ['IPReservation', { reservedCIDRs: ['10.0.0.300'] }, 'should match'],
  ['BGPConfiguration', {}, 'named default'],
  ['BGPFilter', { importV4: [{ action: 'Maybe' }] }, 'Unsupported value'],
  ['BGPPeer', { peerIP: '192.0.2.1' }, 'the AS number of the peer'],
  ['BGPPeer', { peerIP: '192.0.2.1', asNumber: 1, holdTimeSeconds: 2 }, 'must be 0, or between 3 and 65535'],
  ['NodeConfiguration', { bgp: { asNumber: 0 } }, 'greater than or equal to 1'],
  ['Tier', { defaultAction: 'Allow' }, 'Unsupported value'],
  ['NetworkPolicy', { ingress: [{ action: 'Allow', destination: { ports: [80] } }] }, 'need protocol TCP, UDP or SCTP'],
  ['GlobalNetworkPolicy', { preDNAT: true }, 'not supported yet'],
  ['NetworkSet', { nets: ['nowhere'] }, 'should match'],
  ['GlobalNetworkSet', { nets: ['nowhere'] }, 'should match'],
  ['HostEndpoint', { node: 'n1' }, 'name the interface'],
])('the API server refuses a wrong %s: %j', async (kind, spec, message) => {
  const text = JSON.stringify(object(kind, 'wrong', spec));
  await expect(plane.kubectl(['apply', '--dry-run=server', '-f', '-'], text)).rejects.toThrow(message);
});

test('what needs other objects, or a parser, becomes a condition, and stops no other', async () => {
  await apply([
    object('IPPool', 'overlapping', { cidr: '10.244.128.0/17' }),
    object('GlobalNetworkPolicy', 'unparsed', { selector: "app = 'x'" }),
    object('GlobalNetworkPolicy', 'lost', { tier: 'nowhere' }),
    object('GlobalNetworkPolicy', 'good', { tier: 'security' }),
  ]);
  await eventually(async () => {
    expect(await condition('ippool', 'overlapping')).toMatchObject({ status: 'False', reason: 'Conflict' });
    expect(await condition('gnp', 'unparsed')).toMatchObject({ status: 'False', reason: 'Invalid' });
    expect((await condition('gnp', 'lost')).message).toMatch(/there is no Tier nowhere/);
    expect(await condition('gnp', 'good')).toMatchObject({ status: 'True' });
  });
  expect(await storedNames('IPPool')).toEqual(['default']);
  expect(await storedNames('GlobalNetworkPolicy')).toEqual(['deny', 'good']);
  await eventually(async () => {
    expect(await condition('caracalstatus', 'default', 'Degraded')).toMatchObject({
      status: 'True',
      reason: 'InvalidObjects',
    });
  });
  await apply([object('Tier', 'nowhere')]);
  await eventually(async () => expect(await condition('gnp', 'lost')).toMatchObject({ status: 'True' }));
  await plane.kubectl(['delete', 'ippool/overlapping', 'gnp/unparsed', 'gnp/lost']);
  await eventually(async () => {
    expect(await condition('caracalstatus', 'default', 'Degraded')).toMatchObject({ status: 'False' });
    expect(await condition('caracalstatus', 'default', 'Available')).toMatchObject({ status: 'True' });
    expect(await condition('caracalstatus', 'default', 'Progressing')).toMatchObject({ status: 'False' });
  });
});

test('kubectl get shows the columns', async () => {
  await datastore.write({ op: 'claim', pool: 'default', node: 'n1', incarnation: 'i' });
  await datastore.reportStatus('n1', { bgpPeers: [{ name: 'tor', state: 'Established' }] });
  await datastore.reportStatus('n2', { bgpPeers: [{ name: 'tor', state: 'Active' }] });
  await eventually(async () => {
    const [head, pool] = (await plane.kubectl(['get', 'ippools'])).split('\n');
    expect(head.split(/ {2,}/).map((each) => each.trim())).toEqual([
      'NAME',
      'CIDR',
      'BLOCK SIZE',
      'NAT',
      'ENCAPSULATION',
      'USED',
      'CAPACITY',
      'READY',
      'AGE',
    ]);
    expect(pool).toMatch(/^default +10\.244\.0\.0\/16 +26 +true +None +0 +65536 +True /);
    expect(await plane.kubectl(['get', 'bgppeers'])).toMatch(/tor +192\.0\.2\.1 +64513 +2 +1\/2 +True /);
    expect(await plane.kubectl(['get', 'caracal', '-A', '-o', 'name'])).toContain('tier.caracal.network/security');
  });
});

test("of Kubernetes' own objects what policy reads is stored", async () => {
  const pod = (name: string, hostNetwork: boolean) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: { hostNetwork, containers: [{ name: 'a', image: 'b', ports: [{ name: 'web', containerPort: 80 }] }] },
  });
  await apply([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } }]);
  await apply([
    pod('web', false),
    pod('host', true),
    { ...object('NetworkPolicy', 'none', { podSelector: {} }, 'networking.k8s.io/v1') },
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } },
  ]);
  const addresses = { status: { addresses: [{ type: 'InternalIP', address: '192.0.2.10' }] } };
  await plane.kubectl(['patch', 'node', 'n1', '--subresource=status', '--type=merge', '-p', JSON.stringify(addresses)]);
  await eventually(async () => {
    expect(await storedNames('Pod')).toEqual(['web']);
    expect(await storedNames('KubernetesNetworkPolicy')).toEqual(['none']);
    const { resources } = await datastore.listResources({ kinds: ['Node', 'Pod'] });
    expect(resources.find(({ kind }) => kind === 'Node')?.spec).toEqual({ ipv4Address: '192.0.2.10' });
    const [web] = resources.filter(({ kind }) => kind === 'Pod');
    expect(web).toMatchObject({ labels: { app: 'web' }, spec: { ports: [{ name: 'web', containerPort: 80 }] } });
    expect(await storedNames('Namespace')).toContain('kube-system');
  });
});

test('a pool that is deleted stays while a node holds a block of it', async () => {
  await apply([object('IPPool', 'second', { cidr: '10.245.0.0/16' })]);
  await eventually(async () => expect(await condition('ippool', 'second')).toMatchObject({ status: 'True' }));
  const claim = { op: 'claim', pool: 'second', node: 'n1', incarnation: 'i' } as const;
  const { block } = await datastore.write(claim);
  await plane.kubectl(['delete', 'ippool', 'second', '--wait=false']);
  await eventually(async () => {
    expect(await condition('ippool', 'second')).toMatchObject({ status: 'False', reason: 'Deleting' });
    expect(await datastore.write({ ...claim, node: 'n2' })).toMatchObject({ disabledPool: true });
  });
  await datastore.write({ op: 'release', cidr: block!.cidr, node: 'n1', incarnation: 'i' });
  await eventually(async () => {
    expect(await plane.kubectl(['get', 'ippools', '-o', 'name'])).toBe('ippool.caracal.network/default');
    expect(await storedNames('IPPool')).toEqual(['default']);
  });
});

const sets = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => object('GlobalNetworkSet', `${prefix}-${i}`, { nets: [`10.9.${i}.0/24`] }));
const names = (objects: readonly { metadata: { name: string } }[]) => objects.map(({ metadata }) => metadata.name);
const sorted = (list: readonly string[]) => [...list].sort();

/** All that is stored is what Kubernetes has, and nothing was deleted on the way. */
async function expectSets(expected: readonly string[]): Promise<void> {
  await eventually(async () => expect(sorted(await storedNames('GlobalNetworkSet'))).toEqual(sorted(expected)));
}

test('killed in the middle and started again: the same end, nothing deleted', async () => {
  const all = sets('killed', 200);
  const applying = apply(all);
  await eventually(async () => expect((await storedNames('GlobalNetworkSet')).length).toBeGreaterThan(20));
  await operator.kill();
  await applying;
  await plane.kubectl(['delete', 'globalnetworkset', 'killed-0']);
  operator.start();
  await expectSets(['world', ...names(all).slice(1)]);
  await eventually(async () => expect(await condition('gns', 'killed-199')).toMatchObject({ status: 'True' }));
  expect(await storedNames('Tier')).toEqual(['nowhere', 'security']);
});

test('the API server away and back: nothing deleted, and what came is stored', async () => {
  const before = await storedNames('GlobalNetworkSet');
  await plane.kill();
  await sleep(3000);
  expect(await storedNames('GlobalNetworkSet')).toEqual(before);
  await plane.start();
  await apply(sets('after', 5));
  await expectSets([...before, ...names(sets('after', 5))]);
  expect(await storedNames('IPPool')).toEqual(['default']);
});

test('Postgres away and back: it is said, nothing is lost', async () => {
  const before = await storedNames('GlobalNetworkSet');
  await postgres.kill();
  await apply(sets('meanwhile', 5));
  await eventually(async () => {
    expect(await condition('caracalstatus', 'default', 'Available')).toMatchObject({
      status: 'False',
      reason: 'DatabaseAway',
    });
  });
  await postgres.start();
  await expectSets([...before, ...names(sets('meanwhile', 5))]);
  await eventually(async () => {
    expect(await condition('caracalstatus', 'default', 'Available')).toMatchObject({ status: 'True' });
    expect(await condition('gns', 'meanwhile-4')).toMatchObject({ status: 'True' });
  });
});

test('when most of a kind vanishes at once it is kept until somebody allows it', async () => {
  const before = await storedNames('GlobalNetworkSet');
  await operator.stop();
  await plane.kubectl(['delete', '--raw', '/apis/caracal.network/v1/globalnetworksets']);
  operator.start();
  await eventually(async () => {
    expect(await condition('caracalstatus', 'default', 'MassDeleteHeld')).toMatchObject({ status: 'True' });
  });
  expect(await storedNames('GlobalNetworkSet')).toEqual(before);
  const allow = 'caracal.network/allow-mass-delete=GlobalNetworkSet';
  await plane.kubectl(['annotate', 'caracalstatus', 'default', allow]);
  await expectSets([]);
});
