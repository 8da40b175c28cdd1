import { expect, test } from 'vitest';
import { prepareChaos } from '../support/cni-chaos/chaos.ts';
import { allFaults } from '../support/cni-chaos/faults.ts';

/** The short form of `npm run soak -- cni`: every fourteenth of its faults, and fewer containers. */
const faults = allFaults().filter((_, i) => i % 14 === 4);

test(`killed at ${faults.length} steps of ADD and DEL: no address twice, nothing left, nothing heard that is forbidden`, async () => {
  const chaos = await prepareChaos(6);
  const wrong: string[] = [];
  try {
    for (const fault of faults) {
      for (const what of await chaos.round(fault)) wrong.push(`${JSON.stringify(fault)}: ${what}`);
    }
  } finally {
    wrong.push(...(await chaos.end()));
  }
  expect(wrong).toEqual([]);
}, 300_000);
