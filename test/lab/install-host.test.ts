import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { createNetns, type Netns } from '../support/netns.ts';
import { issueCertificate } from '../support/pki.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { runPlugin } from '../support/run-plugin.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { caracal, unitCommands } from '../support/units.ts';
import { eventually } from './testing.ts';

/**
 * docs/install-host.md, carried out: its configurations and commands as they stand there, the units' commands with the units' rights. The
 * paths alone are others, and the hub listens on a unix socket instead of a port.
 */

const page = readFileSync(new URL('../../docs/install-host.md', import.meta.url), 'utf8');
let folder: string;
let postgres: Postgres;
let node: Netns;
let pod: Netns;
let hub: ChildProcess | undefined;
let agent: ChildProcess | undefined;
/** What each of them has printed, to be shown when a test fails. */
const logs = { hub: '', 'caracal-agent': '', 'caracal-bgp': '' };

const path = (name: string) => join(folder, name);
/** Where a path of the page lies here. */
const here = (text: string) =>
  text
    .replaceAll('/etc/caracal', path('etc'))
    .replaceAll('/var/lib/caracal', path('state'))
    .replaceAll('/run/caracal', path('run'))
    .replaceAll('/opt/cni/bin', path('bin'))
    .replaceAll('/etc/cni/net.d', path('net.d'))
    .replaceAll('hub.example.com:7443', `unix:${path('hub.sock')}`)
    .replaceAll('{ host: 0.0.0.0, port: 7443 }', `{ socket: ${path('hub.sock')} }`);

/** The page's file of that name, and what the tests add to it. */
function writeFromPage(name: string, more = ''): string {
  const text = new RegExp(`\`\`\`yaml\\n# (\\S*${name})\\n([^\`]*)\`\`\``).exec(page);
  if (!text) throw new Error(`the page has no ${name}`);
  const file = name === 'pool.yaml' ? path(name) : here(text[1]);
  writeFileSync(file, here(text[2]) + more);
  return file;
}

