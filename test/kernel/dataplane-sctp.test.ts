// Policy on SCTP, with raw packets: kernels are often built without SCTP sockets, and judge SCTP all the same.

import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { noChange } from '@caracal/policy';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { createTestNode, type TestNode, type TestPod } from './dataplane/pod-network.ts';
import { dataplaneIn, endpointOf, port, rule, tier } from './dataplane/scene.ts';

let node: TestNode;
let a: TestPod;
let b: TestPod;
let dataplane: ReturnType<typeof dataplaneIn>;
let folder: string;
let program: string;
/** Ports of the INIT chunks that b has received. */
const arrived: number[] = [];

beforeAll(async () => {
  folder = makeTemporaryFolder('sctp');
  program = join(folder, 'sctp');
  const source = fileURLToPath(new URL('./dataplane/sctp.c', import.meta.url));
  await execa('musl-gcc', ['-static', '-O1', '-o', program, source]);
  node = await createTestNode();
  a = await node.addPod('10.65.0.2', 'caraaaaaaaaaaaa');
  b = await node.addPod('10.65.0.3', 'carabbbbbbbbbbb');
  const listener = b.netns.spawn(program, ['listen'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: listener.stdout! });
  await once(lines, 'line');
  lines.on('line', (line) => arrived.push(Number(line)));
  dataplane = dataplaneIn(node);
  await dataplane.start();
}, 60_000);

afterAll(async () => {
  await dataplane?.stop();
  await node?.remove();
  removeTemporaryFolder(folder);
}, 30_000);

const send = (to: number) => a.netns.run(program, ['send', b.address, String(to)]);

test('a rule for SCTP and a port lets that through, and neither another port nor another protocol', async () => {
  const policy = {
    id: 'np/x/sctp',
    ingress: [
      rule({ protocol: 132, destination: { ports: port(9080) } }),
      rule({ protocol: 6, destination: { ports: port(9081) } }),
    ],
    egress: [],
  };
  await dataplane.update({
    ...noChange,
    policies: [policy],
    endpoints: [endpointOf(a), endpointOf(b, { ingress: [tier([policy.id])] })],
  });
  expect(dataplane.problems()).toEqual([]);
  // What must not come is sent before what must.
  await send(9081);
  await send(9079);
  await send(9080);
  await expect.poll(() => arrived, { timeout: 10_000 }).toEqual([9080]);
  expect(await dataplane.resync()).toEqual([]);
}, 30_000);

test('without policy every port of SCTP is open', async () => {
  arrived.length = 0;
  await dataplane.update({ ...noChange, endpoints: [endpointOf(a), endpointOf(b)], removedPolicies: ['np/x/sctp'] });
  await send(9081);
  await expect.poll(() => arrived, { timeout: 10_000 }).toEqual([9081]);
}, 30_000);
