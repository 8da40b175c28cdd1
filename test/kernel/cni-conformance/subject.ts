import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { formatAddress, formatPrefix } from '@caracal/net';
import { type Link, openRouteSocket, type RouteSocket } from '@caracal/netlink';
import { createNetns, type Netns } from '../../support/netns.ts';
import { openIn } from '../../support/open-in.ts';
import { type PluginRun, runPlugin } from '../../support/run-plugin.ts';

/** A plugin under test: an executable, the namespace that it works in, and a configuration that it should accept. */
export interface Subject {
  readonly name: string;
  readonly program: string;
  /** CNI_PATH. */
  readonly path: string;
  /** The host, as far as the plugin sees. */
  readonly node: Netns;
  /** Whether it must be started there, because it does its work itself. */
  readonly startedInNode: boolean;
  /** Versions of the specification that it claims, oldest first; the last is what it is asked by default. */
  readonly versions: readonly string[];
  /** Of the plugin's own: what is not `cniVersion` and `name`. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** A field of the configuration that is known and cannot be honoured, of a plugin that has one. */
  readonly unsupported?: { readonly key: string; readonly value: string | number | boolean };
  /** The IPAM plugin that comes with it, executed as an interface plugin would. */
  readonly ipam: { readonly program: string; readonly configuration: Readonly<Record<string, unknown>> };
}

export interface Answer extends PluginRun {
  /** Standard output as JSON; undefined when it is something else. */
  readonly json: unknown;
}

export interface Call {
  /** Over the variables of the attachment; undefined leaves one out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Over the configuration of the subject. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /** In place of a configuration. */
  readonly stdin?: string;
}

export interface CniResult {
  readonly cniVersion: string;
  readonly interfaces: readonly { name: string; mac?: string; mtu?: number; sandbox?: string }[];
  readonly ips: readonly { version?: string; address: string; gateway?: string; interface?: number }[];
  readonly routes?: readonly { dst: string; gw?: string }[];
  readonly dns?: unknown;
}

export interface CniError {
  readonly cniVersion?: unknown;
  readonly code?: unknown;
  readonly msg?: unknown;
  readonly details?: unknown;
}

