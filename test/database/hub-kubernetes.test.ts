// A hub in the mode kubernetes: real TLS, a real database, and an HTTPS server that answers TokenReviews as an API server does.
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { migrate } from '@caracal/datastore';
import { AdminService, NodeService } from '@caracal/protocol';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { prepareHub, type TestHub } from '../support/hub.ts';
import { createAuthority, issueCertificate } from '../support/pki.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const audience = 'caracal-hub';
const agent = 'system:serviceaccount:caracal-system:caracal-agent';
const hubToken = 'the-hubs-own-token';

let postgres: Postgres;
let hub: TestHub;
let folder: string;
let apiServer: Server;
/** What the API server knows of each token. */
const known = new Map<string, { username: string; node?: string; audiences: string[] }>();
let reviews: string[] = [];
let away = false;

/** A token with an expiry, as they are; `known` says what it is worth. */
function issue(what: Partial<{ username: string; node: string; audiences: string[]; expiresInMs: number }> = {}) {
  const claims = { exp: Math.floor((Date.now() + (what.expiresInMs ?? 3_600_000)) / 1000), jti: randomUUID() };
  const token = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;
  known.set(token, { username: agent, audiences: [audience], node: 'n1', ...what });
  return token;
}

async function startApiServer(): Promise<string[]> {
  const authority = await createAuthority('Test API server');
  const own = await issueCertificate(authority, {
    organization: 'kubernetes',
    commonName: 'kube-apiserver',
    ipAddresses: ['127.0.0.1'],
  });
  await writeFile(join(folder, 'ca.crt'), authority.ca);
  await writeFile(join(folder, 'token'), `${hubToken}\n`);
  apiServer = createServer(own, async (request, response) => {
    const answer = (code: number, body: object) =>
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (away) return answer(503, { message: 'etcd is away' });
    if (request.headers.authorization !== `Bearer ${hubToken}`) return answer(401, { message: 'Unauthorized' });
    if (request.url !== '/apis/authentication.k8s.io/v1/tokenreviews' || request.method !== 'POST')
      return answer(404, { message: 'no such path' });
    const { spec } = (await json(request)) as { spec: { token: string; audiences: string[] } }; // as the hub sends it
    reviews.push(spec.token);
    const found = known.get(spec.token);
    const audiences = found?.audiences.filter((one) => spec.audiences.includes(one)) ?? [];
    if (!found) return answer(201, { status: { authenticated: false, error: '[invalid bearer token]' } });
    if (audiences.length === 0) return answer(201, { status: { authenticated: false, error: 'audience mismatch' } });
    const extra = found.node ? { 'authentication.kubernetes.io/node-name': [found.node] } : {};
    answer(201, { status: { authenticated: true, audiences, user: { username: found.username, extra } } });
  });
  await new Promise<void>((resolve) => apiServer.listen(0, '127.0.0.1', resolve));
  return [`https://127.0.0.1:${(apiServer.address() as AddressInfo).port}`]; // it listens on TCP
}

beforeAll(async () => {
  folder = makeTemporaryFolder('token-review');
  const [apiServers, database] = await Promise.all([startApiServer(), startPostgres()]);
  postgres = database;
  await migrate(postgres.url);
  hub = await prepareHub(postgres.urlFor('caracal_hub'), {
    mode: 'kubernetes',
    kubernetes: { apiServers, tokenFile: join(folder, 'token'), caFile: join(folder, 'ca.crt'), cacheSeconds: 60 },
  });
  await hub.start();
  await hub.untilReady();
}, 60_000);
afterAll(async () => {
  await hub?.destroy();
  await postgres?.destroy();
  apiServer?.close();
  removeTemporaryFolder(folder);
}, 60_000);
beforeEach(() => {
  reviews = [];
  away = false;
});

const report = (token: () => string) =>
  hub.nodeWithToken(token).report({ full: false, status: { addressV4: '192.0.2.1', asNumber: 64512 } });
const failure = async (promise: Promise<unknown>) => {
  const error = ConnectError.from(
    await promise.then(
      () => new Error('it succeeded'),
      (reason) => reason,
    ),
  );
  return [Code[error.code], error.rawMessage];
};

test('a node is whom its token says, reviewed once in a while, also when the token rotates', async () => {
  const [first, second] = [issue({ node: 'n1' }), issue({ node: 'n1' })];
  let current = first;
  const node = hub.nodeWithToken(() => current);
  for (let i = 0; i < 3; i++) await node.report({ status: { addressV4: '192.0.2.1' } });
  current = second;
  await node.report({ status: { addressV4: '192.0.2.1' } });
  expect(reviews).toEqual([first, second]);
  const admin = await hub.admin();
  expect((await admin.listNodes({})).nodes.map(({ name }) => name)).toContain('n1');
});

