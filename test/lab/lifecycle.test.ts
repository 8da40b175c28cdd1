// Pods come and go, and parts fail: addresses come back, and what ran goes on.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, upTemporaryLab } from './index.ts';
import { eventually, footprint, uniqueName } from './testing.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await upTemporaryLab({ name: uniqueName('cycle'), nodes: 2 });
});
afterAll(() => lab?.down());

const ping = async (from: string, to: string) => (await lab.exec(from, 'ping', ['-c1', '-W3', to])).code === 0;

/** The interfaces of pods on a node. */
async function podInterfaces(node: string): Promise<string[]> {
  const { stdout } = await lab.exec(node, 'ip', ['-j', 'link']);
  const links: { ifname: string }[] = JSON.parse(stdout);
  return links.map(({ ifname }) => ifname).filter((name) => name.startsWith('cara'));
}

/** Pings without end; the returned function ends it and answers how many of how many were lost. */
async function measureLoss(from: string, to: string): Promise<() => Promise<{ sent: number; lost: number }>> {
  const child = await lab.spawn(from, 'ping', ['-i', '0.05', '-W1', to], { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout!.on('data', (chunk: Buffer) => (output += chunk));
  const ended = new Promise((resolve) => child.once('close', resolve));
  return async () => {
    child.kill('SIGINT');
    await ended;
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(output) ?? [];
    return { sent: Number(sent), lost: Number(sent) - Number(received) };
  };
}

describe('a pod', () => {
  it('leaves nothing on its node when it goes, and its address can be had again', async () => {
    const before = await podInterfaces('n1');
    const pod = await lab.pod.add({ node: 'n1', name: 'short' });
    expect(await podInterfaces('n1')).toHaveLength(before.length + 1);
    expect(pod.ips).toEqual([expect.stringMatching(/^10\.244\.\d+\.\d+$/)]);
    await lab.pod.remove('short');
    expect(await podInterfaces('n1')).toEqual(before);
    expect((await lab.exec('n1', 'ip', ['route', 'show', pod.ips[0]])).stdout).toBe('');
    expect(await footprint(`${lab.name}-p`)).toEqual([]);
    const again = await lab.pod.add({ node: 'n1', name: 'short' });
    expect(again.ips[0]).not.toBe(pod.ips[0]); // it rests before it is used again
    await lab.pod.remove('short');
  });

  it('keeps its interface when ADD is repeated, which is refused', async () => {
    await lab.pod.add({ node: 'n2', name: 'twice' });
    expect(await lab.pod.cni('twice', 'ADD')).toMatchObject({ ok: false, message: expect.stringContaining('eth0') });
    expect(await lab.pod.cni('twice', 'CHECK')).toMatchObject({ ok: true });
    await lab.pod.remove('twice');
  });

  it('goes with the garbage when the runtime does not know it any more, and only then', async () => {
    const [kept, lost] = await Promise.all(['kept', 'lost'].map((name) => lab.pod.add({ node: 'n1', name })));
    const before = await podInterfaces('n1');
    const conf = {
      cniVersion: '1.1.0',
      name: 'caracal',
      type: 'caracal',
      'cni.dev/valid-attachments': [{ containerID: kept.containerId, ifname: 'eth0' }],
    };
    const { cniBin } = lab.topology.nodeList[0];
    const words = ['CNI_COMMAND=GC', `CNI_PATH=${cniBin}`, `${cniBin}/caracal`];
    expect(await lab.exec('n1', 'env', words, { input: JSON.stringify(conf) })).toMatchObject({ code: 0, stdout: '' });
    expect(await podInterfaces('n1')).toHaveLength(before.length - 1);
    expect(await lab.pod.cni('kept', 'CHECK')).toMatchObject({ ok: true });
    expect(await lab.pod.cni('lost', 'CHECK')).toMatchObject({ ok: false, code: 3 });
    for (const pod of [kept, lost]) await lab.pod.remove(pod.name);
  });

  it('is not started twice, nor on a node that there is not, and nothing of it is left', async () => {
    await lab.pod.add({ node: 'n1', name: 'once' });
    await expect(lab.pod.add({ node: 'n1', name: 'once' })).rejects.toThrow('pod default/once exists already');
    await expect(lab.pod.add({ node: 'n9', name: 'other' })).rejects.toThrow('has no node n9; it has n1, n2');
    await expect(lab.pod.remove('other')).rejects.toThrow('has no pod other');
    await lab.pod.remove('once');
  });
});

describe('failures', () => {
  it('ADD without an agent fails with the socket in its message, and leaves nothing', async () => {
    await lab.agent('n1').kill();
    await expect(lab.pod.add({ node: 'n1', name: 'early' })).rejects.toThrow(/cni\.sock.*\(code 11\)/s);
    expect(await footprint(`${lab.name}-p`)).toEqual([]);
    await lab.agent('n1').start();
    await lab.pod.add({ node: 'n1', name: 'early' });
    await lab.pod.remove('early');
  });

  it('an agent that is killed takes no packet with it, and knows its pods when it is back', async () => {
    const [a, b] = await Promise.all([lab.pod.add({ node: 'n1', name: 'a' }), lab.pod.add({ node: 'n2', name: 'b' })]);
    await eventually('a reaches b', () => ping('a', b.ips[0]));
    const loss = await measureLoss('b', a.ips[0]);
    await lab.agent('n1').kill();
    await lab.agent('n1').start();
    const c = await lab.pod.add({ node: 'n1', name: 'c' });
    expect(c.ips[0]).not.toBe(a.ips[0]);
    expect(await ping('c', a.ips[0])).toBe(true);
    const { sent, lost } = await loss();
    expect(sent).toBeGreaterThan(5);
    expect(lost).toBe(0);
    await Promise.all(['a', 'b', 'c'].map((name) => lab.pod.remove(name)));
  });

  it('a DEL while the agent is away succeeds, and the address comes back when it returns', async () => {
    await lab.pod.add({ node: 'n2', name: 'gone' });
    const before = await podInterfaces('n2');
    await lab.agent('n2').stop();
    await lab.pod.remove('gone');
    await lab.agent('n2').start();
    await eventually('the agent has handled the spooled DEL', async () => {
      return (await podInterfaces('n2')).length < before.length;
    });
    await eventually('the hub has forgotten the endpoint', async () => {
      const { stdout } = await lab.ctl(['get', 'pods', '-o', 'json']);
      return !stdout.includes('"gone"');
    });
  });

  it('a pod starts while hub and database are away, and all is in step when they are back', async () => {
    await lab.hub.kill();
    await lab.database.kill();
    const pod = await lab.pod.add({ node: 'n1', name: 'offline' });
    expect(await ping('n1', pod.ips[0])).toBe(true);
    await lab.database.start();
    await lab.hub.start();
    await eventually('the hub knows the pod', async () => {
      const { stdout } = await lab.ctl(['get', 'pods', '-o', 'json']);
      return stdout.includes('"offline"');
    });
    await lab.pod.remove('offline');
  });

  it('a speaker that is killed comes back with its routes, and they stay in the kernel meanwhile', async () => {
    const pod = await lab.pod.add({ node: 'n2', name: 'far' });
    await eventually('the client reaches the pod', () => ping('client', pod.ips[0]));
    const routes = async () => (await lab.exec('n1', 'ip', ['route', 'show', 'proto', '201'])).stdout;
    const before = await routes();
    expect(before).toContain('/26');
    await lab.bgp('n1').kill();
    expect(await routes()).toBe(before);
    // The agent, which looks for it several times a second, does not need it for pods.
    await sleep(700);
    await lab.pod.add({ node: 'n1', name: 'near' });
    await lab.pod.remove('near');
    await lab.bgp('n1').start();
    await eventually('BIRD has its session with n1 again', async () => {
      return /^n1\s.*Established/m.test(await lab.birdc('show protocols'));
    });
    expect(await routes()).toBe(before);
    await lab.pod.remove('far');
  });
});
