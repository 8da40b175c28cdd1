// An agent that is killed in the middle of ADDs leaves nothing half-done: no address twice, no interface without a pod.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, type PodRecord, upTemporaryLab } from './index.ts';
import { eventually, uniqueName } from './testing.ts';

const podsAtOnce = 8;

let lab: Lab;
beforeAll(async () => {
  lab = await upTemporaryLab({ name: uniqueName('crash'), nodes: 2 });
  await lab.pod.add({ node: 'n2', name: 'far' });
});
afterAll(() => lab?.down());

async function interfaces(): Promise<string[]> {
  const { stdout } = await lab.exec('n1', 'ip', ['-j', 'link']);
  const links: { ifname: string }[] = JSON.parse(stdout);
  return links.map(({ ifname }) => ifname).filter((name) => name.startsWith('cara'));
}

describe('an agent killed while pods start', () => {
  it.each([1, 8, 20, 45])('%i ms after the first ADD', async (afterMs) => {
    const names = Array.from({ length: podsAtOnce }, (_, i) => `p${afterMs}-${i}`);
    const first = names.map((name) => lab.pod.add({ node: 'n1', name }).catch((error: Error) => error));
    await delay(afterMs);
    await lab.agent('n1').kill();
    const outcomes = await Promise.all(first);
    await lab.agent('n1').start();

    // The runtime tries again those that failed; the others are there and must work.
    const pods: PodRecord[] = [];
    for (const [i, outcome] of outcomes.entries()) {
      pods.push(outcome instanceof Error ? await lab.pod.add({ node: 'n1', name: names[i] }) : outcome);
    }
    expect(new Set(pods.flatMap((pod) => pod.ips)).size).toBe(podsAtOnce);
    expect(await interfaces()).toHaveLength(podsAtOnce);
    for (const pod of pods) {
      await eventually(`${pod.name} reaches a pod on the other node`, async () => {
        const [far] = (await lab.pod.list()).filter(({ name }) => name === 'far');
        return (await lab.exec(pod.name, 'ping', ['-c1', '-W1', far.ips[0]])).code === 0;
      });
    }
    for (const pod of pods) await lab.pod.remove(pod.name);
    expect(await interfaces()).toEqual([]);
    await eventually('the journal, the kernel and Postgres agree', async () => {
      return (await lab.ctl(['ipam', 'check'])).code === 0;
    });
    const { stdout } = await lab.ctl(['ipam', 'show', '--blocks', '-o', 'json']);
    const { blocks }: { blocks: { node: string; used: number }[] } = JSON.parse(stdout);
    expect(blocks.filter(({ node }) => node === 'n1').every(({ used }) => used === 0)).toBe(true);
  });
});
