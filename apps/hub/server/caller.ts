import type { TLSSocket } from 'node:tls';
import { createContextKey } from '@connectrpc/connect';

/** Who calls: from the connection's certificate, which the TLS handshake has verified, or a token that was reviewed. */
export type Caller =
  | { readonly role: 'node'; readonly name: string }
  | { readonly role: 'admin'; readonly name: string }
  | { readonly role: 'none'; readonly subject?: string };

export const callerKey = createContextKey<Caller>({ role: 'none' });

/** By which token a node without a certificate was let in. */
export interface Enrolment {
  /** SHA-256 of what the token's signature covers. */
  readonly digest: Uint8Array;
  readonly expiresAt: Date;
}

export const enrolmentKey = createContextKey<Enrolment | undefined>(undefined);

/** Ends the call's HTTP/2 stream, whatever it waits for. */
export const endStreamKey = createContextKey<() => void>(() => {});

/** A node's name is a DNS-1123 subdomain, as in Kubernetes. */
export const nodeName = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/**
 * O=caracal:nodes with the node's name as CN, or O=caracal:admins (or one of `adminNames` as CN, and no O); everybody else may connect, and do nothing. A certificate that no
 * authority of ours signed says nothing: where tokens are taken, the handshake lets clients in without one.
 */
export function callerOf(
  socket: Pick<TLSSocket, 'getPeerCertificate' | 'authorized'>,
  adminNames: readonly string[] = [],
): Caller {
  if (!socket.authorized) return { role: 'none' };
  const { O: organization, CN: name } = socket.getPeerCertificate()?.subject ?? {};
  // An attribute that occurs twice comes as an array: such a certificate is not ours.
  if (typeof name === 'string') {
    if (organization === 'caracal:nodes' && nodeName.test(name)) return { role: 'node', name };
    if (organization === undefined && adminNames.includes(name)) return { role: 'admin', name };
    if (organization === 'caracal:admins') return { role: 'admin', name };
  }
  return { role: 'none', subject: `O=${organization ?? ''}, CN=${name ?? ''}` };
}