test('no pods and nodes are made of what nodes report: the operator tells of them', async () => {
  const token = issue({ node: 'n2' });
  const endpoint = { containerId: 'c', interface: 'eth0', podNamespace: 'a', podName: 'b', podUid: 'u' };
  const request = { full: true, endpoints: [{ endpoint }], status: { addressV4: '192.0.2.2', asNumber: 64512 } };
  await hub.nodeWithToken(() => token).report(request);
  const admin = await hub.admin();
  for (const kind of ['Pod', 'Node', 'Namespace']) expect((await admin.get({ kind })).resources).toEqual([]);
  expect((await admin.listEndpoints({})).endpoints).toMatchObject([{ podUid: 'u', node: 'n2' }]);
});

test.each<[string, () => string, RegExp]>([
  ['unknown to the API server', () => `e30.e30.${randomUUID()}`, /^the API server does not know the token/],
  ['for another audience', () => issue({ audiences: ['vault'] }), /audience mismatch.*for the audience caracal-hub$/],
  [
    'of another service account',
    () => issue({ username: 'system:serviceaccount:default:default' }),
    /^the token is that of system:serviceaccount:default:default, not of system:serviceaccount:caracal-system:caracal-agent$/,
  ],
  ['bound to no node', () => issue({ node: undefined }), /^the token names no node/],
  ['bound to what is no name', () => issue({ node: '../n1' }), /^the token names no node/],
  ['expired', () => issue({ expiresInMs: -5000 }), /^the token expired \d+ s ago$/],
])('a token that is %s is refused', async (_what, token, message) => {
  const refused = token();
  expect(await failure(report(() => refused))).toEqual(['Unauthenticated', expect.stringMatching(message)]);
});

test('without a token there is no way in, not even with a certificate', async () => {
  const none = ['Unauthenticated', "caracal.v1.NodeService needs a node's service-account token, and there is none"];
  expect(await failure((await hub.node('n1')).report({}))).toEqual(none);
  expect(await failure(createClient(NodeService, await hub.transport('other', 'n1')).report({}))).toEqual(none);
});

test('a token makes nobody an administrator; a certificate does', async () => {
  const token = issue();
  const foreign = await createAuthority('Another authority');
  const forged = await issueCertificate(foreign, { organization: 'caracal:admins', commonName: 'admin' });
  const node = createClient(AdminService, await hub.transport('caracal:nodes', 'n1'));
  expect((await failure(node.listNodes({})))[0]).toBe('PermissionDenied');
  expect(await failure(hub.adminWith({ token: () => token }).listNodes({}))).toEqual([
    'PermissionDenied',
    'caracal.v1.AdminService needs a certificate with O=caracal:admins, and this is none of our authority',
  ]);
  expect(await failure(hub.adminWith(forged).listNodes({}))).toEqual([
    'PermissionDenied',
    expect.stringMatching(/none of our authority$/),
  ]);
  await (await hub.admin()).listNodes({});
});

test('what is configured is changed by kubectl alone', async () => {
  const admin = await hub.admin();
  const documents = [JSON.stringify({ apiVersion: 'caracal.network/v1', kind: 'Tier', metadata: { name: 'a' } })];
  expect(await failure(admin.apply({ documents }))).toEqual([
    'FailedPrecondition',
    'this network is configured by Kubernetes: use kubectl apply',
  ]);
  expect((await admin.apply({ documents, dryRun: true })).problems).toEqual([]);
  expect((await failure(admin.delete({ keys: [] })))[0]).toBe('FailedPrecondition');
  expect((await failure(admin.label({})))[0]).toBe('FailedPrecondition');
});

test('while the API server is away new tokens wait, and those reviewed still count', async () => {
  const [reviewed, fresh] = [issue(), issue()];
  await report(() => reviewed);
  away = true;
  await report(() => reviewed);
  expect(await failure(report(() => fresh))).toEqual([
    'Unavailable',
    'the API server cannot review tokens: answered 503: etcd is away',
  ]);
  away = false;
  await report(() => fresh);
});

test('no token is in the log', async () => {
  expect(known.size).toBeGreaterThan(5);
  for (const token of [...known.keys(), hubToken]) expect(hub.log()).not.toContain(token);
  expect(hub.log()).not.toContain((await readFile(join(folder, 'token'), 'utf8')).trim());
});
