import { create } from '@bufbuild/protobuf';
import type { Family } from '@caracal/net';
import { createCompiler, type PolicyDelta } from '@caracal/policy';
import { ResourceSchema } from '@caracal/protocol';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { type FeedEntry, isIpv6Pool } from '../feed/entries.ts';
import { createEnforcement } from './enforcement.ts';

const resource = (kind: string, name: string, spec: unknown): FeedEntry => ({
  case: 'resource',
  value: create(ResourceSchema, {
    kind,
    name,
    namespace: kind === 'KubernetesNetworkPolicy' ? 'a' : '',
    apiVersion: 'v1',
  }),
  spec,
});
const pool = (name: string, cidr: string) => resource('IPPool', name, { cidr });
const pod = (name: string, app: string): FeedEntry => ({
  case: 'pod',
  value: { namespace: 'a', name, uid: name, node: 'n2', labels: { app }, serviceAccount: '', ports: [] },
});
const endpoint = (name: string, last: number): FeedEntry => ({
  case: 'endpoint',
  value: {
    node: 'n2',
    containerId: name,
    interface: 'eth0',
    podUid: name,
    addresses: [Uint8Array.of(10, 65, 1, last)],
  },
});
/** Pods of `a` may be reached by those of an app. */
const from = (app: string) =>
  resource('KubernetesNetworkPolicy', 'in', {
    podSelector: { matchLabels: {}, matchExpressions: [] },
    policyTypes: ['Ingress'],
    ingress: [{ from: [{ podSelector: { matchLabels: { app }, matchExpressions: [] } }], ports: [] }],
    egress: [],
  });

function scene() {
  const written: Family[] = [];
  /** The members of each set in the kernel. */
  const sets = new Map<string, Set<string>>();
  function write({ sets: changes, removedSets }: PolicyDelta): void {
    for (const { definition, added, removed } of changes) {
      const members = sets.get(definition.id) ?? new Set();
      for (const member of added) members.add(member);
      for (const member of removed) members.delete(member);
      sets.set(definition.id, members);
    }
    for (const id of removedSets) sets.delete(id);
  }
  let snapshotsWanted = 0;
  const enforcement = createEnforcement({
    nodeName: 'n1',
    createCompiler: (family) => createCompiler({ family }),
    dataplane: {
      update: async (delta, family) => {
        write(delta);
        written.push(family);
      },
    },
    logger: pino({ level: 'silent' }),
    onSnapshotWanted: () => {
      snapshotsWanted++;
    },
    onEnforced: () => {},
  });
  const end = (snapshot: boolean) => enforcement.end({ revision: 1n, nonce: 1n, snapshot });
  function apply(snapshot: boolean, ...entries: FeedEntry[]): void {
    enforcement.begin({ snapshot, hasIpv6Pool: entries.some(isIpv6Pool) });
    enforcement.take(snapshot ? [{ case: 'snapshotBegin' }, ...entries, { case: 'snapshotEnd' }] : entries);
    end(snapshot);
  }
  const add = (id: string, ...addresses: string[]) =>
    enforcement.addEndpoint({
      id,
      interfaceName: 'cara1',
      addresses,
      pod: { key: 'a/b', uid: id, namespace: 'a', labels: {}, serviceAccount: 'default', ports: [] },
    });
  const members = () => [...sets.values()].flatMap((each) => [...each]).sort();
  return { enforcement, apply, end, add, members, written: () => written.splice(0), wanted: () => snapshotsWanted };
}

test('without a pool or a pod of IPv6 nothing is compiled for it', async () => {
  const { apply, add, written, wanted } = scene();
  apply(true, pool('four', '10.65.0.0/16'));
  await add('c1/eth0', '10.65.0.1');
  expect(new Set(written())).toEqual(new Set([4]));
  expect(wanted()).toBe(0);
});

test('a first state that has IPv6, from the disk or from a hub, is enforced for both', async () => {
  for (const snapshot of [false, true]) {
    const { apply, add, written, wanted } = scene();
    apply(snapshot, pool('six', 'fd00::/64'));
    await add('c1/eth0', 'fd00::1');
    expect(new Set(written())).toEqual(new Set([4, 6]));
    expect(wanted()).toBe(0);
  }
});

