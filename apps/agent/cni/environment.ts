import { z } from 'zod';
import { cniNamePattern, mac, requestedAddress } from './fields.ts';
import { type CniFailure, cniErrorCodes } from './pod-network.ts';

/** The environment variables of a CNI invocation (specification 1.1.0, section "Parameters"), validated. */
export interface CniEnvironment {
  readonly command: CniCommand;
  /** Empty for STATUS and GC only. */
  readonly containerId: string;
  readonly ifname: string;
  /** Absent for DEL when the container has none any more. */
  readonly netns?: string;
  /** The folders of CNI_PATH. */
  readonly path: readonly string[];
  /** CNI_ARGS, taken apart. */
  readonly args: ReadonlyMap<string, string>;
}

const commands = ['ADD', 'DEL', 'CHECK', 'STATUS', 'GC'] as const;
type CniCommand = (typeof commands)[number];

/** The kernel's IFNAMSIZ, less the final NUL. */
const maxIfnameLength = 15;

/** Reads the variables; a failure (code 4) names every one that is missing or invalid, and says what is allowed. */
export function parseEnvironment(
  variables: ReadonlyMap<string, string>,
): { ok: true; value: CniEnvironment } | CniFailure {
  const text = (name: string) => variables.get(name) ?? '';
  const command = commands.find((known) => known === text('CNI_COMMAND'));
  if (!command) {
    const given = variables.has('CNI_COMMAND') ? `"${text('CNI_COMMAND')}"` : 'missing';
    return invalid(`CNI_COMMAND is ${given}; it must be one of ${commands.join(', ')}, VERSION`);
  }
  const problems: string[] = [];
  const args = parseArgs(text('CNI_ARGS'));
  // What an ADD was refused for must not be in the way of the DEL that follows it.
  if (command === 'ADD') {
    if (!args) problems.push(`CNI_ARGS "${text('CNI_ARGS')}" is no list of the form KEY=VALUE;KEY=VALUE`);
    problems.push(...wrongWishes(args));
  }
  const containerId = text('CNI_CONTAINERID');
  const ifname = text('CNI_IFNAME');
  const netns = text('CNI_NETNS');
  if (command === 'ADD' || command === 'DEL' || command === 'CHECK') {
    if (!containerId) problems.push('CNI_CONTAINERID is missing');
    else if (!cniNamePattern.test(containerId)) {
      problems.push(
        `CNI_CONTAINERID "${containerId}" must start with a letter or digit and hold only those and "_", "." and "-"`,
      );
    }
    if (!ifname) problems.push('CNI_IFNAME is missing');
    else if (!isInterfaceName(ifname)) {
      problems.push(
        `CNI_IFNAME "${ifname}" is no interface name: at most ${maxIfnameLength} characters, ` +
          'not "." or "..", without "/", ":" and spaces',
      );
    }
    if (command !== 'DEL' && !netns) problems.push('CNI_NETNS is missing');
    else if (command !== 'DEL' && !netns.startsWith('/')) problems.push(`CNI_NETNS "${netns}" is no absolute path`);
  }
  // The only operation that requires it ("GC", Required environment parameters).
  if (command === 'GC' && !text('CNI_PATH')) problems.push('CNI_PATH is missing');
  const path = text('CNI_PATH').split(':').filter(Boolean);
  if (problems.length > 0) return invalid(problems.join('; '));
  return {
    ok: true,
    value: { command, containerId, ifname, netns: netns || undefined, path, args: args ?? new Map() },
  };
}

function invalid(message: string): CniFailure {
  return { ok: false, code: cniErrorCodes.invalidEnvironment, message };
}

function isInterfaceName(name: string): boolean {
  return Buffer.byteLength(name) <= maxIfnameLength && name !== '.' && name !== '..' && !/[/:\s]/.test(name);
}

/** What the pod asks for by CNI_ARGS (CONVENTIONS.md) and cannot have; empty is not asked. */
function wrongWishes(args: ReadonlyMap<string, string> | undefined): string[] {
  return Object.entries({ IP: requestedAddress, MAC: mac }).flatMap(([key, schema]) => {
    const value = args?.get(key);
    const parsed = value ? z.safeParse(schema, value) : undefined;
    return parsed?.error ? [`CNI_ARGS ${key}: ${parsed.error.issues.map(({ message }) => message).join('; ')}`] : [];
  });
}

function parseArgs(text: string): Map<string, string> | undefined {
  const args = new Map<string, string>();
  for (const pair of text.split(';')) {
    // An empty list, and a semicolon at the end, which runtimes leave.
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    if (equals < 1) return undefined;
    args.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return args;
}
