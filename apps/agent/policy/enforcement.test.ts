import { create } from '@bufbuild/protobuf';
import type { Family } from '@caracal/net';
import { createCompiler } from '@caracal/policy';
import { FeedItemSchema } from '@caracal/protocol';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createEnforcement } from './enforcement.ts';

const pool = (name: string, cidr: string) =>
  create(FeedItemSchema, {
    item: {
      case: 'resource',
      value: { kind: 'IPPool', name, specJson: JSON.stringify({ cidr }), apiVersion: 'caracal.network/v1' },
    },
  });

function scene() {
  const written: Family[] = [];
  let snapshotsWanted = 0;
  const enforcement = createEnforcement({
    nodeName: 'n1',
    createCompiler: (family) => createCompiler({ family }),
    dataplane: { update: async (_delta, family) => void written.push(family) },
    logger: pino({ level: 'silent' }),
    onSnapshotWanted: () => {
      snapshotsWanted++;
    },
    onEnforced: () => {},
  });
  const apply = (snapshot: boolean, ...items: ReturnType<typeof pool>[]) =>
    enforcement.apply({ items, revision: 1n, nonce: 1n, snapshot });
  const add = (id: string, ...addresses: string[]) =>
    enforcement.addEndpoint({
      id,
      interfaceName: 'cara1',
      addresses,
      pod: { key: 'a/b', uid: id, namespace: 'a', labels: {}, serviceAccount: 'default', ports: [] },
    });
  return { apply, add, written: () => written.splice(0), wanted: () => snapshotsWanted };
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
