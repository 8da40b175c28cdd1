import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createAuthority, issueCertificate } from './authority.ts';

const years = 10;

/**
 * Makes what a network without Kubernetes begins with: an authority (`ca.pem`, `ca.key`), a hub's certificate (`hub.pem`, `hub.key`) and
 * an administrator's (`admin.pem`, `admin.key`). Throws when there is an authority already. `hosts`: further names and addresses of hubs.
 */
export async function makeCertificates(folder: string, hosts: readonly string[]): Promise<string[]> {
  if (existsSync(join(folder, 'ca.pem'))) throw new Error(`${folder} has an authority already: nothing was made`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const authority = await createAuthority('Caracal', years);
  const hub = await issueCertificate(authority, {
    organization: 'caracal:hubs',
    commonName: 'hub',
    dnsNames: ['caracal-hub', ...hosts.filter((host) => !isIP(host))],
    ipAddresses: hosts.filter((host) => isIP(host)),
    days: years * 365,
  });
  const admin = await issueCertificate(authority, {
    organization: 'caracal:admins',
    commonName: 'admin',
    days: years * 365,
  });
  const files: Readonly<Record<string, string>> = {
    'ca.key': authority.caKey,
    'hub.pem': hub.cert,
    'hub.key': hub.key,
    'admin.pem': admin.cert,
    'admin.key': admin.key,
    // Last: it says that the others are there.
    'ca.pem': authority.ca,
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text, { mode: name.endsWith('.key') ? 0o600 : 0o644 });
  }
  return Object.keys(files);
}
