import { parseAddress } from '@caracal/net';
import { openSetSocket, type SetChange, type SetSocket } from '@caracal/netlink';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createNetns, type Netns } from '../support/netns.ts';
import { openIn } from '../support/open-in.ts';

/** Members of real ipsets, changed without a process. */

let netns: Netns;
let socket: SetSocket;
beforeAll(async () => {
  netns = await createNetns('set');
  socket = openIn(netns, openSetSocket);
});
beforeEach(async () => {
  await netns.run('ipset', ['destroy']);
  await netns.run('ipset', ['create', 'four', 'hash:net', 'maxelem', '3']);
  await netns.run('ipset', ['create', 'six', 'hash:net', 'family', 'inet6']);
});
afterAll(async () => {
  socket.close();
  await netns.remove();
});

function change(word: string): SetChange {
  const [, sign, set, address, length] = /^([+-])(\w+) ([^/]+)(?:\/(\d+))?$/.exec(word)!;
  const prefixLength = length === undefined ? undefined : Number(length);
  return { set, address: parseAddress(address)!, prefixLength, present: sign === '+' };
}
const changed = (...words: string[]) => socket.change(words.map(change));

async function members(): Promise<string[]> {
  const lines = (await netns.run('ipset', ['save', '-sorted'])).split('\n');
  return lines.filter((line) => line.startsWith('add ')).map((line) => line.slice('add '.length));
}

test('addresses and prefixes of both families come and go', async () => {
  const all = ['+four 10.0.0.1', '+four 10.1.0.0/16', '+six fd00::1', '+six fd01::/64'];
  expect(changed(...all)).toEqual({ ok: true });
  expect(await members()).toEqual(['four 10.0.0.1', 'four 10.1.0.0/16', 'six fd00::1', 'six fd01::/64']);
  expect(changed('-four 10.1.0.0/16', '-six fd00::1')).toEqual({ ok: true });
  expect(await members()).toEqual(['four 10.0.0.1', 'six fd01::/64']);
});

test('what is so already is a success', async () => {
  expect(changed('+four 10.0.0.1', '+four 10.0.0.1', '-four 10.0.0.2', '-six fd00::1')).toEqual({ ok: true });
  expect(await members()).toEqual(['four 10.0.0.1']);
});

test.each([
  ['a set that is not there', '+none 10.0.0.1', 'cannot add 10.0.0.1 to set none'],
  ['an address of another family', '+six 10.0.0.1', 'cannot add 10.0.0.1 to set six'],
  ['the length 0', '-four 0.0.0.0/0', 'cannot delete 0.0.0.0 from set four'],
  ['a set that is full', '+four 10.0.0.9', 'cannot add 10.0.0.9 to set four'],
])('the first failure is told, and the rest carried out: %s', async (_, wrong, message) => {
  changed('+four 10.0.0.1', '+four 10.0.0.2', '+four 10.0.0.3');
  const outcome = changed(wrong, '+six fd00::1', wrong);
  expect(outcome).toMatchObject({ ok: false, error: { message: expect.stringContaining(message) } });
  expect(await members()).toContain('six fd00::1');
});
