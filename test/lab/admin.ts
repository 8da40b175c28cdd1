// The lab as an administrator of its hub: the calls that caracalctl makes, without starting it.
import { readFile } from 'node:fs/promises';
import { AdminService, createHubTransport } from '@caracal/protocol';
import { type Client, createClient } from '@connectrpc/connect';
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
 * @throws with one line a problem when they are refused
 */
export async function applyResources(topology: Topology, documents: readonly object[]): Promise<void> {
  const { problems } = await withAdmin(topology, (admin) =>
    admin.apply({ documents: documents.map((document) => JSON.stringify(document)) }),
  );
  if (problems.length > 0) {
    const lines = problems.map(({ object, field, message }) => `  ${object} ${field}: ${message}`);
    throw new Error(`the hub refused the lab's resources:\n${lines.join('\n')}`);
  }
}

/** Merges labels into a pod; an empty value removes the label. */
export async function labelPod(
  topology: Topology,
  pod: { readonly namespace: string; readonly name: string },
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  await withAdmin(topology, (admin) =>
    admin.label({ key: { kind: 'Pod', namespace: pod.namespace, name: pod.name }, labels }),
  );
}
