// Each kind, applied right and wrong: what the API server refuses, what the operator says of the rest, what `kubectl get` and `kubectl explain` show.
import { readdir, readFile } from 'node:fs/promises';
import { factsOf, type Kind, kindNames, parseResource } from '@caracal/api';
import { KubeError } from '@caracal/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rightDocuments } from '../../libs/api/testing/right-documents.ts';
import { wrongDocuments } from '../../libs/api/testing/wrong-documents.ts';
import { wrongPolicies } from '../../libs/api/testing/wrong-policies.ts';
import { examplesIn } from '../../scripts/kind-examples.ts';
import { type OperatorWorld, ownObject, pathOf, startOperatorWorld } from './operator-world.ts';

let world: OperatorWorld;
beforeAll(async () => {
  world = await startOperatorWorld();
  (await world.operator()).start();
});
afterAll(() => world?.stop());

interface Document {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly metadata: { readonly name: string };
  readonly spec?: unknown;
}

const own = 'caracal.network/v1';
const ownKinds = kindNames.filter((kind) => factsOf(kind).apiVersion === own);
/** Those of the tables of libs/api that the API server has a path for. */
const isOurs = (document: unknown): document is Document => {
  const { apiVersion, kind, metadata } = (document ?? {}) as Partial<Document>; // read carefully: it may be anything
  return apiVersion === own && ownKinds.includes(kind!) && typeof metadata?.name === 'string';
};

/** As kubectl creates: strictly. Answers with what the API server says against it, or undefined when it takes it. */
async function create(document: Document, dryRun: boolean): Promise<string | undefined> {
  const query = { fieldValidation: 'Strict', ...(dryRun && { dryRun: 'All' }) };
  try {
    await world.api.request({ method: 'POST', path: pathOf(document.kind), query, body: document });
    return undefined;
  } catch (error) {
    if (error instanceof KubeError && (error.code === 422 || error.code === 400)) return error.message;
    throw error;
  }
}

const remove = ({ kind, metadata }: Document) =>
  world.api.request({ method: 'DELETE', path: `${pathOf(kind)}/${metadata.name}` });

test('what is right is stored as it was parsed, and says so for its generation', async () => {
  const seen = new Set<Kind>();
  for (const [what, document, , warnings = []] of rightDocuments) {
    if (!isOurs(document)) continue;
    seen.add(document.kind);
    expect(await create(document, false), what).toBeUndefined();
    await world.eventually(async () => {
      const ready = await world.condition(document.kind, document.metadata.name);
      const message = ['is in force', ...warnings.map((line) => line.replace(/^warning: \S+ /, ''))].join('; ');
      expect(ready, what).toMatchObject({ status: 'True', reason: 'Stored', message });
      expect(ready.observedGeneration, what).toBe(ready.generation);
      const { resources } = await world.datastore.listResources({ kinds: [document.kind] });
      const parsed = parseResource(document);
      expect(parsed.ok && [parsed.resource.spec], what).toEqual(resources.map(({ spec }) => spec));
    });
    await remove(document);
    await world.eventually(async () => expect(await world.storedNames(document.kind)).toEqual([]));
  }
  expect([...seen].sort()).toEqual([...ownKinds].sort());
});

test('the API server takes the examples of the pages in docs/kinds', async () => {
  await world.kubectl(['create', 'namespace', 'shop']);
  const pages = await readdir('docs/kinds');
  const items = await Promise.all(pages.map(async (name) => examplesIn(await readFile(`docs/kinds/${name}`, 'utf8'))));
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: items.flat() });
  const taken = await world.kubectl(['apply', '--dry-run=server', '-f', '-'], list);
  for (const kind of ownKinds) expect(taken).toContain(`${kind.toLowerCase()}.caracal.network/`);
});

test('what is wrong is refused by the API server, or by the operator in a condition that names every problem', async () => {
  const judges = { server: 0, operator: 0 };
  for (const [what, document] of [...wrongDocuments, ...wrongPolicies]) {
    if (!isOurs(document)) continue;
    if (await create(document, true)) {
      judges.server++;
      continue;
    }
    await create(document, false);
    const parsed = parseResource(document);
    const problems = parsed.ok ? [] : parsed.problems.filter(({ field }) => field !== 'metadata.namespace');
    await world.eventually(async () => {
      const ready = await world.condition(document.kind, document.metadata.name);
      // A namespace where none belongs is dropped by the API server, and then nothing is wrong.
      if (problems.length === 0) return expect(ready, what).toMatchObject({ status: 'True' });
      const message = problems.map(({ field, message }) => `${field}: ${message}`).join('; ');
      expect(ready, what).toMatchObject({ status: 'False', reason: 'Invalid', message });
      expect(await world.storedNames(document.kind), what).toEqual([]);
    });
    if (problems.length > 0) judges.operator++;
    await remove(document);
    await world.eventually(async () => expect(await world.storedNames(document.kind)).toEqual([]));
  }
  // Most of it is refused before it is stored anywhere.
  expect(judges.server).toBeGreaterThan(5 * judges.operator);
  expect(judges.operator).toBeGreaterThan(0);
});

