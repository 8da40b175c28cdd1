import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createHubTransport, decodeEnrolmentToken, NodeService } from '@caracal/protocol';
import { createClient } from '@connectrpc/connect';
import type { AgentConfig } from '../config.ts';
import { replaceFile } from './files.ts';

/**
 * Gets a new node its certificate: makes a key, has a hub sign it by an enrolment token, and writes key, certificate and the authority's
 * certificate where the configuration wants them. Throws, and writes nothing, when the token is for another node or no hub signs.
 */
export async function enrol({ nodeName, hub }: AgentConfig, token: string): Promise<void> {
  const { addresses = [], ca, cert, key } = hub;
  if (!cert || !key || addresses.length === 0)
    throw new Error('to enrol, the configuration must have hub.addresses, hub.ca, hub.cert and hub.key');
  const decoded = decodeEnrolmentToken(token);
  if (!decoded) throw new Error('this is no enrolment token: make one by `caracal hub token`');
  const { claims } = decoded;
  if (claims.node !== nodeName)
    throw new Error(`the token is for node ${claims.node}, and the configuration is for ${nodeName}`);
  const privateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  });
  const certificate = await anyHub(addresses, claims.ca, token.trim(), publicKeyOf(privateKey));
  for (const path of [key, ca, cert]) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  replaceFile(key, String(privateKey), 0o600);
  replaceFile(ca, claims.ca, 0o644);
  // Last: with it the node is enrolled.
  replaceFile(cert, certificate, 0o644);
}

/** As the hub wants it, of a private key in PEM. */
function publicKeyOf(privateKey: string | Buffer): Uint8Array {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
}

/** The public key of the key file. */
export const publicKeyIn = (path: string): Uint8Array => publicKeyOf(readFileSync(path));

async function anyHub(addresses: readonly string[], ca: string, token: string, publicKey: Uint8Array): Promise<string> {
  const failures: string[] = [];
  for (const address of addresses) {
    const transport = createHubTransport({ address, ca, token: () => token });
    try {
      return (await createClient(NodeService, transport).certify({ publicKey }, { timeoutMs: 10_000 })).certificate;
    } catch (error) {
      failures.push(`${address}: ${error instanceof Error ? error.message : error}`);
    } finally {
      transport.close();
    }
  }
  throw new Error(`no hub signs: ${failures.join('; ')}`);
}
