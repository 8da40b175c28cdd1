// Writers with slow overlapping transactions, watchers of the feed through two hubs, and a failover in their midst. Each writer counts in
// one resource of its own: so a watcher sees what it missed, and what came out of order.
import { chmod, rename, symlink } from 'node:fs/promises';
import { createServer, connect as openSocket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { migrate } from '@caracal/datastore';
import { createHubTransport, FeedMessageSchema, NodeService, protocolVersion } from '@caracal/protocol';
import { createClient } from '@connectrpc/connect';
import pg from 'pg';
import { prepareHub } from './hub.ts';
import { createAuthority, type IssuedCertificate, issueCertificate } from './pki.ts';
import { copyForStandby, type Postgres, startPostgres } from './postgres.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts';

export interface FeedSoakOptions {
  readonly writers: number;
  readonly watchers: number;
  /** Before the failover, and after it. */
  readonly seconds: number;
}

export interface FeedSoakCounts {
  readonly writes: number;
  readonly changesSeen: number;
  readonly snapshots: number;
  /** Streams that ended at some byte. */
  readonly cuts: number;
}

const installation = '/usr/lib/postgresql/15';
/** One watcher of so many has a line that breaks after some bytes, again and again. */
const cutShare = 4;
const largestCutBytes = 12_000;

interface Count {
  readonly epoch: number;
  readonly order: number;
}

/** Throws when a watcher missed something or saw it out of order, or ends with another state than the database. */
export async function runFeedSoak({ writers, watchers, seconds }: FeedSoakOptions): Promise<FeedSoakCounts> {
  const folder = makeTemporaryFolder('feed');
  await chmod(folder, 0o711);
  const closing: (() => unknown)[] = [() => removeTemporaryFolder(folder)];
  const server = (name: string) =>
    startPostgres({
      installation,
      dataDirectory: join(folder, name),
      socketDirectory: join(folder, `${name}-socket`),
      settings: { max_connections: '100' },
    });
  try {
    const primary = await server('primary');
    closing.push(() => primary.destroy());
    await migrate(primary.url);
    await copyForStandby(installation, primary, join(folder, 'standby'));
    const standby = await server('standby');
    closing.push(() => standby.destroy());
    // One address, behind which the server changes.
    const current = join(folder, 'current');
    const point = async (postgres: Postgres) => {
      await symlink(postgres.socketDirectory, `${current}.new`);
      await rename(`${current}.new`, current);
    };
    await point(primary);
    const urlFor = (role: string) =>
      primary.urlFor(role).replace(encodeURIComponent(primary.socketDirectory), encodeURIComponent(current));

    const authority = await createAuthority();
    const identity = await issueCertificate(authority, { organization: 'caracal:nodes', commonName: 'watcher' });
    const hubs: string[] = [];
    for (let i = 0; i < 2; i++) {
      const hub = await prepareHub(urlFor('caracal_hub'), {}, authority);
      closing.push(hub.destroy);
      await hub.start();
      await hub.untilReady();
      hubs.push(hub.address);
    }
    const cutter = { cuts: 0 };
    const cutting: string[] = [];
    for (const [i, address] of hubs.entries()) {
      const proxy = await startCutter(join(folder, `cut-${i}.sock`), address.slice('unix:'.length), cutter);
      closing.push(proxy.close);
      cutting.push(proxy.address);
    }
    const all = Array.from({ length: watchers }, (_, i) => {
      const lines = i % cutShare === 0 ? cutting : hubs;
      return new Watcher(`watcher ${i}`, [lines[i % 2], lines[(i + 1) % 2]], { ca: authority.ca, ...identity });
    });
    closing.push(() => Promise.all(all.map((watcher) => watcher.stop())));

    const stopping = new AbortController();
    const writing = Array.from({ length: writers }, (_, i) =>
      write(`w${i}`, i % 2 === 0, urlFor('postgres'), stopping.signal),
    );
    await sleep(seconds * 1000);
    await primary.kill();
    const promote = new pg.Client({ connectionString: standby.url });
    await promote.connect();
    await promote.query('SELECT pg_promote()');
    await promote.end();
    await point(standby);
    await sleep(seconds * 1000);
    stopping.abort();
    const writes = (await Promise.all(writing)).reduce((sum, count) => sum + count, 0);

    const client = new pg.Client({ connectionString: standby.url });
    await client.connect();
    const { rows } = await client.query<{ name: string; spec: Count }>(
      `SELECT name, spec FROM caracal.resource WHERE kind = 'NetworkSet' ORDER BY name`,
    );
    await client.end();
    const stored = JSON.stringify(rows.map(({ name, spec }) => [name, spec.epoch, spec.order]));
    for (const watcher of all) {
      for (const deadline = Date.now() + 60_000; watcher.state() !== stored; await sleep(100)) {
        if (Date.now() > deadline) throw new Error(`${watcher.name} has ${watcher.state()}, the database ${stored}`);
      }
      if (watcher.wrong.length > 0) throw new Error(watcher.wrong.join('\n'));
    }
    const sum = (of: (watcher: Watcher) => number) => all.reduce((total, watcher) => total + of(watcher), 0);
    return {
      writes,
      changesSeen: sum(({ seen }) => seen),
      snapshots: sum(({ snapshots }) => snapshots),
      cuts: cutter.cuts,
    };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Counts in its resource until the signal; slow ones hold the lock over a pause, and give some transactions up. */
async function write(name: string, slow: boolean, url: string, signal: AbortSignal): Promise<number> {
  let writes = 0;
  let epoch = 0;
  for (; !signal.aborted; epoch++) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000, query_timeout: 10_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      for (let order = 0; !signal.aborted; ) {
        const resource = { apiVersion: 'caracal.network/v1', kind: 'NetworkSet', namespace: 'soak', name, labels: {} };
        const request = JSON.stringify([{ op: 'resources', put: [{ ...resource, spec: { epoch, order } }] }]);
        const givesUp = slow && Math.random() < 0.3;
        if (slow) await client.query('BEGIN');
        await client.query('SELECT caracal.write($1::jsonb)', [request]);
        if (slow) {
          await sleep(Math.random() * 20);
          await client.query(givesUp ? 'ROLLBACK' : 'COMMIT');
        }
        if (!givesUp) order++;
        writes++;
        await sleep(Math.random() * 10);
      }
    } catch {
      await sleep(100); // whether the last one was stored nobody knows: it counts anew
    }
    await client.end().catch(() => {});
  }
  return writes;
}

/** A line to a hub that breaks after some bytes. */
async function startCutter(path: string, target: string, counter: { cuts: number }) {
  const proxy = createServer((inner) => {
    const outer = openSocket(target);
    let left = 4_000 + Math.random() * largestCutBytes;
    const end = () => {
      inner.destroy();
      outer.destroy();
    };
    for (const socket of [inner, outer]) socket.on('error', end).on('close', end);
    inner.pipe(outer);
    outer.on('data', (bytes: Buffer) => {
      inner.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left > 0) return;
      counter.cuts++;
      end();
    });
  });
  await new Promise<void>((resolve) => proxy.listen(path, resolve));
  return { address: `unix:${path}`, close: () => proxy.close() };
}

