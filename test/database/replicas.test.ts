// Two replicas of the hub, and the agents' own side of the feed: what ends at one goes on at the other.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { protocolVersion } from '@caracal/protocol';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FeedEntry } from '../../apps/agent/feed/entries.ts';
import { followFeed } from '../../apps/agent/feed/follow.ts';
import { connectHub } from '../../apps/agent/feed/hub.ts';
import { prepareHub, type TestHub } from '../support/hub.ts';
import { createAuthority, issueCertificate } from '../support/pki.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { useDatabase } from './support.ts';

const database = useDatabase();
const logger = pino({ level: 'silent' });
const agentCount = 6;
let folder: string;
let hubs: TestHub[] = [];
let agents: Agent[] = [];

interface Agent {
  readonly changes: { readonly snapshot: boolean; readonly entries: FeedEntry[] }[];
  connected(): boolean;
  revision(): bigint;
  stop(): Promise<void>;
}

const path = (name: string) => join(folder, name);

/** One speaks the version before: hubs are updated first. */
async function startAgent(i: number): Promise<Agent> {
  const changes: Agent['changes'] = [];
  let entries: FeedEntry[] = [];
  const feed = await followFeed({
    lastGoodPath: path(`feed-${i}`),
    logger,
    target: {
      begin: () => {
        entries = [];
      },
      take: (some) => void entries.push(...some),
      settle: () => true,
      end: ({ snapshot }) => void changes.push({ snapshot, entries }),
    },
    onSnapshotWanted: () => hub.restart(),
  });
  const hub = connectHub({
    credentials: { ca: path('ca.pem'), cert: path('node.pem'), key: path('node.key') },
    addresses: () => hubs.map(({ address }) => address),
    protocolVersion: i === 0 ? protocolVersion - 1 : protocolVersion,
    logger,
    position: feed.position,
    onFrame: feed.receive,
    onConnected: (connected) => {
      if (!connected) feed.interrupted();
    },
  });
  const stop = async () => {
    await hub.stop();
    await feed.close();
  };
  return { changes, connected: () => hub.connected, revision: () => feed.position().revision, stop };
}

beforeAll(async () => {
  folder = makeTemporaryFolder('replicas');
  const authority = await createAuthority();
  const node = await issueCertificate(authority, { organization: 'caracal:nodes', commonName: 'n' });
  await writeFile(path('ca.pem'), authority.ca);
  await writeFile(path('node.pem'), node.cert);
  await writeFile(path('node.key'), node.key);
  const spec = {
    nodeName: 'n',
    serviceAccountName: 's',
    ports: [{ name: 'http', protocol: 'TCP', containerPort: 80 }],
  };
  for (const name of ['x', 'y']) {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: 'a',
      name,
      uid: `uid-${name}`,
      labels: { app: name },
      spec,
    };
    await database.datastore.write({ op: 'resources', put: [pod] });
  }
  for (let i = 0; i < 2; i++) hubs.push(await prepareHub(database.postgres.urlFor('caracal_hub'), {}, authority));
  for (const hub of hubs) {
    await hub.start();
    await hub.untilReady();
  }
  agents = await Promise.all(Array.from({ length: agentCount }, (_, i) => startAgent(i)));
}, 120_000);

afterAll(async () => {
  for (const agent of agents) await agent.stop();
  for (const hub of hubs) await hub.destroy();
  hubs = [];
  if (folder) removeTemporaryFolder(folder);
}, 60_000);

async function until(what: string, held: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !held(); await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`not after a minute: ${what}`);
  }
}

const resources = (entries: readonly FeedEntry[]) => entries.filter((entry) => entry.case === 'resource');
const pods = (entries: readonly FeedEntry[]) => entries.flatMap((entry) => (entry.case === 'pod' ? entry.value : []));

test('agents move from one replica to the other as they drain, die and return, without a gap and without a second snapshot', async () => {
  let written = 0n;
  let writing = true;
  const writer = (async () => {
    for (let i = 0; writing; i++) {
      const namespace = { apiVersion: 'v1', kind: 'Namespace', namespace: '', name: `n${i}`, labels: {}, spec: {} };
      written = (await database.datastore.write({ op: 'resources', put: [namespace] })).revision;
      await sleep(5);
    }
  })();
  const allFollow = (what: string) =>
    until(what, () => agents.every((agent) => agent.connected() && agent.revision() >= written - 20n));
  await allFollow('all have their snapshot');
  const [first, second] = hubs;
  await first.stop();
  await allFollow('the first drained');
  await first.start();
  await first.untilReady();
  await second.kill();
  await allFollow('the second was killed');
  await second.start();
  await second.untilReady();
  await first.stop();
  await allFollow('the first drained again');
  writing = false;
  await writer;
  await until('all have the last change', () => agents.every((agent) => agent.revision() === written));
  for (const { changes } of agents) {
    expect(changes.filter(({ snapshot }) => snapshot)).toHaveLength(1);
    const names = changes.flatMap(({ entries }) =>
      entries.flatMap((entry) => (entry.case === 'resource' ? entry.value.name : [])),
    );
    // In the order in which they were written, each once; those of the snapshot are ordered by name.
    const inSnapshot = resources(changes[0].entries).length;
    const after = names.slice(inSnapshot).map((name) => Number(name.slice(1)));
    expect(after).toEqual(after.map((_, i) => inSnapshot + i));
    expect(names).toHaveLength(agents[0].changes.reduce((sum, { entries }) => sum + resources(entries).length, 0));
    // Whether they came in columns or one by one.
    expect(pods(changes[0].entries)).toEqual(
      ['x', 'y'].map((name) => ({
        namespace: 'a',
        name,
        uid: `uid-${name}`,
        node: 'n',
        serviceAccount: 's',
        labels: { app: name },
        ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
      })),
    );
  }
}, 180_000);

test('a version that is newer than the hub is refused, and the hub says what it speaks', async () => {
  await hubs[0].start();
  await hubs[0].untilReady();
  const client = await hubs[0].node('n');
  const reading = client.subscribe({ protocolVersion: protocolVersion + 1 })[Symbol.asyncIterator]();
  await expect(reading.next()).rejects.toThrow(
    `this hub speaks protocol version ${protocolVersion} and the one before`,
  );
}, 60_000);