async function invoke(
  { node, startedInNode }: Subject,
  program: string,
  env: Readonly<Record<string, string>>,
  stdin: string,
): Promise<Answer> {
  const inNode: [string, ...string[]] = ['nsenter', `--net=${node.path}`, '--', program];
  const run = await runPlugin(startedInNode ? inNode : [program], env, stdin);
  return { ...run, json: parse(run.stdout) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One row's use of a subject: containers of its own, and all that it made is taken back at the end. */
export class Trial {
  readonly subject: Subject;
  readonly version: string;
  readonly #made: { readonly call: Call; readonly netns: Netns }[] = [];
  readonly #namespaces: Netns[] = [];
  #pod: Netns | undefined;
  #usedIpam = false;
  /** Of the container that calls are about unless they say otherwise. */
  readonly containerId = `c${randomBytes(8).toString('hex')}`;

  constructor(subject: Subject) {
    this.subject = subject;
    this.version = subject.versions.at(-1)!;
  }

  /** The container's namespace. */
  async pod(): Promise<Netns> {
    this.#pod ??= await this.namespace();
    return this.#pod;
  }

  async namespace(): Promise<Netns> {
    const netns = spare.pop() ?? (await createNetns('cni'));
    this.#namespaces.push(netns);
    return netns;
  }

  configuration(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return { cniVersion: this.version, name: 'conformance', ...this.subject.configuration, ...changes };
  }

  async call(command: string, call: Call = {}): Promise<Answer> {
    const { env, netns } = await this.#variables(command, call);
    if (command === 'ADD') this.#made.push({ call: { env: call.env, configuration: call.configuration }, netns });
    const stdin = call.stdin ?? JSON.stringify(this.configuration(call.configuration));
    return invoke(this.subject, this.subject.program, env, stdin);
  }

  /** Of the IPAM plugin by itself. */
  async callIpam(command: string, call: Call = {}): Promise<Answer> {
    const { program, configuration } = this.subject.ipam;
    const { env } = await this.#variables(command, call);
    if (command === 'ADD') this.#usedIpam = true;
    return invoke(
      this.subject,
      program,
      env,
      JSON.stringify(this.configuration({ ...configuration, ...call.configuration })),
    );
  }

  async #variables(command: string, call: Call): Promise<{ env: Record<string, string>; netns: Netns }> {
    const netns = await this.pod();
    const variables = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: this.containerId,
      CNI_NETNS: netns.path,
      CNI_IFNAME: 'eth0',
      CNI_PATH: this.subject.path,
      ...call.env,
    };
    const env = Object.fromEntries(
      Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    return { env, netns };
  }

  /** An ADD that must succeed. */
  async add(call: Call = {}): Promise<CniResult> {
    return success(await this.call('ADD', call));
  }

  /** The interface of the container. */
  async link(name: string): Promise<Link | undefined> {
    return inside(await this.pod(), (socket) => unwrap(socket.findLink(name)));
  }

  /** With their prefix lengths. */
  async addresses(name = 'eth0'): Promise<string[]> {
    return inside(await this.pod(), (socket) => {
      const link = unwrap(socket.findLink(name));
      if (!link) return [];
      const listed = unwrap(socket.listAddresses(link.index));
      return listed.map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength}`);
    });
  }

  /** Of the main table: the destination, and the gateway and the interface where there is one. */
  async routes(): Promise<{ dst: string; gw?: string; dev?: string }[]> {
    return inside(await this.pod(), (socket) => {
      const names = new Map(unwrap(socket.listLinks()).map(({ index, name }) => [index, name]));
      return unwrap(socket.listRoutes({ family: 4 })).map(({ prefix, nextHops: [hop] }) => ({
        dst: formatPrefix(prefix),
        gw: hop?.gateway && formatAddress(hop.gateway),
        dev: names.get(hop?.interfaceIndex ?? 0),
      }));
    });
  }

  /** The names of the host's interfaces. */
  async hostLinks(): Promise<string[]> {
    const links = inside(this.subject.node, (socket) => unwrap(socket.listLinks()));
    return links.map(({ name }) => name).sort();
  }

  async end(): Promise<void> {
    for (const { call } of this.#made.splice(0).reverse()) await this.call('DEL', call).catch(() => {});
    if (this.#usedIpam) await this.callIpam('DEL').catch(() => {});
    this.#usedIpam = false;
    for (const netns of this.#namespaces.splice(0)) await giveBack(netns);
    this.#pod = undefined;
  }
}

/** Namespaces that a row has left as they were new: making one costs more than most rows. */
const spare: Netns[] = [];

async function giveBack(netns: Netns): Promise<void> {
  try {
    const clean = inside(netns, (socket) => {
      const routes = unwrap(socket.listRoutes({ family: 4, table: 'all' })).length;
      return unwrap(socket.listLinks()).length === 1 && routes === 0;
    });
    if (clean) spare.push(netns);
    else await netns.remove();
  } catch {
    await netns.remove();
  }
}

export async function removeSpare(): Promise<void> {
  for (const netns of spare.splice(0)) await netns.remove();
}

/** Asks the kernel about a namespace, without a process. */
function inside<T>(netns: Netns, ask: (socket: RouteSocket) => T): T {
  const socket = openIn(netns, openRouteSocket);
  try {
    return ask(socket);
  } finally {
    socket.close();
  }
}

function unwrap<T>(result: { ok: true; value: T } | { ok: false; error: { message: string } }): T {
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

/** Holds an answer against "ADD Success": exit code 0, and one JSON object on standard output, nothing else. */
export function success(answer: Answer): CniResult {
  demand(answer.exitCode === 0, `exit code ${answer.exitCode}: ${answer.stdout}${answer.stderr}`);
  demand(isObject(answer.json), `standard output is no JSON object: ${JSON.stringify(answer.stdout)}`);
  // Its members are held against the specification by the rows.
  return answer.json as CniResult;
}

export function nothing(answer: Answer): void {
  demand(answer.exitCode === 0, `exit code ${answer.exitCode}: ${answer.stdout}${answer.stderr}`);
  demand(answer.stdout === '', `standard output is not empty: ${answer.stdout}`);
}

/** Holds an answer against "Errors" and "Error". */
export function failure(answer: Answer, code?: number, ...mentions: string[]): CniError {
  demand(answer.exitCode !== 0, `exit code 0: ${answer.stdout}`);
  demand(isObject(answer.json), `standard output is no JSON object: ${JSON.stringify(answer.stdout)}`);
  const error: CniError = answer.json as object;
  demand(typeof error.code === 'number', `"code" is no number: ${answer.stdout}`);
  demand(typeof error.msg === 'string' && error.msg !== '', `"msg" is no text: ${answer.stdout}`);
  if (code !== undefined) demand(error.code === code, `code ${error.code}, not ${code}: ${answer.stdout}`);
  const text = `${error.msg} ${error.details ?? ''}`;
  for (const mention of mentions) demand(text.includes(mention), `${mention} is not named: ${answer.stdout}`);
  return error;
}

export function demand(condition: boolean, complaint: string): asserts condition {
  if (!condition) throw new Error(complaint);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Debian's `ptp` with `host-local`, in a namespace of its own. */
export function ptp(node: Netns, dataDirectory: string): Subject {
  const folder = '/usr/lib/cni';
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: '198.18.0.0/24' }]],
    routes: [{ dst: '0.0.0.0/0' }],
    dataDir: dataDirectory,
  };
  return {
    name: 'ptp + host-local',
    program: join(folder, 'ptp'),
    path: folder,
    node,
    startedInNode: true,
    versions: ['0.3.0', '0.3.1', '0.4.0', '1.0.0'],
    configuration: { type: 'ptp', ipam },
    ipam: { program: join(folder, 'host-local'), configuration: { type: 'ptp', ipam } },
  };
}
