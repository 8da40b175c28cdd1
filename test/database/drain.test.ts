import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { migrate } from '@caracal/datastore';
import { hubServerName, NodeService, protocolVersion } from '@caracal/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ReadersOrder } from '../bench/feed-readers.ts';
import { prepareHub, type TestHub } from '../support/hub.ts';
import { issueCertificate } from '../support/pki.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { childrenOf } from '../support/proc.ts';

/** A hub ends by SIGTERM, whoever does not answer then. */

const drainMs = 500;
let postgres: Postgres;
let hub: TestHub;
const cleanUp: (() => unknown)[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
  await migrate(postgres.url);
});

beforeEach(async () => {
  hub = await prepareHub(postgres.urlFor('caracal_hub'), { drainMs });
  await hub.start();
  await hub.untilReady();
});

afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
  await hub.destroy();
});

afterAll(() => postgres?.destroy());

const identity = () => issueCertificate(hub.authority, { organization: 'caracal:nodes', commonName: 'n1' });

/** The exit code; undefined when it did not end. */
const endsBySigterm = () => Promise.race([hub.stop(), sleep(15_000, undefined)]);

/** A process with so many streams, all of which have their snapshot. */
async function readers(count: number): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, '../bench/feed-readers.ts'), {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  cleanUp.push(() => child.kill('SIGKILL'));
  const order = { addresses: [hub.address], ca: hub.authority.ca, ...(await identity()), count, changes: 1 };
  child.send(order satisfies ReadersOrder);
  await once(child, 'message');
  return child;
}

/** Postgres as a machine that hangs: connections stand, and nothing answers. */
function freezePostgres(): void {
  const postmaster = postgres.pid()!;
  const pids = [postmaster, ...childrenOf(postmaster)];
  const tell = (signal: NodeJS.Signals) => {
    for (const pid of pids) process.kill(pid, signal);
  };
  tell('SIGSTOP');
  cleanUp.push(() => tell('SIGCONT'));
}

test('with clients and a database that are frozen', async () => {
  const frozen = await readers(10);
  await readers(10);
  frozen.kill('SIGSTOP');
  freezePostgres();
  // Somebody waits for the database in that moment.
  const asked = (await hub.node('n1')).recover({}).catch(() => {});
  await sleep(100);
  expect(await endsBySigterm()).toBe(0);
  await asked;
});

test('with clients that have said goodbye and keep their streams, and with some that vanish in that moment', async () => {
  const { cert, key } = await identity();
  const open = async (): Promise<ClientHttp2Session> => {
    const session = connect(`https://${hubServerName}`, {
      createConnection: () =>
        connectTls({
          path: hub.address.slice('unix:'.length),
          ca: hub.authority.ca,
          cert,
          key,
          servername: hubServerName,
          ALPNProtocols: ['h2'],
          minVersion: 'TLSv1.3',
        }),
    });
    session.on('error', () => {});
    cleanUp.push(() => session.destroy());
    const stream = session.request({
      ':method': 'POST',
      ':path': `/${NodeService.typeName}/${NodeService.method.subscribe.name}`,
      'content-type': 'application/connect+json',
      'connect-protocol-version': '1',
    });
    stream.on('error', () => {});
    const body = Buffer.from(JSON.stringify({ protocolVersion }));
    const envelope = Buffer.alloc(5);
    envelope.writeUInt32BE(body.length, 1);
    stream.end(Buffer.concat([envelope, body]));
    await once(stream, 'data');
    return session;
  };
  const leaving = await open();
  leaving.goaway(0);
  const vanishing = await readers(30);
  await sleep(100);
  vanishing.kill('SIGKILL');
  expect(await endsBySigterm()).toBe(0);
});
