// On the wire of the router, BGP comes from caracal-bgp and BIRD, and from nothing else.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, upTemporaryLab } from './index.ts';
import { eventually, uniqueName } from './testing.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await upTemporaryLab({ name: uniqueName('wire'), nodes: 2 });
});
afterAll(() => lab?.down());

/** The programs that hold a socket with port 179 in a place, by their command lines. */
async function speakers(place: string): Promise<string[]> {
  const { stdout } = await lab.exec(place, 'ss', ['-Htanp', 'sport = :179 or dport = :179']);
  const pids = new Set([...stdout.matchAll(/pid=(\d+)/g)].map((match) => match[1]));
  return Promise.all(
    [...pids].map(async (pid) => (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')),
  );
}

describe('BGP at the router', () => {
  it('is spoken by caracal-bgp on each node and by BIRD, each by one process', async () => {
    for (const { name } of lab.topology.nodeList) {
      expect(await speakers(name)).toEqual([expect.stringContaining('apps/bgp/main.ts')]);
    }
    expect(await speakers('tor')).toEqual([expect.stringContaining('bird')]);
    for (const place of ['hub', 'client']) expect(await speakers(place)).toEqual([]);
  });

  it("is seen by tcpdump between the router's address and the nodes' alone", async () => {
    const capture = lab.exec('tor', 'timeout', ['8', 'tcpdump', '-nni', 'br0', '-c', '40', 'tcp', 'port', '179'], {
      timeoutMs: 20_000,
    });
    // A session that begins anew is all of BGP: OPEN, KEEPALIVE, UPDATE.
    await lab.bgp('n1').kill();
    await lab.bgp('n1').start();
    await eventually('the session of n1 again', async () => /Established/.test(await lab.birdc('show protocols n1')));
    const { stdout } = await capture;
    const hosts = new Set(
      [...stdout.matchAll(/IP ([\d.]+)\.\d+ > ([\d.]+)\.\d+:/g)].flatMap((match) => match.slice(1)),
    );
    expect(hosts).toContain(lab.topology.nodeList[0].address);
    const allowed = [lab.topology.router.address, ...lab.topology.nodeList.map((node) => node.address)];
    expect([...hosts].filter((host) => !allowed.includes(host))).toEqual([]);
    expect(stdout).toMatch(/BGP/);
  });
});
