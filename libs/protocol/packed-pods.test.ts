import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PackedPodsSchema } from './gen/caracal/v1/hub_pb.ts';
import { type EndpointRow, PackedPodsCheck, PodPacker, type PodRow, PodUnpacker } from './packed-pods.ts';

const word = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.uuid(),
  fc.uint8Array({ maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  fc.constantFrom('abc', 'ABCDEF01', '0', '00', 'eth0'),
);
const few = fc.constantFrom('a', 'b', 'c', '');
const pod = fc.record({
  namespace: few,
  name: word,
  uid: word,
  node: few,
  serviceAccount: few,
  labels: fc.dictionary(fc.constantFrom('app', 'tier', 'x/y'), few, { noNullPrototype: true }),
  ports: fc.array(
    fc.record({
      name: fc.constantFrom('http', 'dns'),
      protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
      port: fc.nat(65535),
    }),
    {
      maxLength: 2,
    },
  ),
});
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
);
const endpoint = fc.record({
  node: few,
  containerId: word,
  interface: few,
  podUid: word,
  addresses: fc.array(address, { maxLength: 3 }),
});

interface Group {
  readonly pod?: PodRow;
  readonly endpoints: readonly EndpointRow[];
}

const group: fc.Arbitrary<Group> = fc.oneof(
  // Its own, and one that says to be another's.
  fc.tuple(pod, fc.array(endpoint, { maxLength: 2 })).map(([each, own]) => ({
    pod: each,
    endpoints: own.map((one, i) => (i === 0 ? { ...one, podUid: each.uid } : one)),
  })),
  fc.array(endpoint, { minLength: 1, maxLength: 2 }).map((endpoints) => ({ endpoints })),
);

function unpacked(messages: readonly Uint8Array[]): { pods: PodRow[]; endpoints: EndpointRow[] } {
  const check = new PackedPodsCheck();
  for (const bytes of messages) check.check(fromBinary(PackedPodsSchema, bytes));
  const unpacker = new PodUnpacker();
  const rows = messages.flatMap((bytes) => [...unpacker.unpack(fromBinary(PackedPodsSchema, bytes))]);
  return { pods: rows.flatMap((row) => row.pod ?? []), endpoints: rows.flatMap((row) => row.endpoint ?? []) };
}

test('what is packed, in however many messages, is what is unpacked', () => {
  fc.assert(
    fc.property(fc.array(group, { maxLength: 30 }), fc.infiniteStream(fc.boolean()), (groups, takes) => {
      const packer = new PodPacker();
      const messages: Uint8Array[] = [];
      const take = () => {
        const message = packer.take();
        if (message) messages.push(toBinary(PackedPodsSchema, message));
      };
      for (const each of groups) {
        packer.add(each.pod, each.endpoints);
        if (takes.next().value) take();
      }
      take();
      expect(unpacked(messages)).toEqual({
        pods: groups.flatMap((each) => each.pod ?? []),
        endpoints: groups.flatMap((each) => each.endpoints),
      });
    }),
    { numRuns: 200 },
  );
});

test('a full message is smaller than 64 KiB, and equal pods cost little', () => {
  const packer = new PodPacker();
  const sizes: number[] = [];
  for (let i = 0; i < 5000; i++) {
    const labels = Object.fromEntries(
      Array.from({ length: 8 }, (_, j) => [`example.org/label-${j}`, `value-${j}-${i >> 3}`]),
    );
    const uid = `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`;
    const row = {
      namespace: 'shop',
      name: `pod-${i}`,
      uid,
      node: `node-${i % 100}`,
      serviceAccount: 'default',
      labels,
      ports: [],
    };
    const containerId = i.toString(16).padStart(64, '0');
    packer.add(row, [
      {
        node: row.node,
        containerId,
        interface: 'eth0',
        podUid: uid,
        addresses: [Uint8Array.of(10, 0, i >> 8, i & 255)],
      },
    ]);
    if (packer.full) sizes.push(toBinary(PackedPodsSchema, packer.take()!).length);
  }
  expect(sizes.length).toBeGreaterThan(10);
  expect(Math.max(...sizes)).toBeLessThan(64 * 1024);
  expect(sizes.reduce((sum, size) => sum + size, 0) / 5000).toBeLessThan(130);
});

test('whatever bytes a message is made of, it is read or refused with a RangeError', () => {
  const packer = new PodPacker();
  const row = { namespace: 'a', name: 'p', uid: 'u', node: 'n', serviceAccount: 's', labels: { k: 'v' }, ports: [] };
  packer.add(row, [
    { node: 'n', containerId: 'c', interface: 'e', podUid: 'u', addresses: [Uint8Array.of(1, 2, 3, 4)] },
  ]);
  packer.add(undefined, [{ node: 'n', containerId: 'c', interface: 'e', podUid: 'x', addresses: [] }]);
  const whole = packer.take()!;
  const column = fc.constantFrom(
    ...(['podNames', 'podUids', 'endpointContainerIds', 'endpointPodUids', 'endpointAddresses'] as const),
  );
  const numbers = fc.constantFrom(
    ...(['podIdentity', 'podNode', 'endpointPod', 'endpointNode', 'endpointInterface'] as const),
  );
  const damage = fc.oneof(
    fc.tuple(column, fc.uint8Array({ maxLength: 8 })).map(([name, value]) => ({ [name]: value })),
    fc.tuple(numbers, fc.array(fc.nat(9), { maxLength: 3 })).map(([name, value]) => ({ [name]: value })),
    fc.constantFrom<object>({ texts: [] }, { identities: [] }),
  );
  let refused = 0;
  fc.assert(
    fc.property(damage, (other) => {
      const message = create(PackedPodsSchema, { ...whole, ...other });
      const [unpacking, checking] = [
        () => [...new PodUnpacker().unpack(message)],
        () => new PackedPodsCheck().check(message),
      ].map((read) => {
        try {
          read();
          return undefined;
        } catch (error) {
          return error;
        }
      });
      expect(checking !== undefined).toBe(unpacking !== undefined);
      if (unpacking === undefined) return;
      refused++;
      for (const error of [unpacking, checking]) expect(error).toBeInstanceOf(RangeError);
    }),
    { numRuns: 500 },
  );
  expect(refused).toBeGreaterThan(300);
});
