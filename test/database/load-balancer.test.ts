// The operator's load balancer on a real Postgres. The API server is a transport: it takes what is applied to a status, and says so.
import type { KubeApi, KubeObject } from '@caracal/kube';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LoadBalancer } from '../../operator/load-balancer/balancer.ts';
import { readyType } from '../../operator/load-balancer/service-status.ts';
import { ownClass } from '../../operator/load-balancer/want.ts';
import { Fenced } from '../../operator/mirror/fenced.ts';
import { pool, useDatabase } from './support.ts';

const database = useDatabase();
const balanced = { allowedUses: ['LoadBalancer'], assignmentMode: 'Automatic' };
const put = (...resources: ReturnType<typeof pool>[]) => database.datastore.write({ op: 'resources', put: resources });

interface Status {
  readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string }[] };
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[];
}

/** Services as Kubernetes has them, and one operator after another that serves them. */
function world() {
  const services = new Map<string, KubeObject>();
  const sent: { readonly service: string; readonly addresses: readonly string[] }[] = [];
  let balancer: LoadBalancer | undefined;
  let stop = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  let broken = 0;
  const api: KubeApi = {
    async request({ path, body }) {
      const [, namespace, name] = /^\/api\/v1\/namespaces\/(.+)\/services\/(.+)\/status$/.exec(path)!;
      if (broken-- > 0) throw new Error('away');
      const { status } = body as { status: Status };
      const ips = (status.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
      // Never before Postgres has them.
      const rows = await database.datastore.listServiceAddresses();
      for (const ip of ips) expect(rows).toContainEqual(expect.objectContaining({ address: ip, namespace, name }));
      sent.push({ service: name!, addresses: ips });
      const key = `${namespace}/${name}`;
      services.set(key, { ...services.get(key)!, status });
      balancer?.changed(key);
      return {};
    },
    async *watch() {},
  };
  return {
    services,
    sent,
    breaks: (requests: number) => {
      broken = requests;
    },
    async begin(withoutClass: 'auto' | 'always' | 'never' = 'auto') {
      stop.abort();
      await running.catch(() => {});
      const taken = await database.datastore.takeEpoch('cluster', 'test');
      stop = new AbortController();
      balancer = new LoadBalancer({
        ...{ datastore: database.datastore, api, services, withoutClass },
        epoch: 'epoch' in taken ? taken.epoch : 0n,
        isReady: () => true,
        mayVanish: () => false,
        logger: pino({ level: 'silent' }),
      });
      running = balancer.run(stop.signal);
      running.catch(() => {});
      return balancer;
    },
    ended: () => running,
    async end() {
      stop.abort();
      await running.catch(() => {});
    },
    apply(
      name: string,
      spec: object = {},
      more: { annotations?: Record<string, string>; uid?: string; status?: Status } = {},
    ) {
      const key = `shop/${name}`;
      const { annotations, uid = name, status = services.get(key)?.status } = more;
      services.set(key, {
        ...{ apiVersion: 'v1', kind: 'Service' },
        metadata: { name, namespace: 'shop', uid, resourceVersion: '1', annotations },
        spec: { type: 'LoadBalancer', ipFamilies: ['IPv4'], ...spec },
        status,
      });
      balancer?.changed(key);
    },
    remove(name: string) {
      const gone = services.get(`shop/${name}`)!;
      services.delete(`shop/${name}`);
      balancer?.deleted(`shop/${name}`, gone.metadata.uid);
    },
    refresh: () => balancer!.refresh(),
    /** The addresses in the status, and what the condition says. */
    of(name: string) {
      const status = services.get(`shop/${name}`)?.status as Status | undefined;
      const condition = status?.conditions?.find(({ type }) => type === readyType);
      return [
        (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join(' '),
        condition?.status,
        condition?.message,
      ];
    },
  };
}
const held = async () =>
  (await database.datastore.listServiceAddresses()).map(({ address, uid }) => `${address} ${uid}`);
const soon = (check: () => unknown) => expect.poll(check, { timeout: 10_000 });

let kube: ReturnType<typeof world>;
beforeEach(async () => {
  await database.query('TRUNCATE caracal.service_address');
  await put(
    pool('public', '203.0.113.0/30', 30, balanced),
    pool('public6', '2001:db8::/126', 126, balanced),
    pool('other', '198.51.100.0/30', 30, { ...balanced, assignmentMode: 'Manual' }),
  );
  kube = world();
});
afterEach(() => kube.end());

test('a service gets the lowest address, in Postgres and then in its status, and it is free when the service is gone', async () => {
  await kube.begin();
  kube.apply('web');
  kube.apply('mail', { loadBalancerClass: ownClass, ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' });
  await soon(() => kube.of('web')).toEqual(['203.0.113.0', 'True', 'has 203.0.113.0 of IPPool/public']);
  await soon(() => kube.of('mail').slice(0, 2)).toEqual(['2001:db8:: 203.0.113.1', 'True']);
  kube.remove('web');
  await soon(held).toEqual(['203.0.113.1 mail', '2001:db8:: mail']);
  kube.apply('next');
  await soon(() => kube.of('next')[0]).toBe('203.0.113.0');
});

test('who waits for an address gets it when one is given back, or a pool comes', async () => {
  await kube.begin();
  for (const name of ['a', 'b', 'c', 'd']) kube.apply(name);
  await soon(held).toHaveLength(4);
  kube.apply('late');
  await soon(() => kube.of('late')).toEqual(['', 'False', 'no address of IPv4 is free: IPPool/public is full']);
  kube.remove('c');
  await soon(() => kube.of('late')[0]).toBe('203.0.113.2');
  kube.apply('later');
  await soon(() => kube.of('later')[1]).toBe('False');
  await put(pool('wider', '192.0.2.0/28', 28, balanced));
  kube.refresh();
  await soon(() => kube.of('later').slice(0, 2)).toEqual(['192.0.2.0', 'True']);
  await database.datastore.write({
    op: 'resources',
    put: [pool('wider', '192.0.2.0/28', 28, { ...balanced, disabled: true })],
  });
});

test('a service that is none any more gives its address back, and nothing of ours stays in its status', async () => {
  await kube.begin();
  kube.apply('web');
  await soon(() => kube.of('web')[1]).toBe('True');
  kube.apply('web', { type: 'ClusterIP' });
  await soon(held).toEqual([]);
  expect(kube.of('web')).toEqual(['', undefined, undefined]);
  expect(kube.sent.map(({ addresses }) => addresses)).toEqual([['203.0.113.0'], []]);
});

test("another controller's service is left alone, by its class, by its status, or because we serve none without class", async () => {
  const foreign = { loadBalancer: { ingress: [{ ip: '192.0.2.200' }] } };
  await kube.begin();
  kube.apply('classed', { loadBalancerClass: 'example.com/other' });
  kube.apply('served', {}, { status: foreign });
  kube.apply('ours');
  await soon(() => kube.of('ours')[1]).toBe('True');
  await kube.begin('never');
  kube.apply('plain');
  kube.apply('named', { loadBalancerClass: ownClass });
  await soon(() => kube.of('named')[1]).toBe('True');
  await soon(() => kube.of('ours')).toEqual(['', undefined, undefined]);
  expect([...new Set(kube.sent.map(({ service }) => service))].sort()).toEqual(['named', 'ours']);
  expect(kube.services.get('shop/served')?.status).toEqual(foreign);
});

test('services without class are served when there is a pool for them', async () => {
  const pools = ['public', 'public6', 'other', 'wider'].map((name) => ({ kind: 'IPPool', namespace: '', name }));
  await database.datastore.write({ op: 'resources', delete: pools, missingOk: true });
  await kube.begin();
  kube.apply('web');
  kube.apply('named', { loadBalancerClass: ownClass });
  await soon(() => kube.of('named')[1]).toBe('False');
  expect(kube.sent.map(({ service }) => service)).toEqual(['named']);
  await put(pool('public', '203.0.113.0/30', 30, balanced));
  kube.refresh();
  await soon(() => [kube.of('web')[1], kube.of('named')[1]]).toEqual(['True', 'True']);
});

test('what is asked for is given, or named as what is wrong while the address stays that it has', async () => {
  await kube.begin();
  kube.apply('web');
  await soon(() => kube.of('web')[0]).toBe('203.0.113.0');
  const asks = (addresses: string) =>
    kube.apply('web', {}, { annotations: { 'projectcalico.org/loadBalancerIPs': addresses } });
  asks('["198.51.100.1"]');
  await soon(() => kube.of('web').slice(0, 2)).toEqual(['198.51.100.1', 'True']);
  // Out of the status before it was given back.
  expect(kube.sent.map(({ addresses }) => addresses)).toEqual([['203.0.113.0'], [], ['198.51.100.1']]);
  asks('198.51.100.2');
  await soon(() => kube.of('web')).toEqual([
    '198.51.100.1',
    'False',
    'has 198.51.100.1 of IPPool/other; annotation projectcalico.org/loadBalancerIPs: must be a JSON list of addresses, such as ["203.0.113.7"]',
  ]);
  expect(await held()).toEqual(['198.51.100.1 web']);
});

test('an operator that comes after another goes on where that one stopped, whatever it had not finished', async () => {
  kube.breaks(1);
  await kube.begin();
  kube.apply('web');
  await soon(held).toEqual(['203.0.113.0 web']);
  await kube.end();
  kube.apply('mail');
  await kube.begin();
  await soon(() => [kube.of('web')[0], kube.of('mail')[0]]).toEqual(['203.0.113.0', '203.0.113.1']);
  // Deleted, and made again, while nobody led.
  await kube.end();
  kube.services.delete('shop/mail');
  kube.apply('web', {}, { uid: 'another', status: {} });
  await kube.begin();
  await soon(held).toEqual(['203.0.113.0 another']);
});

test('what the database has lost is given again to whom it was given, before anybody else is served', async () => {
  await kube.begin();
  for (const name of ['a', 'b']) kube.apply(name);
  await soon(held).toEqual(['203.0.113.0 a', '203.0.113.1 b']);
  await database.query('TRUNCATE caracal.service_address');
  await kube.end();
  // It comes before them in the queue.
  const [a, b] = ['shop/a', 'shop/b'].map((key) => kube.services.get(key)!);
  kube.services.clear();
  kube.apply('0-new');
  kube.services.set('shop/a', a).set('shop/b', b);
  await kube.begin();
  await soon(held).toEqual(['203.0.113.0 a', '203.0.113.1 b', '203.0.113.2 0-new']);
  // In the middle of a term.
  await database.query(`DELETE FROM caracal.service_address WHERE uid = 'a'`);
  kube.refresh();
  await soon(held).toEqual(['203.0.113.0 a', '203.0.113.1 b', '203.0.113.2 0-new']);
});

test('an address that a node has by its journal is passed over', async () => {
  const blocks = [{ cidr: '203.0.113.0/31', pool: 'public' }];
  await database.datastore.write({ op: 'assert', node: 'n1', incarnation: 'i', machine: '', blocks });
  await kube.begin();
  kube.apply('web');
  await soon(() => kube.of('web')[0]).toBe('203.0.113.2');
  await database.datastore.write({ op: 'release', cidr: '203.0.113.0/31', node: 'n1', incarnation: 'i' });
});

test('services that vanish in suspicious numbers keep their addresses; those that are seen to be deleted do not', async () => {
  await put(pool('public', '203.0.113.0/24', 26, balanced));
  await kube.begin();
  const names = Array.from({ length: 120 }, (_, n) => `s${n}`);
  for (const name of names) kube.apply(name);
  await soon(held).toHaveLength(120);
  for (const name of names.slice(0, 60)) kube.remove(name);
  await soon(held).toHaveLength(60);
  await kube.end();
  kube.services.clear();
  const balancer = await kube.begin();
  await soon(() => balancer.held).toBe(60);
  kube.apply('web');
  await soon(() => kube.of('web')[1]).toBe('True');
  expect(await held()).toHaveLength(61);
});

test('a term that is over ends, and changes nothing', async () => {
  await kube.begin();
  kube.apply('web');
  await soon(held).toHaveLength(1);
  await database.datastore.takeEpoch('cluster', 'newer');
  kube.apply('late');
  await expect(kube.ended()).rejects.toThrow(Fenced);
  expect(await held()).toEqual(['203.0.113.0 web']);
  expect(kube.of('late')).toEqual(['', undefined, undefined]);
});
