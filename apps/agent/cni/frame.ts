/**
 * The framing between the CNI executable and the agent; its other side is apps/cni/stub.c. Integers are 32 bits,
 * little-endian. Request: length of environment, length of standard input, environment (KEY=VALUE, NUL-terminated),
 * standard input. Answer: exit code, length of standard output, length of standard error, standard output, standard error.
 */

/** What the runtime gave to the executable. */
export interface Invocation {
  /** CNI_* variables, and CARACAL_PLUGIN: the name that the executable was started by. */
  readonly environment: ReadonlyMap<string, string>;
  readonly stdin: string;
}

/** What the executable shall do: print and end with `exitCode`. */
export interface Reply {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr?: string;
}

const headerBytes = 8;
const maxEnvironmentBytes = 1 << 20;
const maxStdinBytes = 16 << 20;

export type ParsedFrame =
  | { readonly state: 'incomplete' }
  | { readonly state: 'invalid'; readonly message: string }
  | { readonly state: 'complete'; readonly invocation: Invocation };

/** Reads a request from the bytes received so far. */
export function parseFrame(bytes: Buffer): ParsedFrame {
  if (bytes.length < headerBytes) return { state: 'incomplete' };
  const environmentLength = bytes.readUInt32LE(0);
  const stdinLength = bytes.readUInt32LE(4);
  if (environmentLength > maxEnvironmentBytes || stdinLength > maxStdinBytes) {
    const limits = `${maxEnvironmentBytes} and ${maxStdinBytes}`;
    return { state: 'invalid', message: `lengths ${environmentLength} and ${stdinLength} are beyond ${limits} bytes` };
  }
  const stdinStart = headerBytes + environmentLength;
  const end = stdinStart + stdinLength;
  if (bytes.length < end) return { state: 'incomplete' };
  if (bytes.length > end) return { state: 'invalid', message: `${bytes.length - end} bytes too many` };
  const environment = new Map<string, string>();
  for (const variable of bytes.toString('utf8', headerBytes, stdinStart).split('\0')) {
    const equals = variable.indexOf('=');
    if (equals > 0) environment.set(variable.slice(0, equals), variable.slice(equals + 1));
  }
  return { state: 'complete', invocation: { environment, stdin: bytes.toString('utf8', stdinStart, end) } };
}

export function encodeReply({ exitCode, stdout, stderr = '' }: Reply): Buffer {
  const header = Buffer.allocUnsafe(12);
  header.writeUInt32LE(exitCode, 0);
  header.writeUInt32LE(Buffer.byteLength(stdout), 4);
  header.writeUInt32LE(Buffer.byteLength(stderr), 8);
  return Buffer.concat([header, Buffer.from(stdout + stderr)]);
}
