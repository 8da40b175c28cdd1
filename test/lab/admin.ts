// The lab as an administrator of its hub: the calls that caracalctl makes, without starting it.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdminService, createHubTransport } from '@caracal/protocol';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { credentials } from './pki.ts';
import type { Topology } from './topology.ts';

/** Calls `work` with a client of the hub, and closes its connection after that. */
async function withAdmin<T>(topology: Topology, work: (admin: Client<typeof AdminService>) => Promise<T>): Promise<T> {
  const { ca, cert, key } = credentials(topology, 'admin');
  const transport = createHubTransport({
    socket: topology.hub.socket,
    ca: await readFile(ca),
    cert: await readFile(cert),
    key: await readFile(key),
  });
  try {
    return await work(createClient(AdminService, transport));
  } finally {
    transport.close();
  }
}

/**
 * Applies documents (objects with apiVersion, kind, metadata and spec), all or none.
 * @returns the revision that has them
 * @throws with one line a problem when they are refused
 */
export async function applyResources(topology: Topology, documents: readonly object[]): Promise<bigint> {
  const { problems, revision } = await withAdmin(topology, (admin) =>
    admin.apply({ documents: documents.map((document) => JSON.stringify(document)) }),
  );
  if (problems.length > 0) {
    const lines = problems.map(({ object, field, message }) => `  ${object} ${field}: ${message}`);
    throw new Error(`the hub refused:\n${lines.join('\n')}`);
  }
  return revision;
}

/** Waits until every node follows the hub's feed and its kernel holds this revision. */
export async function waitForRevision(topology: Topology, revision: bigint, signal: AbortSignal): Promise<void> {
  await withAdmin(topology, async (admin) => {
    for (const deadline = Date.now() + 30_000; ; await sleep(30)) {
      signal.throwIfAborted();
      const { nodes } = await admin.listNodes({});
      const inStep = nodes.filter((node) => node.connected && (node.status?.enforcedRevision ?? -1n) >= revision);
      if (inStep.length >= topology.nodes) return;
      if (Date.now() < deadline) continue;
      const states = topology.nodeList.map(({ name }) => {
        const node = nodes.find((candidate) => candidate.name === name);
        return `${name} ${node?.connected ? `enforces ${node.status?.enforcedRevision}` : 'is not connected'}`;
      });
      throw new Error(`not every node enforces revision ${revision} after 30 s: ${states.join(', ')}`);
    }
  });
}

/** Merges labels into a pod; an empty value removes the label. A pod that has just started is reported a moment later: it is waited for. */
export async function labelPod(
  topology: Topology,
  pod: { readonly namespace: string; readonly name: string },
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const key = { kind: 'Pod', namespace: pod.namespace, name: pod.name };
  await withAdmin(topology, async (admin) => {
    for (const deadline = Date.now() + 5000; ; await sleep(20)) {
      try {
        await admin.label({ key, labels });
        return;
      } catch (error) {
        const unknown = error instanceof ConnectError && error.code === Code.NotFound;
        if (!unknown || Date.now() > deadline) throw error;
      }
    }
  });
}
