import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Address, parseAddress } from '../../libs/net/index.ts';
import { type Conntrack, type FlowFilter, openConntrack } from '../../libs/netlink/index.ts';
import { createNetns, type Netns } from '../support/netns.ts';
import { openIn } from '../support/open-in.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

let netns: Netns;
let conntrack: Conntrack;
const folder = makeTemporaryFolder('flows');
beforeAll(async () => {
  netns = await createNetns('flows');
  conntrack = openIn(netns, openConntrack);
});
afterAll(async () => {
  conntrack?.close();
  await netns?.remove();
  removeTemporaryFolder(folder);
});

const address = (text: string): Address => parseAddress(text)!;

interface Flow {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly sourcePort?: number;
  /** Who answers, when NAT has put somebody in the destination's place. */
  readonly answers?: string;
}

async function track(flows: readonly Flow[]): Promise<void> {
  const lines = flows.map(({ from, to, port, sourcePort = 40_000, answers = to }) => {
    const original = `--orig-port-src ${sourcePort} --orig-port-dst ${port}`;
    const reply = `--reply-port-src ${port} --reply-port-dst ${sourcePort}`;
    return `-I -s ${from} -d ${to} -r ${answers} -q ${from} -p udp ${original} ${reply} -t 600\n`;
  });
  const file = join(folder, 'flows');
  writeFileSync(file, lines.join(''));
  await netns.run('conntrack', ['-R', file]);
}

/** `from to port` of each flow of the original direction. */
async function tracked(): Promise<string[]> {
  const lists = await Promise.all(['ipv4', 'ipv6'].map((family) => netns.run('conntrack', ['-L', '-f', family])));
  const lines = lists.flatMap((list) => list.split('\n').filter((line) => line.includes('src=')));
  return lines.map((line) => /src=(\S+) dst=(\S+).*?dport=(\d+)/.exec(line)!.slice(1).join(' ')).sort();
}

beforeEach(() => netns.run('conntrack', ['-F']));

const flows: Flow[] = [
  { from: '10.1.0.1', to: '10.1.0.2', port: 53 },
  { from: '10.1.0.2', to: '10.1.0.1', port: 54 },
  { from: '10.1.0.3', to: '10.9.9.9', port: 55, answers: '10.1.0.1' },
  { from: '10.1.0.11', to: '10.1.0.2', port: 56 },
  { from: 'fd00::1', to: 'fd00::2', port: 57 },
  { from: 'fd00::2', to: 'fd00::1', port: 58 },
];
const all = ['10.1.0.1 10.1.0.2 53', '10.1.0.11 10.1.0.2 56', '10.1.0.2 10.1.0.1 54', '10.1.0.3 10.9.9.9 55'];
const all6 = ['fd00::1 fd00::2 57', 'fd00::2 fd00::1 58'];

test.each<[string, FlowFilter, string[]]>([
  ['a client', { family: 4, direction: 'original', source: address('10.1.0.1') }, ['10.1.0.1 10.1.0.2 53']],
  ['a server', { family: 4, direction: 'original', destination: address('10.1.0.1') }, ['10.1.0.2 10.1.0.1 54']],
  [
    'a server behind another address',
    { family: 4, direction: 'reply', source: address('10.1.0.1') },
    ['10.1.0.2 10.1.0.1 54', '10.1.0.3 10.9.9.9 55'],
  ],
  ['a client of IPv6', { family: 6, direction: 'original', source: address('fd00::1') }, ['fd00::1 fd00::2 57']],
  ['a server of IPv6', { family: 6, direction: 'reply', source: address('fd00::1') }, ['fd00::2 fd00::1 58']],
  ['a port', { family: 4, direction: 'original', protocol: 17, destinationPort: 56 }, ['10.1.0.11 10.1.0.2 56']],
  [
    'a port of one address',
    { family: 4, direction: 'original', destination: address('10.1.0.2'), protocol: 17, destinationPort: 53 },
    ['10.1.0.1 10.1.0.2 53'],
  ],
  ['a port of another protocol', { family: 4, direction: 'original', protocol: 6, destinationPort: 53 }, []],
  ['nobody', { family: 4, direction: 'original', source: address('10.1.0.99') }, []],
])('forgets the flows of %s, and no other', async (_what, filter, gone) => {
  await track(flows);
  expect(await tracked()).toEqual([...all, ...all6].sort());
  expect(await conntrack.deleteFlows([filter])).toEqual({ ok: true });
  expect(await tracked()).toEqual([...all, ...all6].filter((flow) => !gone.includes(flow)).sort());
});

test('several at once, of both families', async () => {
  await track(flows);
  const of = (text: string): FlowFilter => {
    const source = address(text);
    return { family: source.family, direction: 'original', source };
  };
  const filters = ['10.1.0.2', 'fd00::1', '10.1.0.11', 'fd00::2'].map(of);
  expect(await conntrack.deleteFlows(filters)).toEqual({ ok: true });
  expect(await tracked()).toEqual(['10.1.0.1 10.1.0.2 53', '10.1.0.3 10.9.9.9 55']);
});

test('of many flows one filter after another: the kernel looks for them', async () => {
  const many = Array.from({ length: 9_000 }, (_, i) => ({
    from: '10.1.0.4',
    to: '10.1.0.5',
    port: 53 + (i % 3),
    sourcePort: 1000 + Math.floor(i / 3),
  }));
  await track([...many, ...flows]);
  const of = (text: string): FlowFilter => ({ family: 4, direction: 'original', source: address(text) });
  const ipv6: FlowFilter = { family: 6, direction: 'original', source: address('fd00::1') };
  expect(await conntrack.deleteFlows([of('10.1.0.2'), of('10.1.0.11'), ipv6])).toEqual({ ok: true });
  const left = await tracked();
  expect(left).toHaveLength(many.length + 3);
  expect(left.filter((flow) => !flow.startsWith('10.1.0.4'))).toEqual([all[0], all[3], all6[1]]);
});

test('more flows than one answer of the kernel holds', async () => {
  const many = Array.from({ length: 1_500 }, (_, i) => ({
    from: '10.1.0.1',
    to: '10.1.0.2',
    port: 53,
    sourcePort: 1000 + i,
  }));
  await track([...many, flows[3]]);
  expect(await tracked()).toHaveLength(many.length + 1);
  const filter = { family: 4, direction: 'original', source: address('10.1.0.1') } as const;
  expect(await conntrack.deleteFlows([filter])).toEqual({ ok: true });
  expect(await tracked()).toEqual(['10.1.0.11 10.1.0.2 56']);
});
