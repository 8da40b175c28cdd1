// The database over TLS, as the chart has hub and operator ask for it: PGSSLMODE=verify-full and an authority of the database's own.
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { createAuthority, issueCertificate } from '../support/pki.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const hub = fileURLToPath(new URL('../../apps/hub/main.ts', import.meta.url));
let folder: string;
let encrypted: Postgres;
let plain: Postgres;

beforeAll(async () => {
  folder = makeTemporaryFolder('tls');
  const [own, other] = await Promise.all([createAuthority(), createAuthority('Somebody else')]);
  const certificate = await issueCertificate(own, {
    organization: 'test',
    commonName: 'postgres',
    dnsNames: ['localhost'],
  });
  await writeFile(join(folder, 'ca.crt'), own.ca);
  await writeFile(join(folder, 'other.crt'), other.ca);
  // The server's own files: nobody's, as the server runs as nobody.
  const server = makeTemporaryFolder('tls-server');
  const files = { ssl_cert_file: join(server, 'tls.crt'), ssl_key_file: join(server, 'tls.key') };
  await writeFile(files.ssl_cert_file, certificate.cert);
  await writeFile(files.ssl_key_file, certificate.key, { mode: 0o600 });
  if (process.getuid?.() === 0) for (const path of [server, ...Object.values(files)]) await chown(path, 65534, 65534);
  encrypted = await startPostgres({ port: await freePort(), settings: { ssl: 'on', ...files } });
  plain = await startPostgres({ port: await freePort() });
  return () => removeTemporaryFolder(server);
}, 60_000);

afterAll(async () => {
  await encrypted?.destroy();
  await plain?.destroy();
  removeTemporaryFolder(folder);
}, 60_000);

/** What `hub migrate` says of a database, with an authority for its certificate. */
async function migrate(server: Postgres, host: string, authority: string) {
  const url = new URL(await server.tcpUrl());
  url.hostname = host;
  const env = {
    CARACAL_DATABASE_URL: url.href,
    PGSSLMODE: 'verify-full',
    NODE_EXTRA_CA_CERTS: join(folder, authority),
    NODE_NO_WARNINGS: '1',
  };
  const { exitCode, all } = await execa(process.execPath, [hub, 'migrate'], { env, all: true, reject: false });
  return { exitCode, all };
}

test('a server whose certificate is of the authority and has its name is trusted', async () => {
  expect(await migrate(encrypted, 'localhost', 'ca.crt')).toMatchObject({ exitCode: 0 });
});

test.each<[string, () => Promise<{ exitCode?: number; all: string }>, RegExp]>([
  ['of another name', () => migrate(encrypted, '127.0.0.1', 'ca.crt'), /does not match certificate's altnames/],
  ['of another authority', () => migrate(encrypted, 'localhost', 'other.crt'), /unable to verify|self-signed|issuer/],
  ['without a certificate', () => migrate(plain, 'localhost', 'ca.crt'), /does not support SSL/],
])('a server %s is not, and nothing is sent to it', async (_what, attempt, message) => {
  const { exitCode, all } = await attempt();
  expect(all).toMatch(message);
  expect(exitCode).toBe(1);
});
