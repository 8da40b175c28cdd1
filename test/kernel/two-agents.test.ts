// Two agents on one node, which would write into one journal.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCniRuntime } from '../support/cni-runtime.ts';
import { type LoneAgent, prepareLoneAgent } from '../support/lone-agent.ts';
import { createNetns, type Netns } from '../support/netns.ts';

const main = join(import.meta.dirname, '../../apps/agent/main.ts');
const list = { cniVersion: '1.1.0', name: 'caracal', plugins: [{ type: 'caracal' }] };

let agent: LoneAgent;
let pod: Netns;
beforeAll(async () => {
  agent = await prepareLoneAgent();
  await agent.start();
  pod = await createNetns('two');
});
afterAll(async () => {
  await pod?.remove();
  await agent?.remove();
});

test('the second one ends with a message and changes nothing, also where it has a run directory of its own', async () => {
  const folder = join(agent.stateDirectory, '..');
  const config = JSON.parse(readFileSync(join(folder, 'agent.json'), 'utf8'));
  mkdirSync(join(folder, 'run2'), { mode: 0o700 });
  writeFileSync(join(folder, 'second.json'), JSON.stringify({ ...config, runDirectory: join(folder, 'run2') }));
  const runtime = createCniRuntime({ path: agent.netns.path }, [agent.cniBin]);
  const container = { id: 'one', netns: pod.path, args: 'IgnoreUnknown=1' };
  const added = await runtime.add(list, container);
  const before = readFileSync(join(agent.stateDirectory, 'ipam.journal'), 'utf8');

  for (const command of ['run', 'clean']) {
    const second = await agent.netns.try(process.execPath, [main, command, '--config', join(folder, 'second.json')]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`caracal-agent: another agent works with ${agent.stateDirectory}`);
  }
  expect(readFileSync(join(agent.stateDirectory, 'ipam.journal'), 'utf8')).toBe(before);
  await runtime.check(list, container, added);

  // The kernel ends the lock of one that dies.
  await agent.stop('SIGKILL');
  await agent.start();
  await runtime.check(list, container, added);
  await runtime.del(list, container, added);
});
