import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LoneAgent, prepareLoneAgent } from '../support/lone-agent.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

/** `caracalctl node check` on a node that is well, and on one that is not, by one thing after the other. */

const program = join(import.meta.dirname, '../../apps/ctl/main.ts');
let agent: LoneAgent;
let folder: string;

beforeAll(async () => {
  agent = await prepareLoneAgent();
  await agent.start();
  folder = makeTemporaryFolder('check');
  write('agent.yaml', 'nodeAddress: 192.0.2.1\n');
  write('10-caracal.conflist', '{"plugins":[{"type":"caracal"}]}');
});

afterAll(async () => {
  await agent?.remove();
  removeTemporaryFolder(folder);
});

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const iptables = (...args: string[]) => agent.netns.run('iptables-legacy', args);
const sysctl = (text: string) => agent.netns.run('sysctl', ['-qw', text]);

async function check(...args: string[]) {
  const options = ['--config', join(folder, 'agent.yaml'), '--net-d', folder, '--plugins', agent.cniBin, ...args];
  return agent.netns.try(process.execPath, [program, 'node', 'check', ...options]);
}

async function findings(): Promise<{
  code: number;
  of: (check: string) => { state: string; found: string; remedy?: string };
}> {
  const { code, stdout } = await check('-o', 'json');
  const list: { check: string; state: string; found: string; remedy?: string }[] = JSON.parse(stdout).findings;
  return {
    code,
    of: (name) =>
      list.filter((each) => each.check === name).find(({ state }) => state !== 'ok') ??
      list.find((each) => each.check === name)!,
  };
}

test('a node that is well: nothing stops pods, and the address and its reason are told', async () => {
  const { code, stdout } = await check();
  expect(stdout).toMatch(/^CHECK +STATE +FOUND\n/);
  expect(stdout).not.toContain('problem');
  expect(stdout).toMatch(/address +ok +192\.0\.2\.1 on up0, because of nodeAddress in/);
  expect(stdout).toMatch(/agent +ok +serves .*cni\.sock/);
  expect(code).toBe(0);
});

test('without Kubernetes our configuration may have any name; what comes before it is found', async () => {
  renameSync(join(folder, '10-caracal.conflist'), join(folder, '50-pods.conflist'));
  try {
    expect((await findings()).of('CNI configuration')).toMatchObject({
      state: 'ok',
      found: expect.stringContaining('50-pods'),
    });
    write('20-bridge.conf', '{"type":"bridge"}');
    expect((await findings()).of('CNI configuration')).toMatchObject({ state: 'problem' });
  } finally {
    rmSync(join(folder, '20-bridge.conf'), { force: true });
    renameSync(join(folder, '50-pods.conflist'), join(folder, '10-caracal.conflist'));
  }
});

test.each<[string, string, 'problem' | 'warning', RegExp, () => Promise<unknown>, () => Promise<unknown>]>([
  [
    'no forwarding',
    'forwarding',
    'problem',
    /sysctl -w net\.ipv4\.ip_forward=1/,
    () => sysctl('net.ipv4.ip_forward=0'),
    () => sysctl('net.ipv4.ip_forward=1'),
  ],
  [
    'a strict reverse-path filter',
    'reverse path',
    'warning',
    /net\.ipv4\.conf\.up0\.rp_filter=2/,
    () => sysctl('net.ipv4.conf.up0.rp_filter=1'),
    () => sysctl('net.ipv4.conf.up0.rp_filter=0'),
  ],
  [
    'legacy tables that drop',
    'iptables back end',
    'problem',
    /iptables-legacy -P FORWARD ACCEPT/,
    () => iptables('-P', 'FORWARD', 'DROP'),
    () => iptables('-P', 'FORWARD', 'ACCEPT'),
  ],
  [
    'rules in the legacy tables',
    'iptables back end',
    'warning',
    /have whoever writes them use iptables-nft/,
    () => iptables('-A', 'FORWARD', '-s', '203.0.113.1', '-j', 'ACCEPT'),
    () => iptables('-F'),
  ],
  [
    "Calico's rules",
    'other networks',
    'problem',
    /remove Calico/,
    () => agent.netns.run('iptables-nft', ['-N', 'cali-FORWARD']),
    () => agent.netns.run('iptables-nft', ['-X', 'cali-FORWARD']),
  ],
  [
    'a way out that is too narrow',
    'MTU',
    'problem',
    /set mtu: 1400/,
    () => agent.netns.run('ip', ['link', 'set', 'up0', 'mtu', '1400']),
    () => agent.netns.run('ip', ['link', 'set', 'up0', 'mtu', '1500']),
  ],
  [
    'an address that the node does not have',
    'address',
    'problem',
    /name one of these in nodeAddress/,
    async () => write('agent.yaml', 'nodeAddress: 192.0.2.77\n'),
    async () => write('agent.yaml', 'nodeAddress: 192.0.2.1\n'),
  ],
  [
    "another network's configuration",
    'CNI configuration',
    'problem',
    /--take-over/,
    async () => write('05-calico.conflist', '{"plugins":[{"type":"calico"}]}'),
    async () => rmSync(join(folder, '05-calico.conflist')),
  ],
  [
    'a plugin that is missing',
    'CNI plugins',
    'problem',
    /caracal-cni install/,
    async () => rmSync(join(agent.cniBin, 'caracal-ipam')),
    async () => {},
  ],
  ['no agent', 'agent', 'problem', /start the agent/, () => agent.stop('SIGKILL'), async () => {}],
])('%s is found, with its remedy', async (_name, name, state, remedy, breakIt, mendIt) => {
  await breakIt();
  try {
    const found = await findings();
    expect(found.of(name)).toMatchObject({ state, remedy: expect.stringMatching(remedy) });
    if (state === 'problem') expect(found.code).toBe(1);
  } finally {
    await mendIt();
  }
});
