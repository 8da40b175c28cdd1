// With natOutgoing a pod that leaves all pools is seen with its node's address; inside them it is itself.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, type PodRecord, upTemporaryLab } from './index.ts';
import { eventually, uniqueName } from './testing.ts';

let lab: Lab;
let pod: PodRecord;
let other: PodRecord;
beforeAll(async () => {
  lab = await upTemporaryLab({ name: uniqueName('nat'), nodes: 2 });
  [pod, other] = await Promise.all([
    lab.pod.add({ node: 'n1', name: 'inside' }),
    lab.pod.add({ node: 'n2', name: 'other' }),
  ]);
});
afterAll(() => lab?.down());

/** The source address of the next UDP packet to port 9999, as a place sees it. */
const listener = `
  const socket = require('node:dgram').createSocket('udp4');
  socket.bind(9999, '0.0.0.0', () => console.log('ready'));
  socket.on('message', (_, from) => { console.log(from.address); process.exit(); });
`;
const sender = `
  const socket = require('node:dgram').createSocket('udp4');
  const again = setInterval(() => socket.send('x', 9999, process.argv[1]), 50);
  setTimeout(() => { clearInterval(again); socket.close(); }, 400);
`;

async function seenBy(place: string, address: string): Promise<string> {
  const child = await lab.spawn(place, process.execPath, ['-e', listener], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('ready');
  await lab.exec(pod.name, process.execPath, ['-e', sender, address]);
  const { value } = await lines.next();
  if (child.exitCode === null) await once(child, 'exit');
  return value ?? '';
}

const setNat = async (natOutgoing: boolean) => {
  const [pool] = JSON.parse((await lab.ctl(['get', 'ippools', '-o', 'json'])).stdout).items;
  const { apiVersion, kind, metadata, spec } = pool;
  await lab.apply([{ apiVersion, kind, metadata: { name: metadata.name }, spec: { ...spec, natOutgoing } }]);
};

describe('natOutgoing', () => {
  it('gives packets that leave all pools the address of the node', async () => {
    expect(await seenBy('client', lab.topology.client.address)).toBe(lab.topology.nodeList[0].address);
  });

  it('leaves packets between pods as they are', async () => {
    await eventually('a route to the other pod', async () => {
      return (await lab.exec(pod.name, 'ping', ['-c1', '-W1', other.ips[0]])).code === 0;
    });
    expect(await seenBy(other.name, other.ips[0])).toBe(pod.ips[0]);
  });

  it('follows the pool: without it the pod is seen as itself', async () => {
    await setNat(false);
    await eventually('the pod seen as itself', async () => {
      return (await seenBy('client', lab.topology.client.address)) === pod.ips[0];
    });
  });
});
