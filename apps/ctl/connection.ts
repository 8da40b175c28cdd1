/** Reaching the hub, and what to say when that fails. */
import { readFileSync } from 'node:fs';
import type { AdminService } from '@caracal/protocol';
import type { Client } from '@connectrpc/connect';
import { CommandError, exitCodes, type Io, usageError } from './io.ts';

/** The global options of the command line, each in place of an environment variable. */
export interface ConnectionOptions {
  readonly hub?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly caracalNamespace?: string;
  readonly timeout?: string;
}

export type Hub = Client<typeof AdminService>;

const files = [
  ['ca', 'CARACAL_CA', "the certificate of the authority that signed the hub's"],
  ['cert', 'CARACAL_CERT', 'your certificate (organisation caracal:admins)'],
  ['key', 'CARACAL_KEY', 'its key'],
] as const;

/** Runs `work` with a client of the hub, and closes the connection after it. Failures of calls become a CommandError with the right exit code. */
export async function withHub<T>(options: ConnectionOptions, io: Io, work: (hub: Hub) => Promise<T>): Promise<T> {
  const timeoutMs = timeoutOf(options.timeout);
  const { address, ca, cert, key, close } = await access(options, io);
  // Loaded here, so that what needs no hub does not wait for it.
  const [{ createClient }, { AdminService, createHubTransport }] = await Promise.all([
    import('@connectrpc/connect'),
    import('@caracal/protocol'),
  ]);
  const transport = transportTo(address, () => createHubTransport({ address, ca, cert, key }));
  try {
    const hub = createClient(AdminService, {
      ...transport,
      unary: (method, signal, timeout, header, input, contextValues) =>
        transport.unary(method, signal, timeout ?? timeoutMs, header, input, contextValues),
    });
    return await work(hub);
  } catch (error) {
    throw error instanceof CommandError ? error : ((await explainCallError(error, address)) ?? error);
  } finally {
    transport.close();
    close();
  }
}

interface Access {
  readonly address: string;
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
  close(): void;
}

/** A hub that is named comes first; then, with a kubeconfig, the hubs of that cluster. */
async function access(options: ConnectionOptions, io: Io): Promise<Access> {
  const address = options.hub ?? io.env.CARACAL_HUB;
  const { kubeconfig } = options;
  if (kubeconfig !== undefined || (!address && (io.env.KUBECONFIG || io.env.CARACAL_FROM_KUBECTL))) {
    if (kubeconfig !== undefined && options.hub !== undefined) throw usageError('use one of --hub and --kubeconfig');
    const { findClusterHub } = await import('./cluster.ts');
    const namespace = options.caracalNamespace ?? 'caracal-system';
    return findClusterHub({ kubeconfig, context: options.context, namespace });
  }
  if (!address) {
    throw usageError(
      'no hub is named: set CARACAL_HUB to unix:/PATH or https://HOST:PORT, and CARACAL_CA, CARACAL_CERT and CARACAL_KEY to files\n' +
        '(or --hub, --ca, --cert, --key; for a lab: eval "$(npm run -s lab -- env)"; for a cluster: --kubeconfig FILE)',
    );
  }
  const [ca, cert, key] = files.map(([name, variable, what]) =>
    readPem(options[name] ?? io.env[variable], name, variable, what),
  ) as [Buffer, Buffer, Buffer]; // of three files
  return { address, ca, cert, key, close: () => {} };
}

function transportTo<T>(address: string, create: () => T): T {
  try {
    return create();
  } catch (error) {
    throw usageError(`${error instanceof Error ? error.message : error} (CARACAL_HUB or --hub is ${address})`);
  }
}

function readPem(path: string | undefined, name: string, variable: string, what: string): Buffer {
  if (!path) throw usageError(`${variable} is not set: it names the file with ${what} (or use --${name} FILE)`);
  let pem: Buffer;
  try {
    pem = readFileSync(path);
  } catch (error) {
    throw usageError(`${variable}: cannot read ${path}, ${what}: ${error instanceof Error ? error.message : error}`);
  }
  if (!pem.includes('-----BEGIN')) throw usageError(`${variable}: ${path} is no PEM file; it should hold ${what}`);
  return pem;
}

function timeoutOf(text = '30'): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 3600)) throw usageError(`--timeout ${text}: give seconds, from 1 to 3600`);
  return seconds * 1000;
}

/** What a failed call means for the person at the terminal; undefined for errors that are none of a call. */
async function explainCallError(error: unknown, address: string): Promise<CommandError | undefined> {
  const { Code, ConnectError } = await import('@connectrpc/connect');
  if (!(error instanceof ConnectError)) return undefined;
  const unreachable = (why: string) =>
    new CommandError(`cannot reach the hub at ${address}: ${why}`, exitCodes.unreachable);
  const cause = errorCode(error.cause);
  if (cause === 'ENOENT') return unreachable('there is no such socket. Is the hub running, and is the path right?');
  if (cause === 'ECONNREFUSED')
    return unreachable('the connection was refused. Is the hub running, and is the address right?');
  if (cause === 'EACCES') return unreachable('you may not use the socket. Run as the user that owns it');
  if (cause === 'ENOTFOUND') return unreachable('there is no such host');
  if (
    cause?.startsWith('ERR_TLS') ||
    cause?.includes('CERT') ||
    cause?.includes('SELF_SIGNED') ||
    cause?.startsWith('UNABLE_TO')
  ) {
    return unreachable(`its certificate was not accepted (${error.rawMessage}). Is CARACAL_CA that of this hub?`);
  }
  if (cause?.startsWith('ERR_SSL'))
    return unreachable(`TLS failed (${error.rawMessage}). Is your certificate one of this hub's authority?`);
  if (cause) return unreachable(error.rawMessage);
  switch (error.code) {
    case Code.DeadlineExceeded:
      return unreachable('it did not answer in time. Raise --timeout, or look at the log of the hub');
    case Code.Canceled:
      return unreachable('the connection ended during the call. Look at the log of the hub, then try again');
    case Code.PermissionDenied:
    case Code.Unauthenticated:
      return new CommandError(`the hub refused: ${error.rawMessage}. Use a certificate of organisation caracal:admins`);
    case Code.Unavailable:
      return new CommandError(
        `the hub cannot answer now: ${error.rawMessage}. Is its database up? Try again then`,
        exitCodes.unreachable,
      );
    default:
      return new CommandError(`the hub refused: ${error.rawMessage}`);
  }
}

function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
