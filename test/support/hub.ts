// A hub for tests: the real process, with a database and certificates made on the spot.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdminService, createHubTransport, type HubTransport, NodeService } from '@caracal/protocol';
import { type Client, createClient } from '@connectrpc/connect';
import { type Authority, createAuthority, issueCertificate } from './pki.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts';

const main = join(import.meta.dirname, '../../apps/hub/main.ts');
const startTimeoutMs = 120_000;

export interface TestHub {
  readonly authority: Authority;
  /** `unix:/path` */
  readonly address: string;
  /** What it wrote to standard output, a JSON object a line. */
  log(): string;
  pid(): number | undefined;
  start(): Promise<void>;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
  /** Health and metrics: status and body. */
  ops(path: string): Promise<{ status: number; body: string }>;
  untilReady(): Promise<void>;
  admin(): Promise<Client<typeof AdminService>>;
  node(name: string): Promise<Client<typeof NodeService>>;
  /** An administrator by whatever is given. */
  adminWith(identity: { cert?: string; key?: string; token?: () => string }): Client<typeof AdminService>;
  /** A node that shows a token in place of a certificate. */
  nodeWithToken(token: () => string): Client<typeof NodeService>;
  transport(organization: string, commonName: string): Promise<HubTransport>;
  /** Stops it, closes every client, removes its files. */
  destroy(): Promise<void>;
}

/** Prepares a hub on a unix socket (and more, by `config`) for a database; starts nothing yet. Replicas share an authority. */
export async function prepareHub(databaseUrl: string, config: object = {}, shared?: Authority): Promise<TestHub> {
  const folder = makeTemporaryFolder('hub');
  const path = (name: string) => join(folder, name);
  const authority = shared ?? (await createAuthority());
  const own = await issueCertificate(authority, {
    organization: 'caracal:hubs',
    commonName: 'hub',
    dnsNames: ['caracal-hub'],
  });
  await writeFile(path('ca.pem'), authority.ca);
  await writeFile(path('hub.pem'), own.cert);
  await writeFile(path('hub.key'), own.key, { mode: 0o600 });
  const complete = {
    listen: [{ socket: path('hub.sock') }],
    tls: { ca: path('ca.pem'), cert: path('hub.pem'), key: path('hub.key') },
    ops: { socket: path('ops.sock') },
    ...config,
  };
  await writeFile(path('hub.json'), JSON.stringify(complete));
  const transports: HubTransport[] = [];
  let child: ChildProcess | undefined;
  let log = '';

  const open = (identity: { cert?: string; key?: string; token?: () => string }) => {
    const opened = createHubTransport({ address: `unix:${path('hub.sock')}`, ca: authority.ca, ...identity });
    transports.push(opened);
    return opened;
  };
  const transport = async (organization: string, commonName: string) =>
    open(await issueCertificate(authority, { organization, commonName }));
  const ops = (url: string) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const asked = request({ socketPath: path('ops.sock'), path: url }, (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      asked.on('error', reject);
      asked.end();
    });
  const until = async (what: string, held: () => Promise<boolean>) => {
    for (const deadline = Date.now() + startTimeoutMs; !(await held()); await sleep(20)) {
      if (child && child.exitCode !== null) throw new Error(`the hub ended: ${log}`);
      if (Date.now() > deadline) throw new Error(`the hub is not ${what} after ${startTimeoutMs} ms: ${log}`);
    }
  };
  const end = async (signal: NodeJS.Signals) => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return null;
    const exited = once(child, 'exit');
    child.kill(signal);
    const [code] = await exited;
    return code as number | null; // the first argument of `exit`
  };

  return {
    authority,
    address: `unix:${path('hub.sock')}`,
    log: () => log,
    pid: () => child?.pid,
    start: async () => {
      child = spawn(process.execPath, [main, 'run', '--config', path('hub.json')], {
        env: { ...process.env, CARACAL_DATABASE_URL: databaseUrl },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (chunk) => {
          log += chunk;
        });
      }
      await until('listening', async () => (await ops('/healthz').catch(() => undefined))?.status === 200);
    },
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
    ops,
    untilReady: () => until('ready', async () => (await ops('/readyz')).status === 200),
    admin: async () => createClient(AdminService, await transport('caracal:admins', 'test')),
    adminWith: (identity) => createClient(AdminService, open(identity)),
    nodeWithToken: (token) => createClient(NodeService, open({ token })),
    node: async (name) => createClient(NodeService, await transport('caracal:nodes', name)),
    transport,
    destroy: async () => {
      for (const opened of transports) opened.close();
      await end('SIGKILL');
      removeTemporaryFolder(folder);
    },
  };
}