/** Follows as an agent does: what is committed counts, and after every break it resumes there, at the next hub. */
class Watcher {
  readonly name: string;
  readonly wrong: string[] = [];
  seen = 0;
  snapshots = 0;
  #counts = new Map<string, Count>();
  #position = { revision: 0n, nonce: 0n };
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor(name: string, addresses: readonly string[], identity: IssuedCertificate & { ca: string }) {
    this.name = name;
    this.#running = this.#run(addresses, identity);
  }

  state(): string {
    return JSON.stringify([...this.#counts].sort().map(([name, { epoch, order }]) => [name, epoch, order]));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(addresses: readonly string[], identity: IssuedCertificate & { ca: string }): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const transport = createHubTransport({ address: addresses[attempt % addresses.length], ...identity });
      try {
        const request = { protocolVersion, ...this.#position };
        let pending: [name: string, count: Count][] = [];
        let snapshot = false;
        for await (const { payload } of createClient(NodeService, transport).subscribe(request, { signal })) {
          const { message } = fromBinary(FeedMessageSchema, payload);
          if (message.case === 'snapshotBegin') {
            snapshot = true;
            pending = [];
          } else if (message.case === 'items') {
            for (const { item } of message.value.items) {
              if (item.case === 'resource') pending.push([item.value.name, JSON.parse(item.value.specJson)]);
            }
          } else if (message.case === 'commit') {
            this.#commit(pending, snapshot);
            this.#position = { revision: message.value.revision, nonce: message.value.nonce };
            pending = [];
            snapshot = false;
          }
        }
      } catch {
        // Every way in which a stream can end means the same.
      }
      transport.close();
      await sleep(20 + Math.random() * 50);
    }
  }

  #commit(changes: readonly [name: string, count: Count][], snapshot: boolean): void {
    if (snapshot) {
      this.snapshots++;
      this.#counts.clear();
    }
    const fresh = new Set<string>();
    for (const [name, count] of changes) {
      const before = this.#counts.get(name);
      const follows = before ? count.epoch === before.epoch && count.order === before.order + 1 : false;
      // A snapshot begins anywhere, and so does a writer that was interrupted; but it begins at its beginning.
      const begins = before ? count.epoch > before.epoch && count.order === 0 : count.order === 0;
      if (!follows && !begins && !(snapshot && !fresh.has(name))) {
        this.wrong.push(`${this.name}: after ${JSON.stringify(before)} of ${name} came ${JSON.stringify(count)}`);
      }
      fresh.add(name);
      this.#counts.set(name, count);
      this.seen++;
    }
  }
}
