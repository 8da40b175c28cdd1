import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Netns } from '../support/netns.ts';
import { startPinging } from '../support/ping.ts';

/** Pings each of the addresses from its namespace while something happens; nothing may be lost. */
export async function withoutLoss(
  paths: readonly (readonly [from: Netns, to: string])[],
  happens: () => Promise<void>,
): Promise<void> {
  const pings = paths.map(([from, to]) => startPinging(from, to));
  await sleep(300);
  await happens();
  await sleep(300);
  for (const counts of await Promise.all(pings.map((ping) => ping.stop()))) {
    expect(counts.sent).toBeGreaterThan(50);
    expect(counts.received).toBe(counts.sent);
  }
}