/** The command of the page that begins so, with what follows on its line. */
function fromPage(beginning: string): string[] {
  const line = page.split('\n').find((each) => each.startsWith(beginning));
  if (!line) throw new Error(`the page has no command ${beginning}`);
  const words = here(line.replace(/ [#>].*$/, ''))
    .replace('--token-file token', `--token-file ${path('token')}`)
    .replace('-f pool.yaml', `-f ${path('pool.yaml')}`);
  return caracal(words.split(' '));
}

const run = ([command, ...args]: readonly string[], env: Record<string, string> = {}) =>
  execa(command, args, { reject: false, env: { NODE_COMPILE_CACHE: '/var/cache/caracal/node', ...env } });

beforeAll(async () => {
  folder = makeTemporaryFolder('host');
  for (const name of ['etc', 'run', 'bin']) mkdirSync(path(name), { mode: 0o700 });
  postgres = await startPostgres({ port: await freePort() });
  node = await createNetns('host');
  pod = await createNetns('pod');
  await node.run('ip', ['link', 'add', 'up0', 'type', 'bridge']);
  await node.run('ip', ['address', 'add', '192.0.2.1/24', 'dev', 'up0']);
  await node.run('ip', ['link', 'set', 'up0', 'up']);
  await node.run('ip', ['route', 'add', 'default', 'via', '192.0.2.254']);
});

afterAll(async () => {
  hub?.kill('SIGKILL');
  await node?.remove();
  await pod?.remove();
  await postgres?.destroy();
  removeTemporaryFolder(folder);
});

/** As systemd would start the node's unit, in the node's namespace. */
function startUnit(name: 'caracal-agent' | 'caracal-bgp') {
  const [command, ...args] = unitCommands(name, here).main;
  const child = node.spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  keepLog(name, child);
  return child;
}

function keepLog(name: keyof typeof logs, child: ChildProcess): void {
  const keep = (chunk: Buffer) => {
    logs[name] += chunk;
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.once('exit', (code, signal) => keep(Buffer.from(`${name} ended: ${signal ?? code}\n`)));
}

/** Nobody can look at the processes afterwards. */
afterEach(({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const [name, text] of Object.entries(logs)) console.error(`--- ${name}\n${text}`);
});

const certificate = () => new X509Certificate(readFileSync(path('etc/node.pem')));

test('an authority is made once, and the hub runs with the rights of its unit', async () => {
  const made = await run(fromPage('caracal hub certificates'));
  expect(made).toMatchObject({ exitCode: 0 });
  const again = await run(fromPage('caracal hub certificates'));
  expect(again.stderr).toContain('has an authority already: nothing was made');
  writeFileSync(path('etc/database-url'), await postgres.tcpUrl());
  writeFromPage('hub.yaml');
  const unit = unitCommands('caracal-hub', here);
  for (const before of unit.before) expect(await run(before)).toMatchObject({ exitCode: 0 });
  const [command, ...args] = unit.main;
  hub = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  keepLog('hub', hub);
  writeFromPage('pool.yaml');
  const ctl = () =>
    run(fromPage('caracal ctl apply'), {
      CARACAL_HUB: `unix:${path('hub.sock')}`,
      CARACAL_CA: path('etc/pki/ca.pem'),
      CARACAL_CERT: path('etc/pki/admin.pem'),
      CARACAL_KEY: path('etc/pki/admin.key'),
    });
  await eventually('the pool is applied', async () => (await ctl()).exitCode === 0, 60_000);
});

/** SEC 2, "secp256r1". */
const orderOfP256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

test('a token lets in the node that it is for, in its time, once', async () => {
  writeFromPage('agent.yaml', `stateDirectory: ${path('state')}\nrunDirectory: ${path('run')}\nmachineId: ${folder}\n`);
  const makeToken = fromPage('caracal hub token');
  const enrol = async (token: readonly string[]) => {
    writeFileSync(path('token'), (await run(token)).stdout);
    return run(fromPage('caracal agent enrol'));
  };
  const other = makeToken.map((word) => (word === 'node-1' ? 'node-2' : word));
  expect((await enrol(other)).stderr).toContain('the token is for node node-2, and the configuration is for node-1');
  expect((await enrol([...makeToken, '--seconds', '0'])).stderr).toContain('the enrolment token expired');
  // Signed for another node, and changed for this one.
  const [name, claims, signature] = (await run(other)).stdout.split('.');
  const changed = Buffer.from(claims, 'base64url').toString().replace('node-2', 'node-1');
  writeFileSync(path('token'), [name, Buffer.from(changed).toString('base64url'), signature].join('.'));
  expect((await run(fromPage('caracal agent enrol'))).stderr).toContain('is not one of our authority');

  expect(await enrol(makeToken)).toMatchObject({ exitCode: 0, stdout: 'node node-1 is enrolled' });
  expect(certificate().subject).toBe('O=caracal:nodes\nCN=node-1');
  const days = (certificate().validToDate.getTime() - Date.now()) / 86_400_000;
  expect(Math.round(days)).toBe(90);

  // The same word once more, and with its signature written in the other way that is as good: (r, n − s) for (r, s).
  const { serialNumber } = certificate();
  const shownAgain = async () => (await run(fromPage('caracal agent enrol'))).stderr;
  expect(await shownAgain()).toContain('the enrolment token was used at');
  const [prefix, payload, written] = readFileSync(path('token'), 'utf8').trim().split('.');
  const bytes = Buffer.from(written, 'base64url');
  const otherS = orderOfP256 - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  bytes.write(otherS.toString(16).padStart(64, '0'), 32, 'hex');
  writeFileSync(path('token'), [prefix, payload, bytes.toString('base64url')].join('.'));
  expect(await shownAgain()).toContain('the enrolment token was used at');
  expect(certificate().serialNumber).toBe(serialNumber);
});

test('agent and speaker run with the rights of their units, and a pod starts', async () => {
  expect(
    await run(fromPage('caracal cni install').concat('--socket', path('run/cni.sock'), '--spool', path('run/spool'))),
  ).toMatchObject({ exitCode: 0 });
  startUnit('caracal-bgp');
  agent = startUnit('caracal-agent');
  const call = async (command: string) =>
    runPlugin(
      [path('bin/caracal')],
      {
        CNI_COMMAND: command,
        CNI_CONTAINERID: 'c1',
        CNI_NETNS: pod.path,
        CNI_IFNAME: 'eth0',
        CNI_PATH: path('bin'),
        CNI_ARGS: 'K8S_POD_NAMESPACE=default;K8S_POD_NAME=p1',
      },
      JSON.stringify({ cniVersion: '1.1.0', name: 'caracal', type: 'caracal' }),
    );
  let lastAnswer = 'none';
  const added = await eventually(
    'ADD succeeds',
    async () => {
      const answer = await call('ADD');
      lastAnswer = `${answer.exitCode} ${answer.stdout}`;
      return answer.exitCode === 0 && answer;
    },
    45_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}; the last answer: ${lastAnswer}`);
  });
  const [{ address }] = JSON.parse(added.stdout).ips;
  expect(address).toMatch(/^10\.244\./);
  expect((await node.try('ping', ['-c', '1', '-W', '5', address.split('/')[0]])).code).toBe(0);
  expect((await call('DEL')).exitCode).toBe(0);
  // Another network's installer.
  writeFileSync(path('bin/caracal'), '#!/bin/sh\nexit 1\n');
  await eventually('the plugin is back', async () => (await call('STATUS')).exitCode === 0);
});

test('a certificate is renewed in the last third of its life, for the same key, and the node is known by it', async () => {
  const authority = {
    ca: readFileSync(path('etc/pki/ca.pem'), 'utf8'),
    caKey: readFileSync(path('etc/pki/ca.key'), 'utf8'),
  };
  const old = await issueCertificate(authority, { organization: 'caracal:nodes', commonName: 'node-1', days: 0.2 });
  writeFileSync(path('etc/node.pem'), old.cert);
  writeFileSync(path('etc/node.key'), old.key);
  const former = agent;
  if (!former) throw new Error('there is no agent: the test before this one failed');
  former.kill('SIGTERM');
  await eventually('the agent ends', async () => former.exitCode !== null || former.signalCode !== null);
  expect(former.exitCode).toBe(0);
  logs['caracal-agent'] = '';
  agent = startUnit('caracal-agent');
  await eventually(
    'the certificate is another',
    async () => certificate().validToDate.getTime() - Date.now() > 80 * 86_400_000,
    30_000,
  );
  expect(certificate().publicKey.export({ type: 'spki', format: 'pem' })).toBe(
    new X509Certificate(old.cert).publicKey.export({ type: 'spki', format: 'pem' }),
  );
  // The line comes after the file, through a pipe.
  await eventually('the log says so', async () => logs['caracal-agent'].includes("the node's certificate was renewed"));
});
