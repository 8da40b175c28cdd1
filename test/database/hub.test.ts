import { randomUUID } from 'node:crypto';
import http2 from 'node:http2';
import tls from 'node:tls';
import { migrate } from '@caracal/datastore';
import { AdminService, NodeService } from '@caracal/protocol';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type FeedEvent, type FeedReader, isCommit, readFeed } from '../support/feed-reader.ts';
import { prepareHub, type TestHub } from '../support/hub.ts';
import { createAuthority, issueCertificate } from '../support/pki.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { childrenOf } from '../support/proc.ts';

let postgres: Postgres;
let hub: TestHub;
const readers: FeedReader[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
  await migrate(postgres.url);
  hub = await prepareHub(postgres.urlFor('caracal_hub'), { feed: { heartbeatMs: 200 } });
  await hub.start();
  await hub.untilReady();
}, 60_000);
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.close()));
});
afterAll(async () => {
  await hub?.destroy();
  await postgres?.destroy();
}, 60_000);

const subscribe = async (node: string, from?: { revision: bigint; nonce: bigint }) => {
  const reader = readFeed(await hub.node(node), from);
  readers.push(reader);
  return reader;
};
const document = (kind: string, name: string, spec: object, namespace?: string) =>
  JSON.stringify({ apiVersion: 'caracal.network/v1', kind, metadata: { name, namespace }, spec });
const pool = (name: string, cidr: string, blockSize = 26) => document('IPPool', name, { cidr, blockSize });
/** The reader has all that was committed up to a revision (it may begin with a snapshot that is a little older). */
const commitOf = (revision: bigint) => (event: FeedEvent) => isCommit(event) && event.revision >= revision;
const failure = async (promise: Promise<unknown>) => {
  const error = ConnectError.from(
    await promise.then(
      () => new Error('it succeeded'),
      (reason) => reason,
    ),
  );
  return { code: Code[error.code], message: error.rawMessage };
};

describe('apply', () => {
  test('stores all documents, and says what became of each', async () => {
    const admin = await hub.admin();
    const documents = [pool('apply', '10.10.0.0/20'), document('Tier', 'apply', { order: 10 })];
    const dry = await admin.apply({ documents, dryRun: true });
    expect(dry.applied.map(({ object, outcome }) => [object, outcome])).toEqual([
      ['IPPool/apply', 'created'],
      ['Tier/apply', 'created'],
    ]);
    expect((await admin.get({ kind: 'IPPool', name: 'apply' })).resources).toEqual([]);
    expect((await admin.apply({ documents })).applied.map(({ outcome }) => outcome)).toEqual(['created', 'created']);
    expect((await admin.apply({ documents })).applied.map(({ outcome }) => outcome)).toEqual([
      'unchanged',
      'unchanged',
    ]);
    const { resources } = await admin.get({ kind: 'IPPool', name: 'apply' });
    expect(resources).toHaveLength(1);
    expect(JSON.parse(resources[0].specJson)).toMatchObject({ cidr: '10.10.0.0/20', blockSize: 26, disabled: false });
  });

  test('stores nothing when one of them is wrong, and names the field', async () => {
    const admin = await hub.admin();
    const { problems } = await admin.apply({
      documents: [
        document('Tier', 'half', { order: 1 }),
        pool('bad', '10.20.0.0/33'),
        document('IPPool', 'odd', { cidr: '10.21.0.0/16', colour: 'red' }),
      ],
    });
    expect(problems.map(({ document: index, object, field }) => [index, object, field])).toEqual([
      [1, 'IPPool/bad', 'spec.cidr'],
      [2, 'IPPool/odd', 'spec.colour'],
    ]);
    expect((await admin.get({ kind: 'Tier', name: 'half' })).resources).toEqual([]);
    expect((await admin.apply({ documents: ['{'] })).problems[0].message).toMatch(/is no JSON/);
  });

  test('refuses pools that overlap what is stored, also when two come at the same moment', async () => {
    const admin = await hub.admin();
    await admin.apply({ documents: [pool('first', '10.30.0.0/16')] });
    const { problems } = await admin.apply({ documents: [pool('second', '10.30.128.0/20')] });
    expect(problems).toMatchObject([{ object: 'IPPool/second', field: 'spec.cidr' }]);
    expect(problems[0].message).toContain('IPPool/first');
    const both = await Promise.all(
      ['left', 'right'].map((name) => admin.apply({ documents: [pool(name, '10.31.0.0/16')] })),
    );
    expect(both.filter((answer) => answer.problems.length === 0)).toHaveLength(1);
  });
});

