// Building a lab and taking it down.
//
// Building starts whatever does not depend on each other at the same time: the database is the long pole (initdb), and behind
// it come migrations and hub; meanwhile the nodes' processes start, and wait for the hub by themselves.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { applyResources, waitForRevision } from './admin.ts';
import { birdc, establishedNodes, startBird } from './bird.ts';
import { killDatabase, openDatabase } from './database.ts';
import { migrateDatabase, startHub } from './hub.ts';
import { giveUpLabLock, withLabLock } from './lock.ts';
import { createNetwork, killInside, refuseForeign, removeNetns } from './namespaces.ts';
import { prepareNode, startNodeProcess } from './nodes.ts';
import { createPki } from './pki.ts';
import { endAll, waitUntilReady } from './processes.ts';
import { defaultResources } from './resources.ts';
import { createState, listPods, readLab, removeState } from './state.ts';
import {
  createTopology,
  infrastructureNetns,
  type LabShape,
  type NodeTopology,
  shapeProblem,
  type Topology,
  type TorKind,
} from './topology.ts';

export interface UpOptions {
  /** Default `lab`. */
  readonly name?: string;
  /** Default 3. */
  readonly nodes?: number;
  /** Default `bird`. */
  readonly tor?: TorKind;
  /** Apply no resources: no pool, no BGP. */
  readonly bare?: boolean;
  /** Called with one line for each step. */
  readonly onProgress?: (line: string) => void;
  /** Aborting makes `up` take down what it has built, and reject. */
  readonly signal?: AbortSignal;
}

/** Builds a lab; a leftover one of that name is taken down first. When it fails, nothing is left. */
export async function buildLab(options: UpOptions): Promise<Topology> {
  const shape: LabShape = { name: options.name ?? 'lab', nodes: options.nodes ?? 3, tor: options.tor ?? 'bird' };
  const problem = shapeProblem(shape);
  if (problem) throw new Error(problem);
  requireRoot();
  const progress = options.onProgress ?? (() => {});
  return withLabLock(shape.name, async () => {
    const leftover = await readLab(shape.name);
    if (leftover) {
      progress(`removing the lab ${shape.name} that is there`);
      await removeLab(leftover);
    }
    const topology = createTopology(shape);
    await refuseForeign(infrastructureNetns(topology));
    try {
      await build(topology, options, progress);
    } catch (error) {
      progress(`failed; removing what was built`);
      await removeLab(topology);
      throw error;
    }
    return topology;
  });
}

/** Takes a lab down, in whatever state it is. @returns false when there was none */
export async function dismantleLab(name: string): Promise<boolean> {
  const problem = shapeProblem({ name, nodes: 1, tor: 'none' });
  if (problem) throw new Error(problem);
  requireRoot();
  return withLabLock(name, async () => {
    const topology = await readLab(name);
    if (topology) await removeLab(topology);
    await removeState(name);
    return topology !== undefined;
  });
}

/** The same, by another process, for one that ends and can wait for nothing itself. */
export function dismantleLabAtExit(name: string): void {
  giveUpLabLock(name);
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  spawnSync(process.execPath, [main, 'down', '--name', name], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 30_000,
  });
}

async function build(topology: Topology, options: UpOptions, progress: (line: string) => void): Promise<void> {
  const failure = new AbortController();
  const signal = AbortSignal.any([failure.signal, ...(options.signal ? [options.signal] : [])]);
  const step = async <T>(line: string, start: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    const result = await start();
    signal.throwIfAborted();
    progress(line);
    return result;
  };
  let revision = 0n;
  const databaseAndHub = async () => {
    const database = await openDatabase(topology);
    await step('database: Postgres accepts connections', () => database.start());
    await network;
    await step('database: schema is current', () => migrateDatabase(topology, database.url));
    await step(`hub: https://${topology.hub.address}:${topology.hub.port}`, () =>
      startHub(topology, database.url, signal),
    );
    if (!options.bare) {
      await step('resources: a pool, and how the nodes speak BGP', async () => {
        revision = await applyResources(topology, defaultResources(topology));
      });
    }
  };
  const router = async () => {
    await network;
    await step(`router: BIRD, ${topology.router.address}, AS ${topology.router.asNumber}`, () =>
      startBird(topology, signal),
    );
  };
  const node = async (of: NodeTopology) => {
    await network;
    await prepareNode(topology, of);
    await step(`${of.name}: agent and caracal-bgp, ${of.address}, AS ${of.asNumber}`, () =>
      Promise.all((['bgp', 'agent'] as const).map((part) => startNodeProcess(topology, of, part, signal))),
    );
  };

  await createState(topology);
  const network = step(`network: ${topology.nodes} nodes on ${topology.underlay.ipv4}, router, client`, async () => {
    await Promise.all([createPki(topology), createNetwork(topology)]);
  });
  const parts = [
    network,
    databaseAndHub(),
    ...(topology.tor === 'bird' ? [router()] : []),
    ...topology.nodeList.map(node),
  ];
  // The first failure stops the others; all must have come to their end before anybody removes what they made.
  for (const part of parts) part.catch((error) => failure.abort(error));
  await Promise.allSettled(parts);
  signal.throwIfAborted();
  await step('nodes: all follow the hub', () => waitForRevision(topology, revision, signal));
  if (!options.bare && topology.tor === 'bird') {
    await step('BGP: every node has its session with the router', () => waitForSessions(topology, signal));
  }
}

function waitForSessions(topology: Topology, signal?: AbortSignal): Promise<void> {
  return waitUntilReady(
    topology.name,
    'bird',
    'it has a session with every node',
    async () => (await establishedNodes(topology)).length === topology.nodes,
    { signal },
  ).catch(async (error: Error) => {
    throw new Error(`${error.message}\n${await birdc(topology, 'show protocols')}`);
  });
}

/** Removes everything that a lab of this shape can have made. The state goes last: until then another attempt finds it all. */
async function removeLab(topology: Topology): Promise<void> {
  const pods = await listPods(topology.name);
  const namespaces = [...infrastructureNetns(topology), ...pods.map((pod) => pod.netns)];
  await endAll(topology.name);
  await killDatabase(topology);
  await killInside(namespaces);
  await removeNetns(namespaces);
  await removeState(topology.name);
}

function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new Error('the lab needs root: it makes network namespaces');
}
