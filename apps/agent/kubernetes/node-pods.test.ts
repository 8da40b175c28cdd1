import type { KubeObject } from '@caracal/kube';
import { expect, test } from 'vitest';
import type { AddRequest } from '../cni/pod-network.ts';
import { createNodePods } from './node-pods.ts';

const pod = (uid: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-0', namespace: 'shop', uid, resourceVersion: '1', labels },
  spec: {
    nodeName: 'n1',
    serviceAccountName: 'web',
    containers: [{ name: 'web', image: 'x', ports: [{ name: 'http', containerPort: 8080 }, { containerPort: 9 }] }],
  },
});
const request = (uid?: string): AddRequest => ({
  containerId: 'c',
  ifname: 'eth0',
  network: 'caracal',
  netns: '/n',
  pod: { namespace: 'shop', name: 'web-0', uid, labels: {}, annotations: {} },
  forwarding: false,
});
const never = new AbortController().signal;
const setup = (waitMs: number, fed?: { uid: string }) =>
  createNodePods({
    waitMs,
    fromFeed: () =>
      fed && { namespace: 'shop', name: 'web-0', labels: { from: 'feed' }, serviceAccount: 'web', ports: [], ...fed },
    onLost: () => {},
  });
const known = (uid: string, labels: Record<string, string> = {}) => ({
  ok: true,
  pod: {
    namespace: 'shop',
    name: 'web-0',
    uid,
    labels,
    serviceAccount: 'web',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  },
});

test('labels, named ports and service account come from the API server', async () => {
  const pods = setup(0);
  await pods.observer.listed([pod('u1', { app: 'web' })]);
  expect(await pods.find(request('u1'), never)).toEqual(known('u1', { app: 'web' }));
  expect(await pods.find(request(), never)).toEqual(known('u1', { app: 'web' }));
  pods.observer.changed(pod('u1', { app: 'api' }));
  expect(await pods.find(request('u1'), never)).toEqual(known('u1', { app: 'api' }));
});

test('an ADD that is faster than the watch waits for its pod, not for its predecessor of the same name', async () => {
  const pods = setup(60_000);
  await pods.observer.listed([pod('old')]);
  const found = pods.find(request('new'), never);
  pods.observer.deleted(pod('old'));
  pods.observer.changed(pod('new'));
  expect(await found).toEqual(known('new'));
  // The deletion of the one before may come late.
  pods.observer.deleted(pod('old'));
  expect(await pods.find(request('new'), never)).toEqual(known('new'));
});

test('while the API server is away the feed answers, for the very pod', async () => {
  expect(await setup(1, { uid: 'u1' }).find(request('u1'), never)).toMatchObject({ pod: { labels: { from: 'feed' } } });
  expect(await setup(1, { uid: 'u1' }).find(request('u2'), never)).toEqual({
    ok: false,
    message: "the API server has not told of this node's pods yet, and the feed has no shop/web-0 with uid u2",
  });
});

test('a pod that nobody tells of is not let in, and a runtime that gives up is not waited for', async () => {
  const pods = setup(1);
  await pods.observer.listed([]);
  expect(await pods.find(request('u1'), never)).toEqual({
    ok: false,
    message: 'the API server has told of no pod shop/web-0 with uid u1 on this node',
  });
  const patient = setup(60_000);
  const hangUp = new AbortController();
  const found = patient.find(request('u1'), hangUp.signal);
  hangUp.abort();
  expect(await found).toMatchObject({ ok: false });
});
