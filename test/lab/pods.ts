// Pods: a namespace each, given to the CNI executable exactly as a container runtime does (CNI specification 1.1, section 2).
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { run } from './commands.ts';
import { createPodNetns, inNetns, killInside, refuseForeign, removeNetns } from './namespaces.ts';
import { cniConfiguration } from './nodes.ts';
import { listPods, type PodRecord, readPod, removePod, writePod } from './state.ts';
import { type NodeTopology, podNetns, type Topology } from './topology.ts';

export interface PodOptions {
  readonly node: string;
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export type CniAnswer =
  | { readonly ok: true; readonly stdout: string }
  | { readonly ok: false; readonly code: number; readonly message: string };

const cniResult = z.object({ ips: z.array(z.object({ address: z.string() })) });
const cniError = z.object({ code: z.number(), msg: z.string(), details: z.string().optional() });
const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * Starts a pod: makes its namespace and calls ADD.
 * @throws with the CNI error's text when ADD fails; then nothing of the pod is left
 */
export async function addPod(topology: Topology, options: PodOptions): Promise<PodRecord> {
  const { name, namespace = 'default', labels = {} } = options;
  const node = findNode(topology, options.node);
  for (const [what, text] of Object.entries({ pod: name, namespace })) {
    if (!dnsLabel.test(text)) throw new Error(`${what} ${JSON.stringify(text)}: not a DNS label (a-z, 0-9, hyphens)`);
  }
  const existing = await readPod(topology.name, namespace, name);
  if (existing) throw new Error(`pod ${namespace}/${name} exists already, on node ${existing.node}`);
  const pod: PodRecord = {
    name,
    namespace,
    node: node.name,
    netns: podNetns(topology.name, namespace, name),
    uid: randomUUID(),
    containerId: randomBytes(32).toString('hex'),
    labels: { ...labels },
    ips: [],
  };
  await refuseForeign([pod.netns]);
  await writePod(topology.name, pod);
  try {
    await createPodNetns(pod.netns);
    const answer = await callCni(topology, pod, 'ADD');
    if (!answer.ok) throw new Error(`CNI ADD of pod ${namespace}/${name} on ${node.name} failed: ${answer.message}`);
    const { ips } = cniResult.parse(JSON.parse(answer.stdout));
    const added = { ...pod, ips: ips.map(({ address }) => address.replace(/\/\d+$/, '')), result: answer.stdout };
    await writePod(topology.name, added);
    return added;
  } catch (error) {
    // As a runtime does after a failed ADD: it may have failed half-way.
    await callCni(topology, pod, 'DEL').catch(() => {});
    await discard(topology, pod);
    throw error;
  }
}

/**
 * Ends a pod: its processes, DEL, then its namespace.
 * @throws when DEL fails; the pod stays, and can be removed again
 */
export async function deletePod(topology: Topology, pod: PodRecord): Promise<void> {
  await killInside([pod.netns]);
  const answer = await callCni(topology, pod, 'DEL');
  if (!answer.ok) throw new Error(`CNI DEL of pod ${pod.namespace}/${pod.name} failed: ${answer.message}`);
  await discard(topology, pod);
}

/** Calls the CNI executable for a pod's eth0, in the node's namespace, where a runtime lives. */
export async function callCni(
  topology: Topology,
  pod: PodRecord,
  command: 'ADD' | 'DEL' | 'CHECK',
): Promise<CniAnswer> {
  const node = findNode(topology, pod.node);
  const args = {
    IgnoreUnknown: '1',
    K8S_POD_NAMESPACE: pod.namespace,
    K8S_POD_NAME: pod.name,
    K8S_POD_INFRA_CONTAINER_ID: pod.containerId,
    K8S_POD_UID: pod.uid,
  };
  const labels = Object.entries(pod.labels).map(([key, value]) => ({ key, value }));
  const result = await run(...inNetns(node.netns, join(node.cniBin, 'caracal'), []), {
    // A runtime keeps what ADD answered, and hands it on with CHECK and DEL (section 4).
    input: JSON.stringify({
      ...JSON.parse(cniConfiguration()),
      args: { cni: { labels } },
      ...(command !== 'ADD' && pod.result !== undefined && { prevResult: JSON.parse(pod.result) }),
    }),
    env: {
      CNI_COMMAND: command,
      CNI_CONTAINERID: pod.containerId,
      CNI_NETNS: pod.netns,
      CNI_IFNAME: 'eth0',
      CNI_PATH: node.cniBin,
      CNI_ARGS: Object.entries(args)
        .map(([key, value]) => `${key}=${value}`)
        .join(';'),
    },
    reject: false,
  });
  if (result.exitCode === 0) return { ok: true, stdout: result.stdout };
  const error = cniError.safeParse(tryJson(result.stdout));
  if (!error.success) return { ok: false, code: -1, message: `${result.stdout}${result.stderr}` || result.message! };
  const { code, msg, details } = error.data;
  return { ok: false, code, message: `${msg}${details ? `: ${details}` : ''} (code ${code})` };
}

/** The pod that `NAME` or `NAMESPACE/NAME` means. */
export async function findPod(topology: Topology, reference: string): Promise<PodRecord> {
  const pods = await listPods(topology.name);
  const found = pods.filter((pod) => pod.name === reference || `${pod.namespace}/${pod.name}` === reference);
  if (found.length === 1) return found[0];
  if (found.length === 0) throw new Error(`lab ${topology.name} has no pod ${reference}`);
  const full = found.map((pod) => `${pod.namespace}/${pod.name}`);
  throw new Error(`lab ${topology.name} has several pods ${reference}: say ${full.join(' or ')}`);
}

export function findNode(topology: Topology, name: string): NodeTopology {
  const node = topology.nodeList.find((candidate) => candidate.name === name);
  if (node) return node;
  const names = topology.nodeList.map((candidate) => candidate.name);
  throw new Error(`lab ${topology.name} has no node ${name}; it has ${names.join(', ')}`);
}

async function discard(topology: Topology, pod: PodRecord): Promise<void> {
  await killInside([pod.netns]);
  await removeNetns([pod.netns]);
  await removePod(topology.name, pod);
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
