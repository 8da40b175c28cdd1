// The lab's certificates: an authority that lives as long as the lab, and what it signs for hub, nodes and administrator.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, issueCertificate } from '../support/pki.ts';
import type { Topology } from './topology.ts';

/** Paths of PEM files. */
export interface Credentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Where the certificate of `hub`, `admin` or a node lies. */
export const credentials = (topology: Topology, name: string): Credentials => ({
  ca: join(topology.pki, 'ca.crt'),
  cert: join(topology.pki, `${name}.crt`),
  key: join(topology.pki, `${name}.key`),
});

/** Makes all certificates. The organization says what a client may do (nodes claim and report, admins administer); its CN is its name. */
export async function createPki(topology: Topology): Promise<void> {
  const authority = await createAuthority(`Caracal lab ${topology.name}`);
  await writeFile(join(topology.pki, 'ca.crt'), authority.ca, { mode: 0o600 });
  const subjects = [
    { name: 'hub', organization: 'caracal:hubs', commonName: 'caracal-hub', dnsNames: ['caracal-hub', 'localhost'] },
    { name: 'admin', organization: 'caracal:admins', commonName: 'admin' },
    ...topology.nodeList.map(({ name }) => ({ name, organization: 'caracal:nodes', commonName: name })),
  ];
  await Promise.all(
    subjects.map(async ({ name, ...subject }) => {
      const issued = await issueCertificate(authority, subject);
      const { cert, key } = credentials(topology, name);
      await writeFile(cert, issued.cert, { mode: 0o600 });
      await writeFile(key, issued.key, { mode: 0o600 });
    }),
  );
}
