// Nodes that go and come back, and what they own: nothing is handed out twice, nothing stays with a machine that is known to be off.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OperatorProcess } from './operator-process.ts';
import { type OperatorWorld, ownObject, startOperatorWorld } from './operator-world.ts';

let world: OperatorWorld;
let operator: OperatorProcess;
beforeAll(async () => {
  world = await startOperatorWorld();
  operator = await world.operator();
  operator.start();
  await world.apply([ownObject('IPPool', 'default', { cidr: '10.244.0.0/16' })]);
  await world.eventually(async () => expect(await world.storedNames('IPPool')).toEqual(['default']));
});
afterAll(() => world?.stop());

const off = 'node.kubernetes.io/out-of-service';
const createNode = async (name: string) => {
  await world.apply([{ apiVersion: 'v1', kind: 'Node', metadata: { name } }]);
  await world.eventually(async () => expect(await world.storedNames('Node')).toContain(name));
};
const deleteNode = async (name: string) => {
  await world.kubectl(['delete', 'node', name]);
  await world.eventually(async () => expect(await world.storedNames('Node')).not.toContain(name));
};
const taint = (name: string, value = '=nodeshutdown:NoExecute') =>
  world.kubectl(['taint', 'node', name, `${off}${value}`]);

/** What an agent does when it starts: says what it owns, and gets a block; then it has a pod. */
async function machine(node: string, incarnation = randomUUID()) {
  const { write } = world.datastore;
  await write({ op: 'assert', node, incarnation, machine: '', blocks: [] });
  const { block } = await write({ op: 'claim', pool: 'default', node, incarnation });
  const address = block!.cidr.replace(/\.\d+\/26$/, (last) => `.${Number.parseInt(last.slice(1), 10) + 1}`);
  const pod = { containerId: node, interface: 'eth0', podNamespace: 'default', podName: node, podUid: node };
  const endpoints = [{ ...pod, addresses: [address] }];
  await write({ op: 'report', node, incarnation, full: true, endpoints, removed: [] });
  return { incarnation, cidr: block!.cidr, address };
}
const owned = async (node: string) =>
  (await world.datastore.listBlocks())
    .filter((block) => block.node === node)
    .map(({ cidr, incarnation }) => [cidr, incarnation]);
const addresses = async (node: string) =>
  (await world.datastore.listEndpoints()).filter((each) => each.node === node).flatMap((each) => each.addresses);
const goneNodes = () => world.condition('CaracalStatus', 'default', 'GoneNodesOwnBlocks');

test('a Node that vanishes keeps what it owns, it is said, and it has it when it comes back', async () => {
  await createNode('vanishing');
  const own = await machine('vanishing');
  await deleteNode('vanishing');
  await world.eventually(async () => {
    const { status, message } = await goneNodes();
    expect({ status, message }).toEqual({
      status: 'True',
      message: `not in Kubernetes any more: vanishing owns ${own.cidr}. When such a machine is off for good: caracalctl ipam release --node NODE`,
    });
  });
  const other = await machine('other');
  expect(other.cidr).not.toBe(own.cidr);
  expect(await addresses('vanishing')).toEqual([own.address]);
  await createNode('vanishing');
  await createNode('other');
  await world.eventually(async () => expect(await goneNodes()).toMatchObject({ status: 'False' }));
  expect(await owned('vanishing')).toEqual([[own.cidr, own.incarnation]]);
  // The agent never stopped: what it holds is its own, and it gets the same answer again.
  const { write } = world.datastore;
  const { incarnation } = own;
  const held = [{ cidr: own.cidr, pool: 'default' }];
  expect(await write({ op: 'assert', node: 'vanishing', incarnation, machine: '', blocks: held })).toMatchObject({
    conflicts: [],
    blocks: [{ cidr: own.cidr }],
  });
  expect(await addresses('vanishing')).toEqual([own.address]);
});

test('what a Node owned that was out of service when it was deleted goes to others; the machine that returns has nothing of it', async () => {
  await createNode('dead');
  const dead = await machine('dead');
  await taint('dead');
  await world.kubectl(['delete', 'node', 'dead']);
  await world.eventually(async () => {
    expect(await owned('dead')).toEqual([]);
    expect(await addresses('dead')).toEqual([]);
    expect(await world.storedNames('Node')).not.toContain('dead');
  });
  expect((await machine('heir')).cidr).toBe(dead.cidr);
  await createNode('heir');
  // A new machine of the old name gets another block; the old one, should it run after all, gets none and may not speak for the name.
  await createNode('dead');
  const { write } = world.datastore;
  const back = { op: 'assert', node: 'dead', machine: '' } as const;
  const held = [{ cidr: dead.cidr, pool: 'default' }];
  expect(await write({ ...back, incarnation: dead.incarnation, blocks: held })).toHaveProperty('fenced');
  const anew = await machine('dead');
  expect(anew.cidr).not.toBe(dead.cidr);
  expect(await owned('dead')).toEqual([[anew.cidr, anew.incarnation]]);
  expect(await write({ op: 'claim', pool: 'default', node: 'dead', incarnation: dead.incarnation })).toHaveProperty(
    'refused',
  );
});

test('a machine that came back into service before its Node was deleted keeps what it owns', async () => {
  await createNode('repaired');
  const own = await machine('repaired');
  await taint('repaired');
  await world.eventually(async () => {
    const { resources } = await world.datastore.listResources({ kinds: ['Node'] });
    expect(resources.find(({ name }) => name === 'repaired')?.spec).toMatchObject({ outOfService: true });
  });
  await taint('repaired', '-');
  await deleteNode('repaired');
  expect(await owned('repaired')).toEqual([[own.cidr, own.incarnation]]);
  await world.eventually(async () => expect(await goneNodes()).toMatchObject({ status: 'True' }));
  await createNode('repaired');
});

test('it is taken back although the operator was away when the Node was deleted, and killed when it was at it', async () => {
  await createNode('unseen');
  const own = await machine('unseen');
  await taint('unseen');
  await world.eventually(async () => {
    const { resources } = await world.datastore.listResources({ kinds: ['Node'] });
    expect(resources.find(({ name }) => name === 'unseen')?.spec).toMatchObject({ outOfService: true });
  });
  await operator.kill();
  await world.kubectl(['delete', 'node', 'unseen']);
  expect(await owned('unseen')).toEqual([[own.cidr, own.incarnation]]);
  operator.start();
  await world.eventually(async () => expect(await owned('unseen')).toEqual([]));
  await operator.kill();
  operator.start();
  await world.eventually(async () => expect(await world.storedNames('Node')).not.toContain('unseen'));
  expect(await owned('unseen')).toEqual([]);
  // Everything else is where it was: each block with one owner, and no address twice.
  const all = (await world.datastore.listEndpoints()).flatMap((each) => each.addresses);
  expect(new Set(all).size).toBe(all.length);
  expect((await world.datastore.checkIpam()).findings).toEqual([]);
});
