// The command line: what it prints on which stream, and how it exits.
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { downLab, type LabStatus } from './index.ts';
import { footprint, uniqueName } from './testing.ts';

const name = uniqueName('cli');
const main = fileURLToPath(new URL('main.ts', import.meta.url));
const lab = (...args: string[]) => execa(process.execPath, [main, ...args], { reject: false });
/** A command on our lab; its options come before a `--`. */
const ours = (...args: string[]) => {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  return lab(...args.slice(0, end), '--name', name, ...args.slice(end));
};

let up: LabStatus;
beforeAll(async () => {
  const { exitCode, stdout, stderr } = await ours('up', '--nodes', '2', '--json');
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toContain('database: ');
  up = JSON.parse(stdout);
});
afterAll(() => downLab(name));

describe('up --json and status --json', () => {
  it('print one object with everything that a tool needs to work on the lab', async () => {
    expect(up).toMatchObject({
      database: expect.stringMatching(/^postgresql:\/\//),
      hub: expect.stringMatching(/^unix:\//),
      pods: [],
      tor: { asNumber: 65000 },
    });
    expect(up.nodes.map((node) => node.name)).toEqual(['n1', 'n2']);
    for (const node of up.nodes) {
      expect(JSON.parse(node.cniConf)).toMatchObject({ name: 'caracal', type: 'caracal' });
    }
    const paths = [up.tor, up.client, ...up.nodes].map(({ netns }) => netns);
    paths.push(up.tor.birdcSocket ?? '', ...up.nodes.flatMap((node) => [node.socket, node.cniBin]));
    expect(paths.filter((path) => !isAbsolute(path))).toEqual([]);
    await execa('ls', paths);
    expect(JSON.parse((await ours('status', '--json')).stdout)).toEqual(up);
  });

  it('have everything for calling the CNI executable by hand', async () => {
    const [node] = up.nodes;
    const netns = `${name}-by-hand`;
    await execa('ip', ['netns', 'add', netns]);
    try {
      const cni = (command: string) =>
        execa('nsenter', [`--net=${node.netns}`, `${node.cniBin}/caracal`], {
          input: node.cniConf,
          env: {
            CNI_COMMAND: command,
            CNI_CONTAINERID: 'by-hand',
            CNI_NETNS: `/run/netns/${netns}`,
            CNI_IFNAME: 'eth0',
            CNI_PATH: node.cniBin,
          },
        });
      const { ips } = JSON.parse((await cni('ADD')).stdout);
      const { exitCode } = await ours('exec', 'client', '--', 'ping', '-c1', '-W5', ips[0].address.split('/')[0]);
      expect(exitCode).toBe(0);
      await cni('DEL');
    } finally {
      await execa('ip', ['netns', 'del', netns]);
    }
  });

  it('tell which parts run', async () => {
    await ours('agent', 'stop', 'n1');
    await ours('bgp', 'kill', 'n2');
    const status: LabStatus = JSON.parse((await ours('status', '--json')).stdout);
    expect(status.nodes).toMatchObject([
      { agent: 'stopped', bgp: 'running' },
      { agent: 'running', bgp: 'stopped' },
    ]);
    expect((await ours('status')).stdout).toContain('stopped');
    expect((await ours('agent', 'stop', 'n1')).stderr).toBe('agent of n1 did not run');
    await ours('agent', 'start', 'n1');
    await ours('bgp', 'start', 'n2');
    expect(JSON.parse((await ours('status', '--json')).stdout)).toEqual(up);
  });
});

describe('pod', () => {
  it('add prints the address, label and rm do as they say', async () => {
    const added = await ours('pod', 'add', 'n2', 'web', '--namespace', 'shop', '--labels', 'app=web,tier=front');
    expect(added.stdout).toMatch(/^10\.244\.\d+\.\d+$/);
    expect((await ours('pod', 'label', 'web', 'app=api', 'tier=')).exitCode).toBe(0);
    const { pods }: LabStatus = JSON.parse((await ours('status', '--json')).stdout);
    expect(pods).toMatchObject([
      { name: 'web', namespace: 'shop', node: 'n2', ips: [added.stdout], labels: { app: 'api' } },
    ]);
    const stored = await execa(process.execPath, ['apps/ctl/main.ts', 'get', 'pods', '-A', '-o', 'json'], {
      env: await environment(),
    });
    expect(stored.stdout).toContain('"app": "api"');
    expect(stored.stdout).not.toContain('front');
    expect((await ours('pod', 'rm', 'web')).exitCode).toBe(0);
    expect(await footprint(`${name}-p`)).toEqual([]);
  });

  it.each([
    [['pod', 'add', 'n9', 'web'], 'has no node n9; it has n1, n2'],
    [['pod', 'add', 'n1', 'Web'], 'pod "Web": not a DNS label'],
    [['pod', 'add', 'n1', 'web', '--labels', 'app'], '"app" is not K=V,K=V'],
    [['pod', 'rm', 'web'], 'has no pod web'],
    [['exec', 'web', '--', 'true'], 'has no pod web'],
    [['agent', 'stop', 'n9'], 'has no node n9'],
  ])('%j is refused', async (args, message) => {
    const { exitCode, stdout, stderr } = await ours(...args);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
    expect(exitCode).toBe(1);
    expect(await footprint(`${name}-p`)).toEqual([]);
  });
});

describe('exec', () => {
  it('passes output, input and exit code on', async () => {
    expect((await ours('exec', 'n1', '--', 'ip', '-br', 'address')).stdout).toContain(up.nodes[0].address);
    expect((await ours('exec', 'tor', '--', 'sh', '-c', 'exit 7')).exitCode).toBe(7);
    expect((await ours('exec', 'client', '--', 'sh', '-c', 'kill -9 $$')).exitCode).toBe(137);
    expect((await ours('exec', 'client', '--', 'no-such-command')).exitCode).toBe(127);
  });
});

describe('a lab that there is not', () => {
  it.each([['status'], ['env'], ['exec', 'n1', '--', 'true']])('%s says so', async (...args) => {
    const [first, ...rest] = args;
    const { exitCode, stderr } = await lab(first, '--name', 'nowhere', ...rest);
    expect([exitCode, stderr]).toEqual([
      1,
      'lab: there is no lab nowhere; `npm run lab -- up --name nowhere` makes it',
    ]);
  });
});

/** What `lab env` prints, as a shell would take it. */
async function environment(): Promise<Record<string, string>> {
  const { stdout } = await ours('env');
  return Object.fromEntries([...stdout.matchAll(/^export (\w+)=(.*)$/gm)].map(([, key, value]) => [key, value]));
}