test.each<[Kind, object, RegExp]>([
  ['IPPool', {}, /spec\.cidr: Required value/],
  ['IPPool', { cidr: '10.0.0.1/16' }, /spec\.cidr: Invalid value: has bits set beyond its length/],
  [
    'IPPool',
    { cidr: '10.0.0.0/16', blockSize: 33 },
    /blockSize: Invalid value: must be between 20 and 32 for an IPv4 pool/,
  ],
  ['IPPool', { cidr: '10.0.0.0/28' }, /the pool is smaller than one block: set blockSize/],
  [
    'IPPool',
    { cidr: '10.0.0.0/16', ipipMode: 'Always' },
    /spec\.ipipMode: Unsupported value: "Always": supported values: "Never"/,
  ],
  ['IPPool', { cidr: '10.0.0.0/16', cdir: 1 }, /unknown field "spec\.cdir"/],
  ['IPReservation', { reservedCIDRs: ['10.0.0.300'] }, /spec\.reservedCIDRs\[0\] in body should match/],
  ['BGPConfiguration', {}, /there is one BGPConfiguration, named default/],
  [
    'BGPFilter',
    { importV4: [{ action: 'Maybe' }] },
    /action: Unsupported value: "Maybe": supported values: "Accept", "Reject"/,
  ],
  ['BGPPeer', { peerIP: '192.0.2.1' }, /spec\.asNumber: Invalid value: is missing: the AS number of the peer/],
  ['BGPPeer', { peerIP: '192.0.2.1', asNumber: 1, holdTimeSeconds: 2 }, /must be 0, or between 3 and 65535/],
  ['NodeConfiguration', { bgp: { asNumber: 0 } }, /asNumber in body should be greater than or equal to 1/],
  ['Tier', { defaultAction: 'Allow' }, /defaultAction: Unsupported value: "Allow": supported values: "Deny", "Pass"/],
  [
    'NetworkPolicy',
    { ingress: [{ action: 'Allow', destination: { ports: [80] } }] },
    /need protocol TCP, UDP or SCTP beside it/,
  ],
  ['GlobalNetworkPolicy', { egress: [{ action: 'allow' }] }, /supported values: "Allow", "Deny", "Pass", "Log"/],
  ['NetworkSet', { nets: ['nowhere'] }, /spec\.nets\[0\] in body should match/],
  ['GlobalNetworkSet', { nets: ['nowhere'] }, /spec\.nets\[0\] in body should match/],
  ['HostEndpoint', { node: 'n1' }, /spec\.interfaceName: Invalid value: is missing: name the interface/],
])('the API server says what is wrong: %s %j', async (kind, spec, message) => {
  expect(await create(ownObject(kind, 'wrong', spec), true)).toMatch(message);
});

test('what contradicts another object becomes a condition that names both, and stops no other', async () => {
  await world.apply([
    ownObject('IPPool', 'default', { cidr: '10.244.0.0/16', natOutgoing: true }),
    ownObject('Tier', 'security', { order: 10 }),
  ]);
  await world.eventually(async () =>
    expect(await world.condition('IPPool', 'default')).toMatchObject({ status: 'True' }),
  );
  await world.apply([
    ownObject('IPPool', 'overlapping', { cidr: '10.244.128.0/17' }),
    ownObject('GlobalNetworkPolicy', 'lost', { tier: 'nowhere' }),
    ownObject('BGPPeer', 'unfiltered', { peerIP: '192.0.2.1', asNumber: 64513, filters: ['none'] }),
    ownObject('GlobalNetworkPolicy', 'good', { tier: 'security' }),
  ]);
  await world.eventually(async () => {
    expect(await world.condition('IPPool', 'overlapping')).toMatchObject({
      status: 'False',
      reason: 'Conflict',
      message: 'spec.cidr: 10.244.128.0/17 overlaps 10.244.0.0/16 of IPPool/default',
    });
    expect((await world.condition('GlobalNetworkPolicy', 'lost')).message).toBe(
      'spec.tier: there is no Tier nowhere; there are default, security',
    );
    expect((await world.condition('BGPPeer', 'unfiltered')).message).toMatch(/there is no BGPFilter none/);
    expect(await world.condition('GlobalNetworkPolicy', 'good')).toMatchObject({ status: 'True' });
    expect(await world.condition('CaracalStatus', 'default', 'Degraded')).toMatchObject({
      status: 'True',
      reason: 'InvalidObjects',
    });
  });
  expect(await world.storedNames('IPPool')).toEqual(['default']);
  expect(await world.storedNames('GlobalNetworkPolicy')).toEqual(['good']);
  // Another object can mend it.
  await world.apply([ownObject('Tier', 'nowhere'), ownObject('BGPFilter', 'none')]);
  await world.kubectl(['delete', 'ippool/overlapping']);
  await world.eventually(async () => {
    expect(await world.condition('GlobalNetworkPolicy', 'lost')).toMatchObject({ status: 'True' });
    expect(await world.condition('BGPPeer', 'unfiltered')).toMatchObject({ status: 'True' });
    for (const [type, status] of [
      ['Available', 'True'],
      ['Progressing', 'False'],
      ['Degraded', 'False'],
    ])
      expect(await world.condition('CaracalStatus', 'default', type)).toMatchObject({ status });
  });
});

