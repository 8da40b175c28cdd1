// What is taken over from Kubernetes' own objects, what waits before it goes, and what is not believed.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OperatorProcess } from './operator-process.ts';
import { type OperatorWorld, ownObject, startOperatorWorld } from './operator-world.ts';

let world: OperatorWorld;
let operator: OperatorProcess;
beforeAll(async () => {
  world = await startOperatorWorld();
  operator = await world.operator();
  operator.start();
});
afterAll(() => world?.stop());

const pod = (name: string, namespace = 'default', hostNetwork = false) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app: name } },
  spec: { hostNetwork, containers: [{ name: 'a', image: 'b', ports: [{ name: 'web', containerPort: 80 }] }] },
});
const account = (namespace: string) => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'default', namespace },
});
const isReady = (kind: 'IPPool' | 'Tier' | 'GlobalNetworkPolicy', name: string) =>
  world.eventually(async () => expect(await world.condition(kind, name)).toMatchObject({ status: 'True' }));

test("of Kubernetes' own objects what policy reads is stored", async () => {
  await world.apply([account('default')]);
  await world.apply([
    pod('web'),
    pod('host', 'default', true),
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'none' },
      spec: { podSelector: {} },
    },
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } },
  ]);
  const addresses = { status: { addresses: [{ type: 'InternalIP', address: '192.0.2.10' }] } };
  const patch = ['patch', 'node', 'n1', '--subresource=status', '--type=merge', '-p', JSON.stringify(addresses)];
  await world.kubectl(patch);
  await world.eventually(async () => {
    expect(await world.storedNames('Pod')).toEqual(['web']);
    expect(await world.storedNames('KubernetesNetworkPolicy')).toEqual(['none']);
    const { resources } = await world.datastore.listResources({ kinds: ['Node', 'Pod'] });
    expect(resources.find(({ kind }) => kind === 'Node')?.spec).toEqual({ ipv4Address: '192.0.2.10' });
    const [web] = resources.filter(({ kind }) => kind === 'Pod');
    expect(web).toMatchObject({ labels: { app: 'web' }, spec: { ports: [{ name: 'web', containerPort: 80 }] } });
    expect(await world.storedNames('Namespace')).toContain('kube-system');
  });
});

test('of services and their slices only those are stored that decide where an address is announced', async () => {
  const metadata = (name: string, labels = {}) => ({ name, namespace: 'default', labels });
  const service = (name: string, externalTrafficPolicy: string) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(name),
    spec: { type: 'NodePort', externalTrafficPolicy, externalIPs: ['192.0.2.9'], ports: [{ port: 80 }] },
  });
  const slice = (name: string, endpoints: object[]) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata(`${name}-1`, { 'kubernetes.io/service-name': name }),
    addressType: 'IPv4',
    endpoints,
  });
  const endpoint = (nodeName: string, address: string, ready: boolean) => ({
    nodeName,
    addresses: [address],
    conditions: { ready },
  });
  const services = async () => {
    const { resources } = await world.datastore.listResources({ kinds: ['Service', 'EndpointSlice'] });
    return resources.map(({ kind, name, spec }) => [kind, name, spec]);
  };
  await world.apply([
    ...['local', 'cluster'].map((name) => service(name, name === 'local' ? 'Local' : 'Cluster')),
    slice('local', [endpoint('n1', '10.244.0.2', true), endpoint('n2', '10.244.0.66', false)]),
    slice('cluster', [endpoint('n1', '10.244.0.3', true)]),
    ownObject('BGPConfiguration', 'default', {
      nodeToNodeMeshEnabled: false,
      serviceExternalIPs: [{ cidr: '192.0.2.0/24' }],
    }),
  ]);
  const facts = expect.objectContaining({ externalIPs: ['192.0.2.9'], externalTrafficPolicy: 'Local' });
  const stored = (nodes: string[]) => [
    ['EndpointSlice', 'local-1', { service: 'local', nodes }],
    ['Service', 'local', facts],
  ];
  await world.eventually(async () => expect((await services()).sort()).toEqual(stored(['n1'])));
  await world.apply([slice('local', [endpoint('n1', '10.244.0.2', false), endpoint('n2', '10.244.0.66', true)])]);
  await world.eventually(async () => expect((await services()).sort()).toEqual(stored(['n2'])));
  await world.apply([ownObject('BGPConfiguration', 'default', { nodeToNodeMeshEnabled: false })]);
  await world.eventually(async () => expect(await services()).toEqual([]));
  await world.kubectl([
    'delete',
    'service/local',
    'service/cluster',
    'endpointslice/local-1',
    'endpointslice/cluster-1',
  ]);
});

