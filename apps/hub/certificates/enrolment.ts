import { createHash, randomUUID, sign, verify, X509Certificate } from 'node:crypto';
import { decodeEnrolmentToken, encodeEnrolmentToken } from '@caracal/protocol';
import { type Enrolment, nodeName } from '../server/caller.ts';
import { type Authority, certifyKey } from './authority.ts';

/** ECDSA signatures as two numbers of fixed length, as JOSE has them. */
const dsaEncoding = 'ieee-p1363';

/** A token by which the node of that name gets its first certificate, from any hub of the authority. Throws when no node can have the name. */
export function enrolmentToken(authority: Authority, node: string, expiresAt: number): string {
  if (!nodeName.test(node)) throw new Error(`"${node}" is no node's name: lower-case letters, digits, "-" and "."`);
  return encodeEnrolmentToken({ id: randomUUID(), node, expiresAt, ca: authority.ca }, (text) =>
    sign('sha256', Buffer.from(text), { key: authority.caKey, dsaEncoding }),
  );
}

/** Whom a token lets in; a refusal's message goes to the caller, and never holds the token. */
export type EnrolmentIdentity = (
  token: string,
) =>
  | { readonly ok: true; readonly node: string; readonly enrolment: Enrolment }
  | { readonly ok: false; readonly message: string };

/** Knows nodes by their enrolment tokens, as any hub of the authority can; whether one was used before, the database knows. */
export function enrolmentIdentity(authority: Pick<Authority, 'ca'>, now: () => number): EnrolmentIdentity {
  const { publicKey } = new X509Certificate(authority.ca);
  const refuse = (message: string) => ({ ok: false, message }) as const;
  return (token) => {
    const decoded = decodeEnrolmentToken(token);
    if (!decoded) return refuse('this is no enrolment token');
    const { claims, signed, signature } = decoded;
    if (!verify('sha256', Buffer.from(signed), { key: publicKey, dsaEncoding }, signature))
      return refuse('the enrolment token is not one of our authority');
    const late = now() - claims.expiresAt;
    if (late >= 0) return refuse(`the enrolment token expired ${Math.round(late / 1000)} s ago: make another`);
    // Not of the whole token: whoever has it can write its signature in another way that is as good.
    const digest = createHash('sha256').update(signed).digest();
    return { ok: true, node: claims.node, enrolment: { digest, expiresAt: new Date(claims.expiresAt) } };
  };
}

/** A node's certificate for its own key; rejects when that is not of the kind that we sign. */
export function certifyNode(authority: Authority, node: string, publicKey: Uint8Array, days: number): Promise<string> {
  return certifyKey(authority, publicKey, { organization: 'caracal:nodes', commonName: node, days });
}