test('a right version stays in force when a wrong one follows', async () => {
  const set = (selector: string) => ownObject('GlobalNetworkPolicy', 'p', { selector });
  await world.apply([set("app == 'a'")]);
  await world.eventually(async () =>
    expect(await world.condition('GlobalNetworkPolicy', 'p')).toMatchObject({ status: 'True' }),
  );
  await world.apply([set("app = 'b'")]);
  await world.eventually(async () => {
    const ready = await world.condition('GlobalNetworkPolicy', 'p');
    expect(ready).toMatchObject({ status: 'False', reason: 'Invalid', observedGeneration: ready.generation });
    expect(ready.message).toMatch(/a single = is no operator; write == \(the last right version stays in force\)$/);
  });
  const { resources } = await world.datastore.listResources({ kinds: ['GlobalNetworkPolicy'] });
  expect(resources.find(({ name }) => name === 'p')?.spec).toMatchObject({ selector: "app == 'a'" });
});

test('kubectl get shows the columns', async () => {
  await world.apply([
    { apiVersion: own, kind: 'BGPPeer', metadata: { name: 'tor' }, spec: { peerIP: '192.0.2.1', asNumber: 64513 } },
  ]);
  await world.apply(['n1', 'n2'].map((name) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })));
  await world.datastore.write({ op: 'claim', pool: 'default', node: 'n1', incarnation: 'i' });
  const endpoint = {
    containerId: 'c',
    interface: 'eth0',
    podNamespace: 'default',
    podName: 'a',
    podUid: 'u',
    addresses: ['10.244.0.1'],
  };
  await world.datastore.write({ op: 'report', node: 'n1', full: true, endpoints: [endpoint], removed: [] });
  await world.datastore.reportStatus('n1', { bgpPeers: [{ name: 'tor', state: 'Established' }] });
  await world.datastore.reportStatus('n2', { bgpPeers: [{ name: 'tor', state: 'Active' }] });
  const columns = (line: string) => line.split(/ {2,}/).map((each) => each.trim());
  await world.eventually(async () => {
    const [head, pool] = (await world.kubectl(['get', 'ippools'])).split('\n');
    expect(columns(head!)).toEqual([
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
    expect(pool).toMatch(/^default +10\.244\.0\.0\/16 +26 +true +None +1 +65536 +True /);
    const [peerHead, tor] = (await world.kubectl(['get', 'bgppeers', 'tor'])).split('\n');
    expect(columns(peerHead!)).toEqual(['NAME', 'PEER', 'AS', 'NODES', 'ESTABLISHED', 'READY', 'AGE']);
    expect(tor).toMatch(/^tor +192\.0\.2\.1 +64513 +2 +1\/2 +True /);
    expect(await world.kubectl(['get', 'caracal', '-A', '-o', 'name'])).toContain('tier.caracal.network/security');
  });
});

test('kubectl explain tells of each kind what it is for, and of each field', async () => {
  for (const kind of [...ownKinds, 'CaracalStatus'] as const) {
    const explain = (path: string) => world.kubectl(['explain', '--api-version', own, path]);
    const name = kind.toLowerCase();
    expect(await explain(name), kind).toMatch(/^DESCRIPTION:\n {4}(?!<empty>)\S/m);
    const field = kind === 'CaracalStatus' ? 'status' : 'spec';
    expect(await explain(`${name}.${field}`), kind).not.toContain('<no description>');
  }
});