test('IPv6 that comes in the middle waits for everything to be said once more, and so do its pods', async () => {
  const { apply, add, written, wanted } = scene();
  apply(true, pool('four', '10.65.0.0/16'));
  apply(false, pool('six', 'fd00::/64'));
  expect(wanted()).toBe(1);
  await expect(add('c1/eth0', '10.65.0.1', 'fd00::1')).rejects.toThrow('the policy of IPv6 is not known yet');
  await add('c2/eth0', '10.65.0.2');
  expect(new Set(written())).toEqual(new Set([4]));
  apply(true, pool('four', '10.65.0.0/16'), pool('six', 'fd00::/64'));
  await add('c1/eth0', '10.65.0.1', 'fd00::1');
  expect(new Set(written())).toEqual(new Set([4, 6]));
  expect(wanted()).toBe(1);
});

test('a pod that comes in the middle of a snapshot gets its rules when the snapshot is whole, and those of before stand until then', async () => {
  const { enforcement, apply, end, add, members, written } = scene();
  apply(true, from('x'), pod('one', 'x'), endpoint('one', 1), pod('two', 'y'), endpoint('two', 2));
  await add('c1/eth0', '10.65.0.1');
  expect(members()).toEqual(['10.65.1.1']);
  written();
  // A policy that lets in others, one pod gone, one new, and one that is now what the policy wants.
  enforcement.begin({ snapshot: true, hasIpv6Pool: false });
  enforcement.take([{ case: 'snapshotBegin' }, from('y'), pod('two', 'y')]);
  let added = false;
  const adding = add('c2/eth0', '10.65.0.2').then(() => {
    added = true;
  });
  for (const entry of [endpoint('two', 2), pod('three', 'y'), endpoint('three', 3)]) {
    enforcement.take([entry]);
    enforcement.settle(() => false);
    await new Promise(setImmediate);
    expect({ added, members: members(), written: written() }).toEqual({
      added: false,
      members: ['10.65.1.1'],
      written: [],
    });
  }
  enforcement.take([{ case: 'snapshotEnd' }]);
  while (!enforcement.settle(() => true));
  end(true);
  await adding;
  expect(members()).toEqual(['10.65.1.2', '10.65.1.3']);
});

test('a pod that comes in the middle of the first state waits for its end', async () => {
  const { enforcement, end, add, members } = scene();
  enforcement.begin({ snapshot: true, hasIpv6Pool: false });
  enforcement.take([{ case: 'snapshotBegin' }, from('x'), pod('one', 'x')]);
  const adding = add('c1/eth0', '10.65.0.1');
  await new Promise(setImmediate);
  expect(enforcement.ready).toBe(false);
  enforcement.take([endpoint('one', 1), { case: 'snapshotEnd' }]);
  end(true);
  await adding;
  expect(members()).toEqual(['10.65.1.1']);
});

test('IPv6 that a pod brings in the middle of a state is complete with the next one', async () => {
  const { enforcement, apply, end, add, written, wanted } = scene();
  enforcement.begin({ snapshot: true, hasIpv6Pool: false });
  enforcement.take([{ case: 'snapshotBegin' }, from('x')]);
  const adding = add('c1/eth0', 'fd00::1');
  enforcement.take([{ case: 'snapshotEnd' }]);
  end(true);
  await expect(adding).rejects.toThrow('the policy of IPv6 is not known yet');
  expect(wanted()).toBe(1);
  expect(written()).not.toContain(6);
  apply(true, from('x'));
  await add('c1/eth0', 'fd00::1');
  expect(written()).toContain(6);
});

test('who waits for the end of a change is refused when the agent stops', async () => {
  const { enforcement, apply, add } = scene();
  apply(true, pool('four', '10.65.0.0/16'));
  enforcement.begin({ snapshot: false, hasIpv6Pool: false });
  const added = add('a', '10.65.0.1');
  enforcement.stop();
  await expect(added).rejects.toThrow('the agent is stopping');
  await expect(enforcement.removeEndpoint('a')).rejects.toThrow('the agent is stopping');
});
