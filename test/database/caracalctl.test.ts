/** caracalctl as a person calls it, against a real hub on a real Postgres. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate } from '@caracal/datastore';
import { parseAddress } from '@caracal/net';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareHub, type TestHub } from '../support/hub.ts';
import { issueCertificate } from '../support/pki.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { runQuery } from './support.ts';

const launcher = join(import.meta.dirname, '../../apps/ctl/caracalctl');
let folder: string;
let postgres: Postgres;
let hub: TestHub;
let env: Record<string, string>;

beforeAll(async () => {
  folder = makeTemporaryFolder('ctl');
  postgres = await startPostgres();
  await migrate(postgres.url);
  hub = await prepareHub(postgres.url);
  await hub.start();
  await hub.untilReady();
  const identity = await issueCertificate(hub.authority, { organization: 'caracal:admins', commonName: 'test' });
  env = {
    CARACAL_HUB: hub.address,
    CARACAL_CA: await file('ca.pem', hub.authority.ca),
    CARACAL_CERT: await file('admin.pem', identity.cert),
    CARACAL_KEY: await file('admin.key', identity.key),
  };
}, 60_000);

afterAll(async () => {
  await hub?.destroy();
  await postgres?.destroy();
  if (folder) removeTemporaryFolder(folder);
});

async function file(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

async function ctl(args: string[], input = '', more: Record<string, string> = {}) {
  const { exitCode, stdout, stderr } = await execa(launcher, args, { env: { ...env, ...more }, input, reject: false });
  return { code: exitCode, out: stdout, err: stderr };
}

const pool = (name: string, cidr: string, more = '') =>
  `apiVersion: caracal.network/v1\nkind: IPPool\nmetadata: {name: ${name}}\nspec:\n  cidr: ${cidr}\n${more}`;

describe('caracalctl', () => {
  test('apply stores all, says what it did, and get shows it', async () => {
    const documents = [
      pool('default', '10.244.0.0/16', '  natOutgoing: true\n'),
      'apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: security}\nspec: {order: 10}\n',
      'apiVersion: projectcalico.org/v3\nkind: BGPConfiguration\nmetadata: {name: default}\nspec: {logSeverityScreen: Info}\n',
    ].join('---\n');
    expect(await ctl(['apply', '-f', '-', '--dry-run'], documents)).toEqual({
      code: 0,
      out: 'IPPool/default created (dry run)\nTier/security created (dry run)\nBGPConfiguration/default created (dry run)',
      err: 'warning: standard input document 3, line 16: BGPConfiguration/default: spec.logSeverityScreen: means nothing here and was left out: each process has its own log level',
    });
    expect(await ctl(['get', 'pools'])).toEqual({ code: 0, out: '', err: 'there is no IPPool' });
    expect((await ctl(['apply', '-f', '-'], documents)).out).toBe(
      'IPPool/default created\nTier/security created\nBGPConfiguration/default created',
    );
    expect((await ctl(['apply', '-f', '-'], documents)).out).toContain('IPPool/default unchanged');
    expect((await ctl(['get', 'pools'])).out).toBe(
      'NAME     CIDR           BLOCK  NAT   DISABLED\ndefault  10.244.0.0/16  /26    true  false',
    );
    expect(await ctl(['get', 'pool', 'other'])).toEqual({ code: 1, out: '', err: 'there is no IPPool other' });
  });

  test('what get prints as YAML and JSON can be applied again', async () => {
    const yaml = await ctl(['get', 'pools', '-o', 'yaml']);
    expect(yaml.out).toContain('kind: IPPool');
    expect((await ctl(['apply', '-f', '-'], yaml.out)).out).toBe('IPPool/default unchanged');
    const json = await ctl(['get', 'pools', '-o', 'json']);
    expect((await ctl(['apply', '-f', '-'], json.out)).out).toBe('IPPool/default unchanged');
  });

  test('one wrong document, and nothing is changed', async () => {
    const documents = [pool('good', '10.1.0.0/16'), pool('bad', '10.2.0.0/16', '  blockSize: 33\n')].join('---\n');
    const path = await file('pools.yaml', documents);
    expect(await ctl(['apply', '-f', path])).toEqual({
      code: 1,
      out: '',
      err: `${path} document 2, line 12: IPPool/bad: spec.blockSize: 33 is not between 20 and 32 for an IPv4 pool\nnothing was changed`,
    });
    expect((await ctl(['get', 'pool', 'good'])).code).toBe(1);
  });

  test('what contradicts what is stored is refused by name', async () => {
    expect((await ctl(['apply', '-f', '-'], pool('wide', '10.0.0.0/8'))).err).toBe(
      'standard input document 1, line 5: IPPool/wide: spec.cidr: 10.0.0.0/8 overlaps 10.244.0.0/16 of IPPool/default\nnothing was changed',
    );
    const policy =
      'apiVersion: caracal.network/v1\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\nspec: {tier: securty}\n';
    expect((await ctl(['apply', '-f', '-'], policy)).err).toContain('there is no Tier securty; did you mean security?');
    await ctl(['delete', 'tier', 'none']);
    expect(await ctl(['delete', 'tier', 'none'])).toEqual({
      code: 1,
      out: '',
      err: 'Tier/none: does not exist\nnothing was deleted',
    });
  });

  test('pods of nodes: blocks, addresses, labels, verdicts', async () => {
    const nodes = await Promise.all(['n1', 'n2'].map(async (name) => ({ name, client: await hub.node(name) })));
    for (const [i, { name, client }] of nodes.entries()) {
      const incarnation = `00000000-0000-4000-8000-00000000000${i}`;
      const { result } = await client.claimBlock({ pool: 'default', incarnation });
      expect(result.case).toBe('block');
      await client.report({
        full: true,
        endpoints: [
          {
            endpoint: {
              containerId: `c${i}`,
              interface: 'eth0',
              podNamespace: 'shop',
              podName: `pod${i}`,
              podUid: `uid${i}`,
              addresses: [parseAddress(`10.244.0.${1 + 64 * i}`)!.bytes],
            },
            labels: { app: name },
          },
        ],
        status: {
          addressV4: `192.0.2.${i + 1}`,
          asNumber: 65001 + i,
          blocks: [{ cidr: `10.244.0.${64 * i}/26`, used: 1 }],
          bgpPeers: [
            {
              name: 'tor',
              asNumber: 64512,
              state: i ? 'Active' : 'Established',
              lastError: i ? 'Bad Peer AS: expected 64512, received 64999' : '',
            },
          ],
        },
      });
    }
    expect((await ctl(['ipam', 'show'])).out).toBe(
      'POOL     CIDR           BLOCKS     USED  CAPACITY  FREE\ndefault  10.244.0.0/16  2 of 1024     2     65536  99.9%',
    );
    expect((await ctl(['ipam', 'show', '--blocks'])).out).toBe(
      'BLOCK           POOL     NODE  USED  OF\n10.244.0.0/26   default  n1       1  64\n10.244.0.64/26  default  n2       1  64',
    );
    expect((await ctl(['ipam', 'show', '--ip', '10.244.0.65'])).out).toBe(
      '10.244.0.65\n  pool default (10.244.0.0/16)\n  block 10.244.0.64/26, which node n2 owns\n  held by shop/pod1 on n2, interface eth0 of container c1',
    );
    expect(await ctl(['ipam', 'check'])).toEqual({
      code: 0,
      out: 'looked at 1 pools, 2 blocks, 2 addresses: they agree',
      err: '',
    });
    expect((await ctl(['bgp', 'peers'])).out).toBe(
      [
        'NODE  PEER     AS  STATE        SINCE  RECEIVED  ADVERTISED',
        'n1    tor   64512  Established  -             0           0',
        'n2    tor   64512  Active       -             0           0',
        '  Bad Peer AS: expected 64512, received 64999',
      ].join('\n'),
    );
    const status = await ctl(['node', 'status']);
    expect(status.out).toMatch(/^n1 +away +192\.0\.2\.1 +65001 +nothing yet +1\/1 +\d+s ago +1$/m);

    const policy = [
      'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}',
      'spec:\n  podSelector: {matchLabels: {app: n2}}\n  ingress:\n  - from: [{podSelector: {matchLabels: {role: client}}}]',
    ].join('\n');
    const flow = ['--from', 'shop/pod0', '--to', 'shop/pod1', '--port', '80'];
    const path = await file('policy.yaml', policy);
    const imagined = await ctl(['policy', 'what-if', ...flow, '-f', path]);
    expect(imagined.out).toContain('TCP port 80 from shop/pod0 (10.244.0.1) to shop/pod1 (10.244.0.65): DENIED');
    expect(imagined.out).toMatch(/CHANGED: by revision \d+ it is allowed$/);
    expect((await ctl(['policy', 'explain', ...flow])).out).toContain('(10.244.0.65): allowed');

    expect((await ctl(['apply', '-f', path])).out).toBe('KubernetesNetworkPolicy/shop/db created');
    const denied = await ctl(['policy', 'explain', ...flow, '-o', 'json']);
    expect(JSON.parse(denied.out)).toMatchObject({
      from: 'shop/pod0',
      to: 'shop/pod1',
      protocol: 'TCP',
      port: 80,
      allowed: false,
      ingress: { nearest: { policy: { name: 'db', namespace: 'shop' }, rule: 0 } },
      lagging: [{ node: 'n1', enforcedRevision: 0 }, { node: 'n2' }],
    });
    expect((await ctl(['label', 'pod', 'pod0', '-n', 'shop', 'role=client'])).out).toMatch(
      /^Pod\/shop\/pod0 labelled, revision \d+$/,
    );
    const flows = [
      { from: 'shop/pod0', to: 'shop/pod1', protocol: 'TCP', port: 80 },
      { from: 'shop/pod1', to: '192.0.2.99', protocol: 'UDP', port: 53 },
      { from: 'shop/none', to: 'shop/pod1', protocol: 'UDP', port: 53 },
    ];
    const batch = await ctl(['policy', 'explain', '--flows', '-', '-o', 'json'], JSON.stringify(flows));
    expect(JSON.parse(batch.out)).toEqual([
      expect.objectContaining({ ...flows[0], allowed: true }),
      expect.objectContaining({ ...flows[1], allowed: true }),
      { ...flows[2], error: expect.stringContaining('there is no pod shop/none'), revision: expect.any(Number) },
    ]);
    expect(batch.code).toBe(1);

    expect((await ctl(['delete', '-f', path])).out).toBe('KubernetesNetworkPolicy/shop/db deleted');
    expect((await ctl(['get', 'knp', '-A'])).err).toBe('there is no KubernetesNetworkPolicy');
    expect((await ctl(['get', 'pods', '-n', 'shop'])).out).toContain('pod0  n1    default  app=n1,role=client');
    expect((await ctl(['label', 'pod', 'nobody', 'a=b'])).err).toBe(
      'the hub refused: Pod/default/nobody does not exist',
    );
  });

  test('addresses and pools are taken care of: history, release, reserve, drain, split, reclaim', async () => {
    const node = await hub.node('n2');
    const incarnation = '00000000-0000-4000-8000-000000000001';
    const blocks = [{ cidr: '10.244.0.64/26', pool: 'default' }];
    const asserted = await node.assertBlocks({ incarnation, blocks });
    expect(asserted.result).toMatchObject({ case: 'asserted', value: { conflicts: [], stranded: [] } });

    const history = await ctl(['ipam', 'history', '10.244.0.65']);
    expect(history.out).toMatch(
      /assigned +n2 +shop\/pod1, container c1 +\d+\n.*block claimed +n2 +10\.244\.0\.64\/26, incarnation 00000000/,
    );
    expect((await ctl(['ipam', 'history', '192.0.2.1'])).err).toBe('nothing is known of 192.0.2.1');

    expect(await ctl(['ipam', 'history', '10.244.0.65', '--limit', 'all'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('--limit all: expected a number from 1 to 10000'),
    });
    expect((await ctl(['ipam', 'release', '--ip', '10.244.0.99'])).out).toBe('10.244.0.99 is held by nobody');
    expect((await ctl(['ipam', 'release'])).code).toBe(2);
    /** The node's agent: reports, and does with what is asked back as it is told. */
    const answering = async (answer: (address: string) => Promise<object>) => {
      for (;;) {
        const { release } = await node.report({ status: { incarnation } });
        if (release.length > 0)
          return void (await node.report({ status: { incarnation }, ...(await answer(release[0])) }));
        await sleep(200);
      }
    };
    const [kept] = await Promise.all([
      ctl(['ipam', 'release', '--ip', '10.244.0.65']),
      answering(async (address) => ({ releaseRefusals: [{ address, reason: 'interface cara1 uses it' }] })),
    ]);
    expect(kept).toEqual({ code: 1, out: '', err: 'node n2 keeps 10.244.0.65: interface cara1 uses it' });
    expect((await ctl(['ipam', 'check'])).err).toContain('ReleaseRefused: node n2 keeps 10.244.0.65');
    const [released] = await Promise.all([
      ctl(['ipam', 'release', '--ip', '10.244.0.65']),
      answering(async () => ({ removed: [{ containerId: 'c1', interface: 'eth0' }] })),
    ]);
    expect(released).toEqual({ code: 0, out: '10.244.0.65 released by node n2', err: '' });

    expect((await ctl(['ipam', 'reserve', 'printers', '10.244.9.0/28'])).out).toBe('IPReservation/printers created');
    expect((await ctl(['pool', 'split', 'default', '--into', '/28'])).err).toContain(
      'is not between /17 and the size of a block',
    );
    expect((await ctl(['pool', 'split', 'default', '--into', '/17'])).out).toBe(
      'IPPool/default is now IPPool/default-0, IPPool/default-1',
    );
    const drained = await ctl(['pool', 'drain', 'default-0']);
    expect(drained.out).toContain('2 blocks are given up as their pods go');
    expect(drained.out).toContain('10.244.0.0/26 on n1: 1 addresses in use');
    expect((await ctl(['pool', 'drain', 'default-1'])).out).toContain('no node has a block of it');

    expect(await ctl(['ipam', 'release', '--node', 'n22'])).toEqual({
      code: 1,
      out: '',
      err: expect.stringContaining('no node n22 is known'),
    });
    await node.report({ status: { incarnation } });
    expect(await ctl(['ipam', 'release', '--node', 'n2'])).toEqual({
      code: 1,
      out: '',
      err: expect.stringMatching(/node n2 reported \d+ s ago: it is not off, and its pods use what it owns/),
    });
    await runQuery(
      postgres.url,
      `UPDATE caracal.node_status SET reported_at = reported_at - interval '1 minute' WHERE node = 'n2'`,
    );
    expect((await ctl(['ipam', 'release', '--node', 'n2'])).out).toBe(
      'node n2: 1 blocks and 0 endpoints taken back\n  10.244.0.64/26',
    );
    const fenced = await node.assertBlocks({ incarnation, blocks });
    expect(fenced.result).toMatchObject({ case: 'fenced', value: expect.stringContaining('declared to be off') });
    expect((await ctl(['ipam', 'resume'])).out).toBe('blocks are granted; every node has said what it owns');
    expect((await ctl(['ipam', 'check'])).code).toBe(0);
    const known = await (await hub.node('n1')).recover({});
    expect(known.endpoints).toMatchObject([{ endpoint: { containerId: 'c0' }, labels: { app: 'n1', role: 'client' } }]);
    expect(known.blocks).toMatchObject([{ cidr: '10.244.0.0/26', pool: 'default-0' }]);
  }, 120_000);

  test('an address of a Service is shown, counted and remembered, and holds its pool', async () => {
    const balanced = '  allowedUses: [LoadBalancer]\n';
    await ctl(['apply', '-f', '-'], pool('public', '203.0.113.0/24', balanced));
    await runQuery(postgres.url, `SELECT caracal.take_epoch('cluster', 'test')`);
    const addresses = [{ address: '203.0.113.7', pool: 'public' }];
    const give = { op: 'service', namespace: 'shop', name: 'web', uid: 'u', addresses };
    const serve = (request: object) =>
      runQuery(
        postgres.url,
        `SELECT caracal.write(jsonb_build_array($1::jsonb || jsonb_build_object('epoch', (SELECT epoch FROM caracal.operator))))`,
        [JSON.stringify(request)],
      );
    await serve(give);
    expect((await ctl(['ipam', 'show'])).out).toMatch(/^public +203\.0\.113\.0\/24 +none +1 +256 +99\.6%$/m);
    expect((await ctl(['ipam', 'show', '--ip', '203.0.113.7'])).out).toBe(
      '203.0.113.7\n  pool public (203.0.113.0/24)\n  held by Service shop/web',
    );
    expect((await ctl(['ipam', 'history', '203.0.113.7'])).out).toMatch(/assigned +- +Service shop\/web +\d+$/m);
    expect((await ctl(['delete', 'ippool', 'public'])).err).toContain(
      'IPPool/public: Services have addresses of it: 203.0.113.7 (Service shop/web)',
    );
    expect((await ctl(['apply', '-f', '-'], pool('public', '203.0.113.0/24'))).err).toContain(
      'IPPool/public: spec.allowedUses: cannot change to or from LoadBalancer while the pool is in use: 203.0.113.7 (Service shop/web)',
    );
    expect((await ctl(['pool', 'drain', 'public'])).out).toBe(
      'IPPool/public is disabled; Services have 1 addresses of it:\n  203.0.113.7 of Service shop/web',
    );
    await serve({ ...give, addresses: [] });
    expect((await ctl(['delete', 'ippool', 'public'])).code).toBe(0);
  }, 60_000);

  test('a node certificate and a wrong authority are told apart', async () => {
    const node = await issueCertificate(hub.authority, { organization: 'caracal:nodes', commonName: 'n1' });
    const asNode = { CARACAL_CERT: await file('n1.pem', node.cert), CARACAL_KEY: await file('n1.key', node.key) };
    const refused = await ctl(['get', 'pools'], '', asNode);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toContain('Use a certificate of organisation caracal:admins');
    const stranger = await ctl(['get', 'pools'], '', { CARACAL_CA: asNode.CARACAL_CERT });
    expect(stranger.code).toBe(3);
    expect(stranger.err).toContain('Is CARACAL_CA that of this hub?');
  });

  test('a database that is away: the hub says so; a hub that is away: exit code 3', async () => {
    await postgres.stop();
    const away = await ctl(['get', 'pools', '--timeout', '5']);
    expect(away.code).toBe(3);
    await hub.stop();
    const gone = await ctl(['get', 'pools']);
    expect(gone.code).toBe(3);
    expect(gone.err).toContain('Is the hub running');
  }, 30_000);
});
