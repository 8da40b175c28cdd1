// Certificates and kubeconfigs of a cluster: one authority, and a client for each part with no more rights than its name gives.
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, issueCertificate } from '../support/pki.ts';
import { exists } from './files.ts';

export interface Subject {
  /** The file's name, such as `kubelet-n1`. */
  readonly name: string;
  /** The user that the API server sees. */
  readonly commonName: string;
  /** The group that it sees. */
  readonly organization: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

const pki = (folder: string, file: string) => join(folder, 'pki', file);

/** Paths of PEM files. */
export function certificate(folder: string, name: string): { ca: string; cert: string; key: string } {
  return { ca: pki(folder, 'ca.crt'), cert: pki(folder, `${name}.crt`), key: pki(folder, `${name}.key`) };
}

/** Path of the RSA key that signs service-account tokens. */
export const serviceAccountKey = (folder: string): string => pki(folder, 'service-account.key');

/** Makes the authority and the service accounts' key, once for a state folder. */
export async function createPki(folder: string): Promise<void> {
  if (await exists(serviceAccountKey(folder))) return;
  await mkdir(join(folder, 'pki'), { recursive: true, mode: 0o700 });
  const authority = await createAuthority('Caracal test cluster');
  await writeFile(pki(folder, 'ca.crt'), authority.ca);
  await writeFile(pki(folder, 'ca.key'), authority.caKey, { mode: 0o600 });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(serviceAccountKey(folder), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
}

/** Issues a certificate, once for a name. */
export async function issue(folder: string, subject: Subject): Promise<void> {
  const { ca, cert, key } = certificate(folder, subject.name);
  if (await exists(cert)) return;
  const authority = { ca: await readFile(ca, 'utf8'), caKey: await readFile(pki(folder, 'ca.key'), 'utf8') };
  const issued = await issueCertificate(authority, subject);
  await writeFile(key, issued.key, { mode: 0o600 });
  await writeFile(cert, issued.cert);
}

/** Issues a client certificate and writes a kubeconfig that holds it; answers with the kubeconfig's path. */
export async function writeKubeconfig(folder: string, server: string, subject: Subject): Promise<string> {
  await issue(folder, subject);
  const { ca, cert, key } = certificate(folder, subject.name);
  const data = async (path: string) => (await readFile(path)).toString('base64');
  const path = join(folder, `${subject.name}.kubeconfig`);
  // JSON is YAML.
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'caracal', cluster: { server, 'certificate-authority-data': await data(ca) } }],
    users: [
      { name: subject.name, user: { 'client-certificate-data': await data(cert), 'client-key-data': await data(key) } },
    ],
    contexts: [{ name: 'caracal', context: { cluster: 'caracal', user: subject.name } }],
    'current-context': 'caracal',
  };
  await writeFile(path, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  return path;
}
