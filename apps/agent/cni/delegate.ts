import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import type { CniResult } from './configuration-schema.ts';
import type { Invocation } from './frame.ts';
import { parseResult } from './network-configuration.ts';
import { type CniFailure, cniErrorCodes } from './pod-network.ts';

/** A delegated plugin that does not end is killed: an ADD waits for it. */
const timeoutMs = 60_000;

export type Delegated =
  | { readonly ok: true; readonly result?: CniResult; readonly stderr: string }
  | (CniFailure & { readonly stderr: string });

/**
 * Executes a delegated plugin (specification 1.1.0, section 4): looked up in the folders of CNI_PATH, with the environment and the
 * configuration that we received. `command` is CNI_COMMAND, which differs from ours when a failed ADD is undone. When `signal` aborts it
 * is killed.
 */
export function delegate(
  type: string,
  command: string,
  { environment, stdin }: Invocation,
  path: readonly string[],
  signal?: AbortSignal,
): Promise<Delegated> {
  const program = path.map((folder) => join(folder, type)).find(isExecutable);
  if (!program) {
    const message = `ipam.type: there is no plugin ${type} in CNI_PATH (${path.join(':') || 'empty'})`;
    return Promise.resolve({ ok: false, code: cniErrorCodes.invalidNetworkConfig, message, stderr: '' });
  }
  const variables = [...environment].filter(([name]) => name.startsWith('CNI_'));
  const env = { PATH: process.env.PATH, ...Object.fromEntries(variables), CNI_COMMAND: command };
  return new Promise((resolve) => {
    const child = spawn(program, [], { env, timeout: timeoutMs, killSignal: 'SIGKILL', signal });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdin.on('error', () => {}); // it may end without reading
    child.stdin.end(stdin);
    const failed = (error: Error) =>
      resolve({ ok: false, code: cniErrorCodes.tryAgainLater, message: `${program}: ${error.message}`, stderr });
    child.once('error', failed);
    child.once('close', (code) =>
      resolve({ ...(code === 0 ? read(type, command, stdout) : refusal(type, stdout)), stderr }),
    );
  });
}

function read(type: string, command: string, stdout: string): { ok: true; result?: CniResult } | CniFailure {
  if (command !== 'ADD') return { ok: true };
  const parsed = parseResult(parse(stdout), `the result of ${type}`);
  if (!parsed.ok) return { ...parsed, code: cniErrorCodes.decodingFailure };
  if (parsed.result.ips.length > 0) return parsed;
  return { ok: false, code: cniErrorCodes.decodingFailure, message: `the result of ${type} has no address` };
}

/** Passes on what it printed as its error. */
function refusal(type: string, stdout: string): CniFailure {
  const error = parse(stdout);
  const fields: { code?: unknown; msg?: unknown; details?: unknown } = typeof error === 'object' && error ? error : {};
  return {
    ok: false,
    code: typeof fields.code === 'number' ? fields.code : cniErrorCodes.tryAgainLater,
    message: `${type}: ${typeof fields.msg === 'string' ? fields.msg : 'failed without an error on standard output'}`,
    ...(typeof fields.details === 'string' && fields.details && { details: fields.details }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