describe('blocks', () => {
  test('are claimed by the certificate, shown, released by their owner alone', async () => {
    const admin = await hub.admin();
    await admin.apply({ documents: [pool('blocks', '10.40.0.0/25')] });
    const [one, two] = [await hub.node('node-1'), await hub.node('node-2')];
    const incarnation = randomUUID();
    const { result } = await one.claimBlock({ pool: 'blocks', incarnation });
    expect(result).toMatchObject({ case: 'block', value: { cidr: '10.40.0.0/26', pool: 'blocks', node: 'node-1' } });
    // The answer got lost: the same block again. A block is claimed ahead: one more.
    expect((await one.claimBlock({ pool: 'blocks', incarnation, held: { cidrs: [] } })).result.value).toMatchObject({
      cidr: '10.40.0.0/26',
    });
    const held = { cidrs: ['10.40.0.0/26'] };
    expect((await one.claimBlock({ pool: 'blocks', incarnation, held })).result.value).toMatchObject({
      cidr: '10.40.0.64/26',
    });
    expect((await two.claimBlock({ pool: 'blocks', incarnation })).result).toMatchObject({
      case: 'poolFull',
      value: { blocks: 2 },
    });

    expect(await failure(two.releaseBlock({ cidr: '10.40.0.0/26', incarnation }))).toEqual({
      code: 'PermissionDenied',
      message: 'block 10.40.0.0/26 belongs to node node-1, not to node-2',
    });
    expect((await failure(one.releaseBlock({ cidr: '10.40.0.0/26', incarnation: randomUUID() }))).code).toBe(
      'FailedPrecondition',
    );
    const refused = await admin.delete({ keys: [{ kind: 'IPPool', name: 'blocks' }] });
    expect(refused.problems[0].message).toContain('10.40.0.0/26 (node node-1), 10.40.0.64/26 (node node-1)');

    const { blocks } = await admin.listBlocks({});
    expect(blocks.filter(({ pool: name }) => name === 'blocks').map(({ cidr, node }) => `${cidr} ${node}`)).toEqual([
      '10.40.0.0/26 node-1',
      '10.40.0.64/26 node-1',
    ]);
    for (const cidr of ['10.40.0.0/26', '10.40.0.64/26', '10.40.0.0/26']) await one.releaseBlock({ cidr, incarnation });
    expect((await admin.delete({ keys: [{ kind: 'IPPool', name: 'blocks' }] })).problems).toEqual([]);
    expect((await failure(one.claimBlock({ pool: 'blocks', incarnation }))).code).toBe('NotFound');
  });
});

test('a node that says it owns a whole pool, or what is no block, is refused: others would get none', async () => {
  const node = await hub.node('node-3');
  const incarnation = randomUUID();
  const says = (cidr: string) => failure(node.assertBlocks({ incarnation, blocks: [{ cidr, pool: 'any' }] }));
  expect(await says('10.0.0.0/8')).toEqual({
    code: 'InvalidArgument',
    message: '10.0.0.0/8 is no block: its length is not between /20 and /32',
  });
  expect((await says('fd00::/64')).message).toBe('fd00::/64 is no block: its length is not between /116 and /128');
  expect((await says('all of it')).code).toBe('InvalidArgument');
  const status = (fields: object) => failure(node.report({ status: { incarnation, ...fields } }));
  expect((await status({ blocks: [{ cidr: 'garbage' }] })).message).toBe('"garbage" is no CIDR');
  expect((await status({ leaked: [{ address: 'garbage' }] })).message).toBe('"garbage" is no address');
});

