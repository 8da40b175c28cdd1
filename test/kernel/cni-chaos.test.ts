import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Chaos, type ChaosRound, prepareChaos } from '../support/cni-chaos.ts';
import { type LoneAgent, prepareLoneAgent } from '../support/lone-agent.ts';

/** The short form of `npm run soak -- cni`: SIGKILL in the middle of ADDs and DELs of many containers at once. */

let agent: LoneAgent;
let chaos: Chaos;

beforeAll(async () => {
  agent = await prepareLoneAgent({ config: { ipam: { restSeconds: 0 } } });
  await agent.start();
  chaos = await prepareChaos(agent, 8);
});

afterAll(async () => {
  await chaos?.end();
  await agent?.remove();
});

const rounds: ChaosRound[] = [
  ...[2, 8, 24].map((afterMs) => ({ victim: 'executable' as const, command: 'ADD' as const, afterMs })),
  ...[4].map((afterMs) => ({ victim: 'executable' as const, command: 'DEL' as const, afterMs })),
  ...[5, 25].map((afterMs) => ({ victim: 'agent' as const, command: 'ADD' as const, afterMs })),
  ...[10].map((afterMs) => ({ victim: 'agent' as const, command: 'DEL' as const, afterMs })),
];

test.each(rounds)('the $victim is killed $afterMs ms into $command: no address twice, nothing left', async (round) => {
  expect(await chaos.round(round)).toEqual([]);
});
