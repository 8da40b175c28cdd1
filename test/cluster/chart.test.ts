// The chart against a real API server, without nodes: what it refuses, that the server takes it, and that its rights are enough and no more.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '@caracal/datastore';
import { kubeApi, serviceAccount } from '@caracal/kube';
import { Code, ConnectError } from '@connectrpc/connect';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { declareReady } from '../../apps/agent/kubernetes/node-condition.ts';
import { prepareHub, type TestHub } from '../support/hub.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { binaryPath, ensureBinaries } from './build.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { certificate } from './credentials.ts';

const namespace = 'caracal-system';
const trial = ['--set', 'database.trial.enabled=true,database.trial.node=n1'];
let plane: ControlPlane;
let folder: string;

const helm = async (args: readonly string[]) => {
  const result = await execa(binaryPath('helm'), args, { reject: false, all: true });
  return { ok: result.exitCode === 0, output: result.stdout, all: result.all };
};
const template = (...args: string[]) => helm(['template', 'caracal', 'helm', '--namespace', namespace, ...args]);
const kubectl = (args: readonly string[], input?: string) => plane.kubectl(args, input);
const create = (object: object) => kubectl(['create', '-f', '-'], JSON.stringify(object));

beforeAll(async () => {
  await ensureBinaries(['helm']);
  folder = await mkdtemp(join(tmpdir(), 'caracal-chart-'));
  plane = await startControlPlane();
  await kubectl(['create', 'namespace', namespace]);
  await kubectl(['apply', '--server-side', '-f', 'crds']);
  await kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
});
afterAll(async () => {
  await plane?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('helm lint finds nothing to fault', async () => {
  expect(await helm(['lint', 'helm', ...trial])).toMatchObject({ ok: true });
});

test.each<[string, string[], RegExp]>([
  ['no database', [], /database\.secret\.name: name the Secret .* or set database\.trial\.enabled/],
  [
    'a Service as database',
    ['--set', 'database.secret.name=a,database.host=db.prod.svc.cluster.local'],
    /database\.host is db\.prod\.svc\.cluster\.local, a Service: after a power cut/,
  ],
  ['a trial on no node', ['--set', 'database.trial.enabled=true'], /database\.trial\.node: name the node/],
  ['a trial and a database', [...trial, '--set', 'database.secret.name=a'], /use either trial\.enabled or secret/],
  ['a certificate without its authority', [...trial, '--set', 'tls.secretName=a'], /tls\.ca: the agents need/],
  ['a value that does not exist', [...trial, '--set', 'hub.replica=3'], /additional properties 'replica' not allowed/],
  ['an impossible value', [...trial, '--set', 'agent.mtu=900'], /'\/agent\/mtu'/],
])('%s is refused', async (_what, args, message) => {
  const { ok, all } = await template(...args);
  expect(all).toMatch(message);
  expect(ok).toBe(false);
});

test('a Secret that names a Service is refused when it is installed', async () => {
  const data = { url: 'postgresql://u:p@db-rw.prod.svc:5432/app', short: 'postgresql://u:p@db-rw:5432/app' };
  await create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db', namespace }, stringData: data });
  const install = (key: string) =>
    helm([
      ...['install', 'caracal', 'helm', '--namespace', namespace, '--kubeconfig', plane.kubeconfig],
      ...['--dry-run=server', '--set', `database.secret.name=db,database.secret.urlKey=${key}`],
    ]);
  expect((await install('url')).all).toMatch(/the URL in Secret db is db-rw\.prod\.svc, a Service/);
  expect((await install('short')).all).toMatch(/names the host db-rw, which only the cluster's DNS knows/);
  expect((await install('nothing')).all).toMatch(/Secret db has no key nothing/);
});

test.each([
  ['for a trial', trial],
  [
    'with a database',
    ['--set', 'database.secret.name=app,database.host=192.0.2.5,database.caSecret=ca,database.migrationSecret.name=su'],
  ],
])('the API server takes all of it, %s', async (_what, args) => {
  const pool = ['--set-json', 'ipPools=[{"name":"default","spec":{"cidr":"10.244.0.0/16"}}]'];
  const { output } = await template(...args, ...pool);
  const taken = await kubectl(['apply', '--dry-run=server', '-f', '-'], output);
  for (const what of ['daemonset.apps/caracal-node', 'deployment.apps/caracal-hub', 'ippool.caracal.network/default'])
    expect(taken).toContain(`${what} created`);
});

test("peers' passwords are mounted where a BGPPeer names them, and nothing when there are none", async () => {
  const passwords = '{ name: bgp-passwords, mountPath: /etc/caracal/bgp-passwords, readOnly: true }';
  const { output } = await template(...trial, '--set', 'bgp.passwordsSecret=tor');
  expect(output).toContain(passwords);
  expect(await kubectl(['apply', '--dry-run=server', '-f', '-'], output)).toContain(
    'daemonset.apps/caracal-node created',
  );
  expect((await template(...trial)).output).not.toContain('bgp-passwords');
});

describe('with its accounts and rights', () => {
  let postgres: Postgres;
  let hub: TestHub;

  /** A token of a service account, bound to a pod or not. */
  const token = (account: string, ...args: string[]) =>
    kubectl(['create', 'token', account, '--namespace', namespace, ...args]);
  const ofPod = (pod: string) => ['--bound-object-kind', 'Pod', '--bound-object-name', pod];
  const forHub = ['--audience', 'caracal-hub'];

  async function apiAs(name: string, text: string) {
    const tokenFile = join(folder, name);
    await writeFile(tokenFile, text, { mode: 0o600 });
    const { ca: caFile } = certificate(plane.folder, 'admin');
    return kubeApi(serviceAccount({ apiServers: [plane.url], tokenFile, caFile }), 'test');
  }

  beforeAll(async () => {
    await kubectl(['apply', '-f', '-'], (await template(...trial)).output);
    for (const name of ['n1', 'n2']) {
      const taints = [{ key: 'node.caracal.network/not-ready', effect: 'NoSchedule' }];
      await create({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { a: 'b' } }, spec: { taints } });
      const spec = {
        nodeName: name,
        serviceAccountName: 'caracal-agent',
        hostNetwork: true,
        containers: [{ name: 'agent', image: 'x' }],
      };
      await create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: `agent-${name}`, namespace }, spec });
    }
    postgres = await startPostgres();
    await migrate(postgres.url);
    const tokenFile = join(folder, 'hub');
    await writeFile(tokenFile, await token('caracal-hub'));
    const { ca: caFile } = certificate(plane.folder, 'admin');
    hub = await prepareHub(postgres.urlFor('caracal_hub'), {
      mode: 'kubernetes',
      kubernetes: { apiServers: [plane.url], tokenFile, caFile, cacheSeconds: 1 },
    });
    await hub.start();
    await hub.untilReady();
  });
  afterAll(async () => {
    await hub?.destroy();
    await postgres?.destroy();
  });

  const report = async (text: string) => hub.nodeWithToken(() => text).report({ status: { addressV4: '192.0.2.1' } });
  const refusal = async (text: string) => {
    const error = ConnectError.from(
      await report(text).then(
        () => new Error('it was let in'),
        (reason) => reason,
      ),
    );
    return [Code[error.code], error.rawMessage];
  };

  test("a hub with the chart's rights lets a node in by its pod's token, as itself", async () => {
    await report(await token('caracal-agent', ...forHub, ...ofPod('agent-n2')));
    expect((await (await hub.admin()).listNodes({})).nodes.map(({ name }) => name)).toEqual(['n2']);
  });

  test('tokens for others, of others, of no pod, and of a pod that is gone are refused', async () => {
    expect(await refusal(await token('caracal-agent', ...ofPod('agent-n1')))).toEqual([
      'Unauthenticated',
      expect.stringMatching(/for the audience caracal-hub$/),
    ]);
    expect(await refusal(await token('caracal-operator', ...forHub))).toEqual([
      'Unauthenticated',
      `the token is that of system:serviceaccount:${namespace}:caracal-operator, not of system:serviceaccount:${namespace}:caracal-agent`,
    ]);
    expect(await refusal(await token('caracal-agent', ...forHub))).toEqual([
      'Unauthenticated',
      expect.stringMatching(/^the token names no node/),
    ]);
    const spec = { nodeName: 'n1', serviceAccountName: 'caracal-agent', containers: [{ name: 'c', image: 'x' }] };
    await create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'gone', namespace }, spec });
    const orphan = await token('caracal-agent', ...forHub, ...ofPod('gone'));
    await report(orphan);
    await kubectl(['delete', 'pod', 'gone', '--namespace', namespace, '--force', '--grace-period=0']);
    // The API server believes in a token some seconds longer.
    await expect.poll(() => refusal(orphan), { timeout: 30_000 }).toEqual(['Unauthenticated', expect.anything()]);
  });

  test('an agent says of its own node that it is ready, and nothing of another', async () => {
    const agent = await apiAs('agent', await token('caracal-agent', ...ofPod('agent-n1')));
    const node = async (name: string) => JSON.parse(await kubectl(['get', 'node', name, '-o', 'json']));
    await declareReady(agent, await node('n1'), new Date());
    const after = await node('n1');
    // The one that a Node is born with is kubelet's.
    expect(after.spec.taints).toEqual([{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
    expect(after.status.conditions).toMatchObject([{ type: 'NetworkUnavailable', status: 'False' }]);
    const other = 'an agent may change the Node that it runs on, and no other';
    await expect(declareReady(agent, await node('n2'), new Date())).rejects.toThrow(other);
    const patch = (name: string, body: object) =>
      agent.request({
        method: 'PATCH',
        path: `/api/v1/nodes/${name}`,
        body,
        contentType: 'application/merge-patch+json',
      });
    await expect(patch('n2', { spec: { taints: [] } })).rejects.toThrow(other);
    await expect(patch('n1', { metadata: { labels: { a: 'c' } } })).rejects.toThrow("may not change a Node's labels");
    await expect(patch('n1', { spec: { unschedulable: true } })).rejects.toThrow('may not cordon a Node');
    const taints = [{ key: 'x', effect: 'NoExecute' }];
    await expect(patch('n1', { spec: { taints } })).rejects.toThrow('may only remove node.caracal.network/not-ready');
  });

  test.each([
    [
      'caracal-agent',
      ['get', 'secrets'],
      ['list', 'configmaps'],
      ['delete', 'nodes'],
      ['update', 'ippools.caracal.network'],
    ],
    ['caracal-hub', ['list', 'pods'], ['get', 'secrets'], ['list', 'nodes']],
    [
      'caracal-operator',
      ['get', 'secrets'],
      ['patch', 'nodes'],
      ['delete', 'ippools.caracal.network'],
      ['update', 'pods'],
    ],
  ] as const)('%s may not do more than it must', async (account, ...what) => {
    const as = `system:serviceaccount:${namespace}:${account}`;
    for (const [verb, resource] of what) {
      const answer = await kubectl(['auth', 'can-i', verb, resource, '--as', as, '-n', namespace]).catch(
        ({ stdout }: { stdout: string }) => stdout,
      );
      expect([verb, resource, answer]).toEqual([verb, resource, 'no']);
    }
  });

  test('no token is in the log of the hub', async () => {
    expect(hub.log()).not.toContain('eyJ');
    expect(hub.log()).not.toContain(await readFile(join(folder, 'hub'), 'utf8'));
  });
});
