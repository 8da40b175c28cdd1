import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCompiler } from './compiler.ts';
import { evaluate } from './evaluator/evaluate.ts';
import type { FlowEnd, WorldPod } from './evaluator/types.ts';
import { applyDelta, emptyState, permits } from './testing/interpreter.ts';
import { anyAddress, anyPod, anyResource, anyTraffic } from './testing/worlds.ts';

const podCount = 5;
const world = fc.record({
  resources: fc.uniqueArray(anyResource, {
    minLength: 2,
    maxLength: 12,
    selector: ({ kind, metadata }) => `${kind}/${metadata.namespace}/${metadata.name}`,
  }),
  pods: fc.tuple(...Array.from({ length: podCount }, (_, i) => anyPod(i + 1))),
});
const podNumber = fc.integer({ min: 0, max: podCount - 1 });
const flow = fc.record({
  pod: podNumber,
  peer: fc.oneof(podNumber, anyAddress),
  traffic: anyTraffic,
  toPod: fc.boolean(),
});

/** The pod is local; of the others, every second is known by the feed alone. */
test('the compiled state decides as the evaluator does', () => {
  fc.assert(
    fc.property(world, fc.array(flow, { minLength: 10, maxLength: 20 }), ({ resources, pods }, flows) => {
      const compiler = createCompiler();
      for (const resource of resources) compiler.apply({ type: 'resource', resource });
      for (const [i, pod] of pods.entries()) {
        const { addresses } = pod;
        if (i % 2 === 0) {
          const id = pod.key;
          compiler.apply({ type: 'localEndpoint', endpoint: { id, interfaceName: `cara${i}`, addresses, pod } });
        } else {
          compiler.apply({ type: 'pod', pod });
          const endpoint = { node: 'other', containerId: pod.key, interface: 'eth0', podUid: pod.uid, addresses };
          compiler.apply({ type: 'endpoint', endpoint });
        }
      }
      const state = emptyState();
      applyDelta(state, compiler.flush());
      expect(compiler.problems()).toEqual([]);

      for (const { pod: number, peer, traffic, toPod } of flows) {
        const pod: WorldPod = pods[number - (number % 2)];
        const other: FlowEnd = typeof peer === 'number' ? { pod: pods[peer].key } : { address: peer };
        if (typeof peer === 'number' && pods[peer] === pod) continue;
        const [source, destination] = toPod ? [other, { pod: pod.key }] : [{ pod: pod.key }, other];
        const evaluation = evaluate({ resources, pods }, { source, destination, ...traffic });
        if (!evaluation.ok) throw new Error(evaluation.message);
        const { verdict } = evaluation;
        if (verdict.source.address === verdict.destination.address) continue;
        const packet = { ...traffic, source: verdict.source.address, destination: verdict.destination.address };
        const direction = toPod ? 'ingress' : 'egress';
        expect({ packet, allowed: permits(state, pod.key, direction, packet) }).toEqual({
          packet,
          allowed: verdict[direction].allowed,
        });
      }
    }),
    { numRuns: Number(process.env.CARACAL_PROPERTY_RUNS ?? 300) },
  );
}, 600_000);