test('what is not believed of a report is counted', async () => {
  const admin = await hub.admin();
  await admin.apply({ documents: [pool('counted', '10.48.0.0/25')] });
  const [one, two] = [await hub.node('node-4'), await hub.node('node-5')];
  await one.claimBlock({ pool: 'counted', incarnation: randomUUID() });
  const endpoint = { containerId: 'c', interface: 'eth0', addresses: [Uint8Array.of(10, 48, 0, 1)] };
  await two.report({ endpoints: [{ endpoint }] });
  expect((await hub.ops('/metrics')).body).toMatch(/caracal_hub_quarantined_total 1\n/);
  await two.report({ full: true });
  const { blocks } = await admin.listBlocks({});
  expect(blocks.find(({ pool: name }) => name === 'counted')?.node).toBe('node-4');
});

describe('the feed', () => {
  test('is a snapshot, then every change; a reader that comes back resumes', async () => {
    const admin = await hub.admin();
    const { revision: stored } = await admin.apply({ documents: [document('Tier', 'feed', { order: 77 })] });
    const reader = await subscribe('feed-1');
    const first = await reader.until(commitOf(stored));
    expect(reader.events.filter((event) => event.case !== 'heartbeat')[0].case).toBe('snapshotBegin');
    const items = reader.events.flatMap((event) => event.items);
    expect(
      items.some(({ item }) => item.case === 'resource' && item.value.kind === 'Tier' && item.value.name === 'feed'),
    ).toBe(true);

    const seen = reader.events.length;
    await admin.apply({ documents: [document('Tier', 'feed', { order: 78 })] });
    const change = await reader.until((event) => event.case === 'items', seen);
    expect(change.items[0].item).toMatchObject({ case: 'resource', value: { name: 'feed', generation: 2n } });
    const second = await reader.until(isCommit, seen);
    expect(second.revision).toBe(first.revision + 1n);
    await reader.close();

    await admin.delete({ keys: [{ kind: 'Tier', name: 'feed' }] });
    const resumed = await subscribe('feed-1', first);
    await resumed.until((event) => isCommit(event) && event.revision === second.revision + 1n);
    expect(resumed.events.some((event) => event.case === 'snapshotBegin')).toBe(false);
    expect(resumed.events.flatMap((event) => event.items).map(({ item }) => item.case)).toEqual([
      'resource',
      'resourceDeleted',
    ]);

    const stranger = await subscribe('feed-1', { revision: first.revision, nonce: first.nonce + 1n });
    await stranger.until(isCommit);
    expect(stranger.events.some((event) => event.case === 'snapshotBegin')).toBe(true);
  });

  test('carries blocks, endpoints and the pods that reports make; labels change them', async () => {
    const admin = await hub.admin();
    const node = await hub.node('node-7');
    const reader = await subscribe('node-8');
    await reader.until(commitOf((await admin.get({ kind: 'Tier' })).revision));
    const start = reader.events.length;
    const podUid = randomUUID();
    const endpoint = {
      containerId: 'c1',
      interface: 'eth0',
      podNamespace: 'shop',
      podName: 'web',
      podUid,
      addresses: [new Uint8Array([10, 50, 0, 1])],
    };
    const ports = [{ name: 'http', protocol: 'TCP', port: 80 }];
    const status = { addressV4: '192.0.2.7', asNumber: 64512, blocks: [], bgpPeers: [] };
    await node.report({ full: true, endpoints: [{ endpoint, labels: { app: 'web' }, ports }], status });
    await admin.label({ key: { kind: 'Pod', namespace: 'shop', name: 'web' }, labels: { app: '', colour: 'red' } });
    await node.report({ removed: [{ containerId: 'c1', interface: 'eth0' }] });
    await reader.until((event) => event.items.some(({ item }) => item.case === 'resourceDeleted'), start);
    const story = reader.events.slice(start).flatMap(({ items }) => items.map(({ item }) => item));
    expect(story).toMatchObject([
      {
        case: 'resource',
        value: { kind: 'Namespace', name: 'shop', labels: { 'kubernetes.io/metadata.name': 'shop' } },
      },
      { case: 'resource', value: { kind: 'Pod', name: 'web', uid: podUid, labels: { app: 'web' } } },
      { case: 'resource', value: { kind: 'Node', name: 'node-7', labels: { 'kubernetes.io/hostname': 'node-7' } } },
      { case: 'endpoint', value: { node: 'node-7', podUid, addresses: [new Uint8Array([10, 50, 0, 1])] } },
      { case: 'resource', value: { kind: 'Pod', labels: { colour: 'red' } } },
      { case: 'endpointDeleted', value: { node: 'node-7', containerId: 'c1', interface: 'eth0' } },
      { case: 'resourceDeleted', value: { kind: 'Pod', namespace: 'shop', name: 'web' } },
    ]);
    expect(JSON.parse((story[1].value as { specJson: string }).specJson)).toEqual({
      nodeName: 'node-7',
      serviceAccountName: 'default',
      ports: [{ name: 'http', protocol: 'TCP', containerPort: 80 }],
    });
    const { nodes } = await admin.listNodes({});
    expect(nodes.find(({ name }) => name === 'node-7')).toMatchObject({
      connected: false,
      status: { addressV4: '192.0.2.7' },
    });
    expect(nodes.find(({ name }) => name === 'node-8')).toMatchObject({ connected: true });
  });

  test('comes in messages of at most 64 KiB', async () => {
    const admin = await hub.admin();
    const documents = Array.from({ length: 400 }, (_, i) =>
      document('GlobalNetworkSet', `set-${i}`, {
        nets: Array.from({ length: 40 }, (_, n) => `10.${i % 256}.${n}.0/24`),
      }),
    );
    const { revision } = await admin.apply({ documents });
    const reader = await subscribe('node-9');
    await reader.until(commitOf(revision));
    const frames = reader.events.filter((event) => event.case === 'items');
    expect(frames.reduce((sum, { items }) => sum + items.length, 0)).toBeGreaterThanOrEqual(400);
    expect(frames.length).toBeGreaterThan(3);
    expect(Math.max(...frames.map(({ bytes }) => bytes))).toBeLessThanOrEqual(64 * 1024);
    await admin.delete({ keys: documents.map((_, i) => ({ kind: 'GlobalNetworkSet', name: `set-${i}` })) });
  });
});

