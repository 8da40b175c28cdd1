import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { applyResources, labelPod } from './admin.ts';
import { birdc, startBird, stopBird } from './bird.ts';
import { app, baseEnv, run } from './commands.ts';
import { openDatabase } from './database.ts';
import { hubPid, killHub, startHub, stopHub } from './hub.ts';
import { inNetns } from './namespaces.ts';
import { endNodeProcess, type NodeProcess, startNodeProcess } from './nodes.ts';
import { credentials } from './pki.ts';
import { addPod, type CniAnswer, callCni, deletePod, findNode, findPod, type PodOptions } from './pods.ts';
import { listPods, type PodRecord, writePod } from './state.ts';
import { type LabStatus, labStatus } from './status.ts';
import type { Topology } from './topology.ts';
import { dismantleLab } from './up.ts';

/** A node's name, `client`, `tor`, `hub`, or a pod as NAME or NAMESPACE/NAME. A node goes before a pod of its name. */
export type Place = string;

interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A part that can be started and ended; each call answers when it is done, and whether it changed anything. */
export interface Part {
  /** Answers when it accepts connections. */
  start(): Promise<void>;
  /** An orderly end; SIGKILL after ten seconds. */
  stop(): Promise<boolean>;
  /** SIGKILL. */
  kill(): Promise<boolean>;
}

export interface Lab {
  readonly name: string;
  readonly topology: Topology;
  /** What `lab status --json` prints. */
  status(): Promise<LabStatus>;
  readonly pod: {
    /** Rejects with the CNI error's text when ADD fails; then nothing of the pod is left. */
    add(options: PodOptions): Promise<PodRecord>;
    /** Through the hub; an empty value removes the label. Answers when it is stored. */
    label(pod: string, labels: Readonly<Record<string, string>>): Promise<void>;
    /** DEL, then the namespace. */
    remove(pod: string): Promise<void>;
    list(): Promise<PodRecord[]>;
    /** One more call of the CNI executable for a pod. */
    cni(pod: string, command: 'ADD' | 'DEL' | 'CHECK'): Promise<CniAnswer>;
  };
  agent(node: string): Part;
  bgp(node: string): Part;
  readonly hub: Part;
  readonly database: Part;
  readonly router: Omit<Part, 'kill'>;
  /** Processes that no node has: the hub's and the database's first, as far as they run. */
  serverPids(): Promise<number[]>;
  /** Runs a command in a namespace; rejects only when it cannot be started. */
  exec(place: Place, command: string, args: readonly string[], options?: ExecOptions): Promise<CommandResult>;
  /** Starts a command in a namespace, for the caller to end; `down` ends it at the latest. */
  spawn(place: Place, command: string, args: readonly string[], options?: SpawnOptions): Promise<ChildProcess>;
  /** Runs caracalctl with `env()`. */
  ctl(args: readonly string[], options?: ExecOptions): Promise<CommandResult>;
  /** What BIRD answers. */
  birdc(command: string): Promise<string>;
  /** Applies documents through the hub, all or none: answers with the revision, or rejects with the problems. */
  apply(documents: readonly object[]): Promise<bigint>;
  /** What caracalctl needs to reach the hub. */
  env(): Record<string, string>;
  down(): Promise<void>;
}

interface ExecOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

export function createLab(topology: Topology): Lab {
  const { name } = topology;
  const env = () => {
    const { ca, cert, key } = credentials(topology, 'admin');
    return { CARACAL_HUB: `unix:${topology.hub.socket}`, CARACAL_CA: ca, CARACAL_CERT: cert, CARACAL_KEY: key };
  };
  const part = (kind: NodeProcess, nodeName: string): Part => {
    const node = findNode(topology, nodeName);
    return {
      start: () => startNodeProcess(topology, node, kind),
      stop: () => endNodeProcess(topology, node, kind, 'SIGTERM'),
      kill: () => endNodeProcess(topology, node, kind, 'SIGKILL'),
    };
  };
  return {
    name,
    topology,
    status: () => labStatus(topology),
    pod: {
      add: (options) => addPod(topology, options),
      label: async (reference, labels) => {
        const pod = await findPod(topology, reference);
        await labelPod(topology, pod, labels);
        const merged = Object.entries({ ...pod.labels, ...labels }).filter(([, value]) => value !== '');
        await writePod(name, { ...pod, labels: Object.fromEntries(merged) });
      },
      remove: async (reference) => deletePod(topology, await findPod(topology, reference)),
      list: () => listPods(name),
      cni: async (reference, command) => callCni(topology, await findPod(topology, reference), command),
    },
    agent: (node) => part('agent', node),
    bgp: (node) => part('bgp', node),
    hub: {
      start: async () => startHub(topology, (await openDatabase(topology)).url),
      stop: () => stopHub(topology),
      kill: () => killHub(topology),
    },
    database: databasePart(topology),
    router: { start: () => startBird(topology), stop: () => stopBird(topology) },
    serverPids: async () => {
      const pids = [await hubPid(topology), (await openDatabase(topology)).pid()];
      return pids.filter((pid) => pid !== undefined);
    },
    exec: async (place, command, args, options) =>
      finish(...inNetns(await placeNetns(topology, place), command, args), options),
    spawn: async (place, command, args, options = {}) => {
      const [file, words] = inNetns(await placeNetns(topology, place), command, args);
      return spawn(file, words, { ...options, env: { ...process.env, PATH: baseEnv.PATH, ...options.env } });
    },
    ctl: (args, options) => {
      const [command, ...words] = app('ctl');
      return finish(command, [...words, ...args], options, env());
    },
    birdc: (command) => birdc(topology, command),
    apply: (documents) => applyResources(topology, documents),
    env,
    down: async () => {
      await dismantleLab(name);
    },
  };
}

/** The network namespace of a place in the lab. */
export async function placeNetns(topology: Topology, place: Place): Promise<string> {
  const fixed = { client: topology.client, tor: topology.router, hub: topology.hub };
  if (Object.hasOwn(fixed, place)) return fixed[place as keyof typeof fixed].netns; // hasOwn has just said that it is a key
  const node = topology.nodeList.find((candidate) => candidate.name === place);
  return node?.netns ?? (await findPod(topology, place)).netns;
}

function databasePart(topology: Topology): Part {
  const end = (how: 'stop' | 'kill') => async () => {
    const postgres = await openDatabase(topology);
    const ran = postgres.pid() !== undefined;
    await postgres[how]();
    return ran;
  };
  return { start: async () => (await openDatabase(topology)).start(), stop: end('stop'), kill: end('kill') };
}

async function finish(
  command: string,
  args: readonly string[],
  options: ExecOptions = {},
  env: Record<string, string> = {},
): Promise<CommandResult> {
  const result = await run(command, args, {
    input: options.input ?? '',
    env,
    timeout: options.timeoutMs,
    forceKillAfterDelay: 500,
    reject: false,
  });
  if (result.exitCode === undefined && !result.isTerminated) throw new Error(result.message);
  return { code: result.exitCode ?? 124, stdout: result.stdout, stderr: result.stderr };
}
