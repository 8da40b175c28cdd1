import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { migrate } from '@caracal/datastore';
import { expect, test } from 'vitest';
import type { AskingOrder } from '../support/asking-client.ts';
import { prepareHub } from '../support/hub.ts';
import { issueCertificate } from '../support/pki.ts';
import { startPostgres } from '../support/postgres.ts';

test('a hub that answers no ping ends nobody who asks it again at once', async () => {
  const cleanUp: (() => unknown)[] = [];
  try {
    const postgres = await startPostgres();
    cleanUp.push(() => postgres.destroy());
    await migrate(postgres.url);
    const hub = await prepareHub(postgres.urlFor('caracal_hub'));
    cleanUp.push(() => hub.destroy());
    await hub.start();
    await hub.untilReady();

    const client = fork(join(import.meta.dirname, '../support/asking-client.ts'), { silent: true });
    cleanUp.push(() => client.kill('SIGKILL'));
    let errors = '';
    client.stderr?.on('data', (chunk) => {
      errors += chunk;
    });
    const ended = once(client, 'exit').then(() => Promise.reject(new Error(`the client ended: ${errors}`)));
    ended.catch(() => {});
    const said = async (wanted: RegExp) => {
      for (;;) {
        const [message] = await Promise.race([once(client, 'message'), ended]);
        if (wanted.test(message)) return;
      }
    };
    const identity = await issueCertificate(hub.authority, { organization: 'caracal:nodes', commonName: 'n1' });
    client.send({ address: hub.address, ca: hub.authority.ca, ...identity } satisfies AskingOrder);
    await said(/answered/);

    process.kill(hub.pid()!, 'SIGSTOP');
    cleanUp.push(() => process.kill(hub.pid()!, 'SIGCONT'));
    await said(/PING timed out/);
    process.kill(hub.pid()!, 'SIGCONT');
    await said(/answered/);
    expect(client.exitCode).toBeNull();
  } finally {
    for (const clean of cleanUp.reverse()) await clean();
  }
}, 60_000);