describe('identity', () => {
  test('a client without a certificate, or with one of another authority, gets no answer at all', async () => {
    const path = hub.address.slice('unix:'.length);
    const stranger = await createAuthority('another authority');
    const forged = await issueCertificate(stranger, { organization: 'caracal:admins', commonName: 'intruder' });
    for (const identity of [{}, forged]) {
      const session = http2.connect('https://caracal-hub', {
        createConnection: () =>
          tls.connect({ path, ca: hub.authority.ca, servername: 'caracal-hub', ALPNProtocols: ['h2'], ...identity }),
      });
      const outcome = await new Promise<string>((resolve) => {
        session.on('error', () => resolve('refused'));
        session.on('close', () => resolve('refused'));
        const request = session.request({
          ':method': 'POST',
          ':path': '/caracal.v1.AdminService/ListNodes',
          'content-type': 'application/json',
        });
        request.on('error', () => resolve('refused'));
        request.on('response', (headers) => resolve(`answered ${headers[':status']}`));
        request.end('{}');
      });
      session.destroy();
      expect(outcome).toBe('refused');
    }
  });

  test('each certificate opens its own service alone', async () => {
    const nodeAsAdmin = createClient(AdminService, await hub.transport('caracal:nodes', 'node-1'));
    expect(await failure(nodeAsAdmin.listNodes({}))).toMatchObject({ code: 'PermissionDenied' });
    const adminAsNode = createClient(NodeService, await hub.transport('caracal:admins', 'root'));
    expect(await failure(adminAsNode.report({}))).toMatchObject({ code: 'PermissionDenied' });
    const stranger = createClient(AdminService, await hub.transport('acme', 'node-1'));
    expect((await failure(stranger.listNodes({}))).message).toContain('O=acme, CN=node-1');
    const refused = readFeed(createClient(NodeService, await hub.transport('acme', 'node-1')));
    expect(ConnectError.from(await refused.ended).code).toBe(Code.PermissionDenied);
  });
});

