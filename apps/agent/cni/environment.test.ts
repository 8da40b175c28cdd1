import { expect, test } from 'vitest';
import { parseEnvironment } from './environment.ts';

const add = { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'c1', CNI_NETNS: '/run/netns/x', CNI_IFNAME: 'eth0' };

function parse(changes: Record<string, string | undefined>) {
  const variables = Object.entries({ ...add, ...changes }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return parseEnvironment(new Map(variables));
}

test('reads a valid environment', () => {
  expect(parse({ CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=a=b;' })).toEqual({
    ok: true,
    value: {
      command: 'ADD',
      containerId: 'c1',
      ifname: 'eth0',
      netns: '/run/netns/x',
      path: [],
      args: new Map([
        ['IgnoreUnknown', '1'],
        ['K8S_POD_NAME', 'a=b'],
      ]),
    },
  });
  expect(parse({ CNI_COMMAND: 'DEL', CNI_NETNS: undefined })).toMatchObject({ ok: true });
  expect(parse({ CNI_ARGS: 'IP=;MAC=' })).toMatchObject({ ok: true });
  // An ADD was refused for them, and its container must be able to go.
  for (const CNI_ARGS of ['novalue', 'IP=x'])
    expect(parse({ CNI_COMMAND: 'DEL', CNI_ARGS })).toMatchObject({ ok: true });
  expect(parseEnvironment(new Map([['CNI_COMMAND', 'STATUS']]))).toMatchObject({ ok: true });
});

test.each([
  [{ CNI_COMMAND: undefined }, 'CNI_COMMAND is missing'],
  [{ CNI_COMMAND: 'add' }, 'CNI_COMMAND is "add"'],
  [{ CNI_CONTAINERID: undefined }, 'CNI_CONTAINERID is missing'],
  [{ CNI_CONTAINERID: '-a' }, 'CNI_CONTAINERID "-a"'],
  [{ CNI_CONTAINERID: 'a/b' }, 'CNI_CONTAINERID "a/b"'],
  [{ CNI_IFNAME: '' }, 'CNI_IFNAME is missing'],
  [{ CNI_IFNAME: 'sixteen-letters.' }, 'CNI_IFNAME "sixteen-letters."'],
  [{ CNI_IFNAME: '..' }, 'CNI_IFNAME ".."'],
  [{ CNI_IFNAME: 'a b' }, 'CNI_IFNAME "a b"'],
  [{ CNI_IFNAME: 'a:b' }, 'CNI_IFNAME "a:b"'],
  [{ CNI_NETNS: undefined }, 'CNI_NETNS is missing'],
  [{ CNI_COMMAND: 'CHECK', CNI_NETNS: '' }, 'CNI_NETNS is missing'],
  [{ CNI_COMMAND: 'GC' }, 'CNI_PATH is missing'],
  [{ CNI_NETNS: 'netns' }, 'CNI_NETNS "netns"'],
  [{ CNI_ARGS: 'novalue' }, 'CNI_ARGS "novalue"'],
  [{ CNI_ARGS: 'IP=10.65.0.300' }, 'CNI_ARGS IP: "10.65.0.300" is no address'],
  [{ CNI_ARGS: 'IP=10.65.0.3/33' }, 'CNI_ARGS IP: "10.65.0.3/33" is no address'],
  [{ CNI_ARGS: 'MAC=01:00:5e:00:00:01' }, 'CNI_ARGS MAC: must be a unicast MAC'],
  [{ CNI_CONTAINERID: '', CNI_IFNAME: '' }, 'CNI_CONTAINERID is missing; CNI_IFNAME is missing'],
])('%o is refused with code 4, naming the variable', (changes, message) => {
  expect(parse(changes)).toMatchObject({ ok: false, code: 4, message: expect.stringContaining(message) });
});
