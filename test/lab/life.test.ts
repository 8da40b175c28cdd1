// A lab comes and goes without a trace, whenever its `up` is interrupted, and beside others.
import { spawn } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, describe, expect, it } from 'vitest';
import { downLab, type Lab, openLab, upLab } from './index.ts';
import { footprint, uniqueName } from './testing.ts';

const cli = fileURLToPath(new URL('main.ts', import.meta.url));
const names: string[] = [];
const newName = (role: string) => {
  const name = uniqueName(role);
  names.push(name);
  return name;
};

afterEach(async () => {
  for (const name of names.splice(0)) await downLab(name);
});

/** Links, addresses, routes, rules and sysctl of the machine's own network namespace. */
async function hostNetwork(): Promise<string> {
  const commands = [
    ['ip', '-j', 'link'],
    ['ip', '-j', '-4', 'address'],
    ['ip', '-j', '-4', 'route', 'show', 'table', 'all'],
    ['iptables-nft-save'],
    ['ipset', 'list', '-n'],
    ['cat', '/proc/sys/net/ipv4/ip_forward'],
  ];
  const outputs = await Promise.all(commands.map(([command, ...args]) => execa(command, args)));
  // Counters of iptables-save and its time stamps change by themselves.
  return outputs.map(({ stdout }) => stdout.replaceAll(/^#.*$|\[\d+:\d+\]/gm, '')).join('\n');
}

describe('up and down', () => {
  it('leave nothing behind, touch nothing of the machine, and can be repeated', async () => {
    const name = newName('life');
    const before = await hostNetwork();
    const lines: string[] = [];
    const lab = await upLab({ name, nodes: 2, onProgress: (line) => lines.push(line) });
    expect(lines.length).toBeGreaterThan(4);
    await lab.pod.add({ node: 'n1', name: 'a' });
    expect(await hostNetwork()).toBe(before);
    expect((await footprint(name)).length).toBeGreaterThan(0);
    await lab.down();
    expect(await footprint(name)).toEqual([]);
    expect(await downLab(name)).toBe(false);
    expect(await hostNetwork()).toBe(before);
  });

  it('removes a leftover lab of the name first', async () => {
    const name = newName('left');
    const first = await upLab({ name, nodes: 2, tor: 'none', bare: true });
    const second = await upLab({ name, nodes: 1, tor: 'none', bare: true });
    expect((await second.status()).nodes.map((node) => node.name)).toEqual(['n1']);
    expect(await footprint(name)).not.toContain(`netns ${name}-n2`);
    await first.down();
    expect(await footprint(name)).toEqual([]);
  });

  it('frees the shared memory of a database that was killed', async () => {
    const name = newName('shm');
    const lab = await upLab({ name, nodes: 1, tor: 'none', bare: true });
    // Line 7 of its pid file is "key id"; the second column of the table is the id.
    const pidFile = await readFile(join(lab.topology.database.data, 'postmaster.pid'), 'utf8');
    const id = pidFile.split('\n')[6]?.trim().split(/\s+/)[1];
    const segments = async () =>
      (await readFile('/proc/sysvipc/shm', 'utf8')).split('\n').map((line) => line.trim().split(/\s+/)[1]);
    expect(id).toMatch(/^\d+$/);
    expect(await segments()).toContain(id);
    await lab.database.kill();
    await lab.down();
    expect(await segments()).not.toContain(id);
  });

  it('removes what it built when it is interrupted', async () => {
    const name = newName('abort');
    const abort = new AbortController();
    const onProgress = (line: string) => {
      if (line.startsWith('network')) abort.abort(new Error('enough'));
    };
    await expect(upLab({ name, nodes: 2, onProgress, signal: abort.signal })).rejects.toThrow('enough');
    expect(await footprint(name)).toEqual([]);
  });

  it('refuses a namespace that is not its own', async () => {
    const name = newName('foreign');
    await execa('ip', ['netns', 'add', `${name}-n1`]);
    try {
      await expect(upLab({ name, nodes: 1 })).rejects.toThrow(`/run/netns/${name}-n1 exists`);
      await expect(stat(`/run/netns/${name}-n1`)).resolves.toBeDefined();
    } finally {
      await execa('ip', ['netns', 'del', `${name}-n1`]);
    }
    expect(await footprint(name)).toEqual([]);
  });
});

describe('down after a SIGKILL of up', () => {
  // By what `up` has printed when it is killed, or at its very start.
  it.each(['', 'network', 'database: Postgres', 'database: schema', 'hub', 'n1', 'BGP'])('at "%s"', async (at) => {
    const name = newName('kill');
    await upUntil(name, at);
    expect((await footprint(name)).length).toBeGreaterThan(0);
    await execa(process.execPath, [cli, 'down', '--name', name]);
    expect(await footprint(name)).toEqual([]);
  });
});

describe('a lab of a program', () => {
  // By what has been printed when the program is told to end.
  it.each(['network', 'hub', 'it is up'])('goes with it at "%s"', async (at) => {
    const name = newName('temp');
    const options = JSON.stringify({ name, nodes: 1 });
    const program = `
      import { upTemporaryLab } from ${JSON.stringify(import.meta.resolve('./index.ts'))};
      await upTemporaryLab({ ...${options}, onProgress: console.error });
      console.error('it is up');
      setInterval(() => {}, 1000);`;
    await runUntil(['--input-type=module', '--eval', program], name, at, 'SIGTERM');
    expect(await footprint(name)).toEqual([]);
  });
});

const upUntil = (name: string, start: string) =>
  runUntil([cli, 'up', '--name', name, '--nodes', '1'], name, start, 'SIGKILL');

/** Runs what makes a lab until it prints a line that starts so, and then ends it; at its first sign of life when that is ''. */
async function runUntil(args: string[], name: string, start: string, signal: NodeJS.Signals): Promise<void> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_, by) => resolve(by)));
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    const printed = () => `\n${output}`.includes(`\n${start}`);
    const before = printed();
    output += chunk;
    if (start !== '' && printed() && !before) child.kill(signal);
  });
  if (start === '') {
    while ((await footprint(name)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill(signal);
  }
  expect(await ended, output).toBe(signal);
}

describe('labs side by side', () => {
  it('do not see each other', async () => {
    const [one, two] = await Promise.all(
      ['one', 'two'].map((role): Promise<Lab> => upLab({ name: newName(role), nodes: 1 })),
    );
    const [first, second] = await Promise.all([one, two].map((lab) => lab.pod.add({ node: 'n1', name: 'a' })));
    const ping = (lab: Lab, address: string) => lab.exec('client', 'ping', ['-c1', '-W3', address]);
    expect((await ping(one, first.ips[0])).code).toBe(0);
    expect((await ping(two, second.ips[0])).code).toBe(0);
    await one.down();
    expect(await footprint(one.name)).toEqual([]);
    expect((await ping(two, second.ips[0])).code).toBe(0);
    const { nodes, processes } = await (await openLab(two.name)).status();
    expect(processes).toEqual({ database: 'running', hub: 'running', tor: 'running' });
    expect(nodes).toMatchObject([{ agent: 'running', bgp: 'running' }]);
  });
});