describe('without Postgres', () => {
  test('streams stay and tell, requests fail clearly, and all come back', async () => {
    const admin = await hub.admin();
    const node = await hub.node('node-1');
    const { revision } = await admin.apply({ documents: [pool('outage', '10.60.0.0/16')] });
    const reader = await subscribe('node-1');
    const position = await reader.until(commitOf(revision));
    await postgres.kill();
    let mark = reader.events.length;
    await reader.until((event) => event.case === 'heartbeat' && !event.live, mark);
    expect(await failure(node.claimBlock({ pool: 'outage', incarnation: randomUUID() }))).toMatchObject({
      code: 'Unavailable',
      message: expect.stringContaining('the database cannot be reached'),
    });
    expect((await hub.ops('/healthz')).status).toBe(200);
    expect(await hub.ops('/readyz')).toMatchObject({ status: 503 });
    // An agent that comes now gets the state as it was known.
    const late = await subscribe('node-2');
    await late.until(commitOf(revision));

    await postgres.start();
    mark = reader.events.length;
    await hub.untilReady();
    await admin.apply({ documents: [document('Tier', 'after-outage', { order: 5 })] });
    const next = await reader.until(isCommit, mark);
    expect(next.revision).toBe(position.revision + 1n);
    expect(reader.events.filter((event) => event.case === 'snapshotBegin')).toHaveLength(1);
  }, 60_000);

  test('a Postgres that answers nothing is noticed too', async () => {
    const admin = await hub.admin();
    const reader = await subscribe('node-1');
    await reader.until((event) => event.case === 'heartbeat' && event.live);
    const postmaster = postgres.pid()!;
    const processes = [postmaster, ...childrenOf(postmaster)];
    for (const pid of processes) process.kill(pid, 'SIGSTOP');
    try {
      await reader.until((event) => event.case === 'heartbeat' && !event.live);
      expect((await failure(admin.listBlocks({}, { timeoutMs: 500 }))).code).toBe('DeadlineExceeded');
    } finally {
      for (const pid of processes) process.kill(pid, 'SIGCONT');
    }
    const mark = reader.events.length;
    await reader.until((event) => event.case === 'heartbeat' && event.live, mark);
    expect((await admin.listBlocks({})).blocks).toBeDefined();
  }, 60_000);

  test('a hub starts, waits, and serves when it comes; readers of the hub before resume at it', async () => {
    const before = await subscribe('node-1');
    const position = await before.until(commitOf((await (await hub.admin()).get({ kind: 'Tier' })).revision));
    const [code, end] = await Promise.all([hub.stop(), before.ended]);
    expect({ code, end }).toEqual({ code: 0, end: undefined });
    await postgres.stop();
    await hub.start();
    const reader = await subscribe('node-1', position);
    const heartbeat = await reader.until((event) => event.case === 'heartbeat');
    expect(heartbeat.live).toBe(false);
    await postgres.start();
    await hub.untilReady();
    const admin = await hub.admin();
    await admin.apply({ documents: [document('Tier', 'after-restart', { order: 6 })] });
    const next = await reader.until(isCommit);
    expect(next.revision).toBe(position.revision + 1n);
    expect(reader.events.some((event) => event.case === 'snapshotBegin')).toBe(false);
  }, 60_000);
});

test('metrics tell revision, streams and requests', async () => {
  const { body } = await hub.ops('/metrics');
  expect(body).toMatch(/caracal_hub_feed_revision \d+/);
  expect(body).toMatch(/caracal_hub_feed_live 1/);
});