test('a namespace with 50 pods goes: what is stored of it too, in few revisions, and nothing else', async () => {
  const names = Array.from({ length: 50 }, (_, i) => `crowd-${i}`);
  await world.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'crowd' } }]);
  await world.apply([account('crowd')]);
  await world.apply(names.map((name) => pod(name, 'crowd')));
  await world.eventually(async () => expect(await world.storedNames('Pod')).toHaveLength(51));
  const before = (await world.deletions()).length;
  // What the namespace controller does.
  await world.kubectl(['delete', 'namespace', 'crowd', '--wait=false']);
  await world.kubectl(['delete', '--raw', '/api/v1/namespaces/crowd/pods?gracePeriodSeconds=0']);
  await world.kubectl(['delete', '--raw', '/api/v1/namespaces/crowd/serviceaccounts']);
  const gone = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'crowd' }, spec: { finalizers: [] } };
  await world.kubectl(['replace', '--raw', '/api/v1/namespaces/crowd/finalize', '-f', '-'], JSON.stringify(gone));
  await world.eventually(async () => {
    expect(await world.storedNames('Pod')).toEqual(['web']);
    expect(await world.storedNames('Namespace')).not.toContain('crowd');
  });
  const deletions = (await world.deletions()).slice(before);
  expect(deletions.filter(({ kind }) => kind === 'Pod').map(({ name }) => name)).toHaveLength(50);
  expect(deletions.filter(({ name }) => !/^(crowd.*|default)$/.test(name))).toEqual([]);
  const revisions = new Set(deletions.filter(({ kind }) => kind === 'Pod').map(({ revision }) => revision));
  expect(revisions.size).toBeLessThan(40);
});

test('a pool that is deleted stays while a node holds a block of it', async () => {
  await world.apply([ownObject('IPPool', 'second', { cidr: '10.245.0.0/16' })]);
  await isReady('IPPool', 'second');
  const claim = { op: 'claim', pool: 'second', node: 'n1', incarnation: 'i' } as const;
  const { block } = await world.datastore.write(claim);
  await world.kubectl(['delete', 'ippool', 'second', '--wait=false']);
  await world.eventually(async () => {
    expect(await world.condition('IPPool', 'second')).toMatchObject({ status: 'False', reason: 'Deleting' });
    expect(await world.datastore.write({ ...claim, node: 'n2' })).toMatchObject({ disabledPool: true });
  });
  await world.datastore.write({ op: 'release', cidr: block!.cidr, node: 'n1', incarnation: 'i' });
  await world.eventually(async () => {
    expect(await world.kubectl(['get', 'ippools', '-o', 'name'])).toBe('');
    expect(await world.storedNames('IPPool')).toEqual([]);
  });
});

test('a tier that is deleted stays, with its policies in force, until the last of them is gone', async () => {
  const policy = (name: string, selector = 'all()') =>
    ownObject('GlobalNetworkPolicy', name, { tier: 'security', selector });
  await world.apply([ownObject('Tier', 'security', { order: 10 }), ownObject('Tier', 'empty', { order: 20 })]);
  await world.apply([policy('one'), policy('two')]);
  await isReady('GlobalNetworkPolicy', 'two');
  await world.kubectl(['delete', 'tier', 'security', 'empty', '--wait=false']);
  await world.eventually(async () => {
    expect(await world.condition('Tier', 'security')).toMatchObject({
      status: 'False',
      reason: 'Deleting',
      message:
        'is deleted when it is not in use any more: policies are in it: GlobalNetworkPolicy/one, GlobalNetworkPolicy/two',
    });
    expect(await world.storedNames('Tier')).toEqual(['security']);
  });
  // What is changed meanwhile is in force as well.
  await world.apply([policy('one', "app == 'a'")]);
  await world.eventually(async () => {
    expect(await world.condition('GlobalNetworkPolicy', 'one')).toMatchObject({
      status: 'True',
      observedGeneration: 2,
    });
  });
  await world.kubectl(['delete', 'gnp', 'one', 'two']);
  await world.eventually(async () => {
    expect(await world.kubectl(['get', 'tiers', '-o', 'name'])).toBe('');
    expect(await world.storedNames('Tier')).toEqual([]);
    expect(await world.storedNames('GlobalNetworkPolicy')).toEqual([]);
  });
});

test('when most of a kind vanishes at once it is kept until somebody allows it', async () => {
  const sets = Array.from({ length: 60 }, (_, i) =>
    ownObject('GlobalNetworkSet', `s-${i}`, { nets: [`10.9.${i}.0/24`] }),
  );
  await world.apply(sets);
  await world.eventually(async () => expect(await world.storedNames('GlobalNetworkSet')).toHaveLength(60));
  await operator.stop();
  await world.kubectl(['delete', '--raw', '/apis/caracal.network/v1/globalnetworksets']);
  operator.start();
  await world.eventually(async () => {
    expect(await world.condition('CaracalStatus', 'default', 'MassDeleteHeld')).toMatchObject({ status: 'True' });
    expect(await world.condition('CaracalStatus', 'default', 'Degraded')).toMatchObject({ reason: 'MassDeleteHeld' });
  });
  expect(await world.storedNames('GlobalNetworkSet')).toHaveLength(60);
  const allow = 'caracal.network/allow-mass-delete=GlobalNetworkSet';
  await world.kubectl(['annotate', 'caracalstatus', 'default', allow]);
  await world.eventually(async () => expect(await world.storedNames('GlobalNetworkSet')).toEqual([]));
});
