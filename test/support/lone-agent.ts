// A node by itself for tests: the real agent in a namespace, with the last good state and the blocks that a former run would
// have left on its disk, and no hub within reach. Starts in a second, because it needs neither hub nor database.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { isKind, specSchemas } from '@caracal/api';
import { installCni } from '@caracal/cni';
import { openJournal } from '@caracal/ipam';
import { type FeedItemSchema, FeedMessageSchema } from '@caracal/protocol';
import { openLastGood } from '../../apps/agent/feed/last-good.ts';
import { createNetns, type Netns } from './netns.ts';
import { createAuthority, issueCertificate } from './pki.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts';

const main = join(import.meta.dirname, '../../apps/agent/main.ts');
const startTimeoutMs = 120_000;

export interface LoneAgent {
  /** The node's namespace. */
  readonly netns: Netns;
  /** Holds `caracal` and `caracal-ipam`. */
  readonly cniBin: string;
  readonly socket: string;
  readonly spool: string;
  readonly stateDirectory: string;
  pid(): number | undefined;
  /** What it logged, a JSON object a line. */
  log(): string;
  start(env?: Readonly<Record<string, string>>): Promise<void>;
  /** Ends it and waits for that. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Ends it, removes its files and its namespace. */
  remove(): Promise<void>;
}

/** A pool and the block of it that is the node's. */
export interface LonePool {
  readonly name: string;
  readonly cidr: string;
  readonly block: string;
  readonly spec?: Readonly<Record<string, unknown>>;
}

export interface LoneAgentOptions {
  readonly pools?: readonly LonePool[];
  /** Further resources that the feed has told of. */
  readonly resources?: readonly { kind: string; namespace?: string; name: string; spec: object; apiVersion?: string }[];
  /** Merged over the agent's configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

const defaultPool: LonePool = { name: 'default', cidr: '10.65.0.0/16', block: '10.65.0.0/24' };

/** Prepares a node; starts nothing yet. */
export async function prepareLoneAgent(options: LoneAgentOptions = {}): Promise<LoneAgent> {
  const netns = await createNetns('lone');
  // What every node has: an address of its own, and a way out.
  await netns.run('ip', ['link', 'add', 'up0', 'address', '02:00:00:00:00:01', 'type', 'bridge']);
  await netns.run('ip', ['address', 'add', '192.0.2.1/24', 'dev', 'up0']);
  await netns.run('ip', ['link', 'set', 'up0', 'up']);
  await netns.run('ip', ['route', 'add', 'default', 'via', '192.0.2.254']);
  const folder = makeTemporaryFolder('lone');
  const path = (name: string) => join(folder, name);
  const stateDirectory = path('state');
  for (const each of [stateDirectory, path('run')]) await mkdir(each, { mode: 0o700 });
  const authority = await createAuthority();
  const own = await issueCertificate(authority, { organization: 'caracal:nodes', commonName: 'lone' });
  writeFileSync(path('ca.pem'), authority.ca);
  writeFileSync(path('node.pem'), own.cert);
  writeFileSync(path('node.key'), own.key, { mode: 0o600 });
  const { pools = [defaultPool], resources = [] } = options;
  await writeJournal(join(stateDirectory, 'ipam.journal'), pools);
  await writeFeed(join(stateDirectory, 'feed.last-good'), pools, resources);
  const socket = path('run/cni.sock');
  const spool = path('run/spool');
  const cniBin = path('bin');
  installCni({ folder: cniBin, socketPath: socket, spoolDirectory: spool });
  const config = {
    nodeName: 'lone',
    nodeAddress: '192.0.2.1',
    stateDirectory,
    runDirectory: path('run'),
    // The discard port of the namespace's own loopback: refused at once.
    hub: { addresses: ['127.0.0.1:9'], ca: path('ca.pem'), cert: path('node.pem'), key: path('node.key') },
    ...options.config,
  };
  writeFileSync(path('agent.json'), JSON.stringify(config));

  let child: ChildProcess | undefined;
  let log = '';
  const running = () => child !== undefined && child.exitCode === null && child.signalCode === null;

  async function stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!child || !running()) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  return {
    netns,
    cniBin,
    socket,
    spool,
    stateDirectory,
    pid: () => child?.pid,
    log: () => log,
    start: async (env = {}) => {
      // As the entry point of the image starts it.
      child = netns.spawn(process.execPath, ['--max-semi-space-size=2', main, 'run', '--config', path('agent.json')], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (chunk) => {
          log += chunk;
        });
      }
      for (const deadline = Date.now() + startTimeoutMs; !(await accepts(socket)); await sleep(20)) {
        if (!running()) throw new Error(`the agent ended: ${log}`);
        if (Date.now() > deadline) throw new Error(`the agent does not serve after ${startTimeoutMs} ms: ${log}`);
      }
    },
    stop,
    remove: async () => {
      await stop('SIGKILL');
      await netns.remove();
      removeTemporaryFolder(folder);
    },
  };
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(socketPath, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function writeJournal(path: string, pools: readonly LonePool[]): Promise<void> {
  const journal = await openJournal(path);
  const incarnation = '00000000-0000-4000-8000-000000000001';
  await journal.append([
    { type: 'node', node: 'lone', incarnation },
    ...pools.map(({ block, name }) => ({ type: 'block' as const, cidr: block, pool: name })),
  ]);
  await journal.close();
}

async function writeFeed(
  path: string,
  pools: readonly LonePool[],
  resources: NonNullable<LoneAgentOptions['resources']>,
): Promise<void> {
  const lastGood = openLastGood(path, 0, (error) => {
    throw error;
  });
  const resource = (value: (typeof resources)[number]): MessageInitShape<typeof FeedItemSchema> => ({
    item: {
      case: 'resource',
      value: {
        kind: value.kind,
        namespace: value.namespace ?? '',
        name: value.name,
        uid: `uid-${value.kind}-${value.name}`,
        labels: {},
        specJson: JSON.stringify(asStored(value.kind, value.spec)),
        apiVersion: value.apiVersion ?? 'caracal.network/v1',
      },
    },
  });
  const pool = ({ name, cidr, spec }: LonePool) =>
    resource({
      kind: 'IPPool',
      name,
      spec: {
        cidr,
        blockSize: cidr.includes(':') ? 120 : 24,
        natOutgoing: false,
        disabled: false,
        nodeSelector: 'all()',
        namespaceSelector: 'all()',
        assignmentMode: 'Automatic',
        allowedUses: ['Workload', 'Tunnel'],
        disableBGPExport: false,
        ipipMode: 'Never',
        vxlanMode: 'Never',
        ...spec,
      },
    });
  type Message = MessageInitShape<typeof FeedMessageSchema>['message'];
  const send = (message: Message & object, kind: 'snapshotBegin' | 'items' | 'commit') =>
    lastGood.append(toBinary(FeedMessageSchema, create(FeedMessageSchema, { message })), kind);
  send({ case: 'snapshotBegin', value: {} }, 'snapshotBegin');
  send({ case: 'items', value: { items: [...pools.map(pool), ...resources.map(resource)] } }, 'items');
  send({ case: 'commit', value: { revision: 1n, nonce: 1n } }, 'commit');
  await lastGood.close();
}

/** With its defaults, as the hub stores it; throws on what it would refuse. */
function asStored(kind: string, spec: object): unknown {
  if (!isKind(kind)) throw new Error(`there is no kind ${kind}`);
  return specSchemas[kind].parse(spec);
}
