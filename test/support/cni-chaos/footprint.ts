// Everything that a pod could leave on a node.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoneAgent } from '../lone-agent.ts';

/** What is left of rules and sets goes a moment after the last DEL. */
export const settleMs = 15_000;

/** A line for each interface, route, neighbour, rule, set and member, address in the journal and spooled request. */
export async function footprint(agent: LoneAgent): Promise<string[]> {
  const run = async (command: string, ...args: string[]) => (await agent.netns.run(command, args)).trim().split('\n');
  const links: { ifname: string }[] = JSON.parse(await agent.netns.run('ip', ['-json', 'link']));
  const held = heldAddresses(agent);
  const holders = Map.groupBy(
    [...held].flatMap(([handle, addresses]) => addresses.map((address) => ({ address, handle }))),
    ({ address }) => address,
  );
  return [
    ...links.map(({ ifname }) => `interface ${ifname}`),
    ...(await run('ip', 'route')).map((line) => `route ${line.trim()}`),
    ...(await run('ip', 'neigh', 'show', 'nud', 'permanent')).map((line) => `neighbour ${line}`),
    ...(await run('iptables-save')).filter((line) => /^(:|-A) *cara-/.test(line)).map((line) => `rule ${line}`),
    ...(await run('ipset', 'save')).filter((line) => line !== '').map((line) => `set ${line}`),
    ...[...held].map(([handle, addresses]) => `journal ${handle} ${addresses}`),
    ...[...holders].filter(([, by]) => by.length > 1).map(([address]) => `twice in the journal: ${address}`),
    ...(existsSync(agent.spool) ? readdirSync(agent.spool) : []).map((name) => `spooled ${name}`),
  ];
}

/** What is there now and was not before, and the other way round, once that no longer changes for the better. */
export async function differences(agent: LoneAgent, before: readonly string[]): Promise<string[]> {
  for (const deadline = Date.now() + settleMs; ; await sleep(50)) {
    const after = await footprint(agent);
    const wrong = [
      ...after.filter((line) => !before.includes(line)).map((line) => `left behind: ${line}`),
      ...before.filter((line) => !after.includes(line)).map((line) => `lost: ${line}`),
    ];
    if (wrong.length === 0 || Date.now() > deadline) return wrong;
  }
}

/** By handle, as the journal has them. */
export function heldAddresses(agent: LoneAgent): Map<string, string[]> {
  const held = new Map<string, string[]>();
  for (const line of readFileSync(join(agent.stateDirectory, 'ipam.journal'), 'utf8').trim().split('\n')) {
    const record = JSON.parse(line.slice(9)); // after the checksum
    if (record.type === 'assign') held.set(record.handle, record.addresses);
    if (record.type === 'release') held.delete(record.handle);
  }
  return held;
}
