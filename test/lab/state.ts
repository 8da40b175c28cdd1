// What a lab has on disk about itself: one small JSON file each for the lab, every process and every pod, written (atomically)
// before the thing is made. So nobody rewrites what another one wrote, and `down` finds everything after a SIGKILL at any moment.
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { createTopology, type LabShape, labFolder, type Topology } from './topology.ts';

const labRecord = z.object({ name: z.string(), nodes: z.number(), tor: z.enum(['bird', 'none']) });

/** A process, told apart from a later one with its pid by when it started, and on which boot of the machine. */
const processRecord = z.object({ pid: z.number(), startTime: z.string(), bootId: z.string() });
export type ProcessRecord = z.infer<typeof processRecord>;

const podRecord = z.object({
  name: z.string(),
  namespace: z.string(),
  node: z.string(),
  netns: z.string(),
  uid: z.string(),
  containerId: z.string(),
  labels: z.record(z.string(), z.string()),
  /** Without prefix length; empty until ADD has answered. */
  ips: z.array(z.string()),
  /** What ADD printed. */
  result: z.string().optional(),
});
export type PodRecord = z.infer<typeof podRecord>;

const labFile = (name: string) => join(labFolder(name), 'lab.json');
const processFile = (lab: string, name: string) => join(labFolder(lab), 'processes', `${name}.json`);
const podFile = (lab: string, namespace: string, name: string) =>
  join(labFolder(lab), 'pods', `${namespace}_${name}.json`);

/** The lab of this name as its last `up` recorded it, whether or not that `up` came to its end. */
export async function readLab(name: string): Promise<Topology | undefined> {
  const record = await readJson(labFile(name), labRecord);
  return record && createTopology(record);
}

/** Makes the state folder (others may pass through it: Postgres runs as nobody) and records the lab. */
export async function createState(shape: LabShape): Promise<void> {
  const folder = labFolder(shape.name);
  await mkdir(folder, { recursive: true, mode: 0o711 });
  for (const part of ['processes', 'pods', 'logs', 'pki', 'hub', 'nodes', 'tor']) {
    await mkdir(join(folder, part), { recursive: true, mode: 0o700 });
  }
  await mkdir(join(folder, 'database'), { recursive: true, mode: 0o711 });
  await writeJson(labFile(shape.name), { name: shape.name, nodes: shape.nodes, tor: shape.tor });
}

/** Removes everything on disk of a lab, and the folder of all labs when this was the last one. */
export async function removeState(name: string): Promise<void> {
  const folder = labFolder(name);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  await rmdir(dirname(folder)).catch(() => {});
}

export const writeProcess = (lab: string, name: string, record: ProcessRecord): Promise<void> =>
  writeJson(processFile(lab, name), record);

export const readProcess = (lab: string, name: string): Promise<ProcessRecord | undefined> =>
  readJson(processFile(lab, name), processRecord);

export const removeProcess = (lab: string, name: string): Promise<void> => rm(processFile(lab, name), { force: true });

/** The names of all recorded processes. */
export const listProcesses = (lab: string): Promise<string[]> => listJson(join(labFolder(lab), 'processes'));

export const writePod = (lab: string, pod: PodRecord): Promise<void> =>
  writeJson(podFile(lab, pod.namespace, pod.name), pod);

export const readPod = (lab: string, namespace: string, name: string): Promise<PodRecord | undefined> =>
  readJson(podFile(lab, namespace, name), podRecord);

export const removePod = (lab: string, pod: PodRecord): Promise<void> =>
  rm(podFile(lab, pod.namespace, pod.name), { force: true });

/** All pods, by node, namespace and name. */
export async function listPods(lab: string): Promise<PodRecord[]> {
  const folder = join(labFolder(lab), 'pods');
  const names = await listJson(folder);
  const pods = await Promise.all(names.map((name) => readJson(join(folder, `${name}.json`), podRecord)));
  const key = (pod: PodRecord) => `${pod.node.padStart(8)} ${pod.namespace} ${pod.name}`;
  return pods.filter((pod) => pod !== undefined).sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Writes a JSON file so that readers see the old or the new one, never a part. */
export async function writeJson(path: string, value: unknown, mode = 0o600): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  await writeFile(partial, `${JSON.stringify(value, null, 2)}\n`, { mode });
  await rename(partial, path);
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const parsed = schema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`${path}: ${z.prettifyError(parsed.error)}; \`lab down\` removes it`);
  return parsed.data;
}

async function listJson(folder: string): Promise<string[]> {
  const files = await readdir(folder).catch(() => []);
  return files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length));
}
