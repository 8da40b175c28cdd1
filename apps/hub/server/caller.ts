import type { TLSSocket } from 'node:tls';
import { createContextKey } from '@connectrpc/connect';

/** Who is at the other end of a connection, from its certificate, which the TLS handshake has verified. */
export type Caller =
  | { readonly role: 'node'; readonly name: string }
  | { readonly role: 'admin'; readonly name: string }
  | { readonly role: 'none'; readonly subject: string };

export const callerKey = createContextKey<Caller>({ role: 'none', subject: 'nobody' });

/** Ends the call's HTTP/2 stream, whatever it waits for. */
export const endStreamKey = createContextKey<() => void>(() => {});

/** A node's name is a DNS-1123 subdomain, as in Kubernetes. */
const nodeName = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** O=caracal:nodes with the node's name as CN, or O=caracal:admins; everybody else may connect, and do nothing. */
export function callerOf(socket: Pick<TLSSocket, 'getPeerCertificate'>): Caller {
  const { O: organization, CN: name } = socket.getPeerCertificate()?.subject ?? {};
  // An attribute that occurs twice comes as an array: such a certificate is not ours.
  if (typeof name === 'string') {
    if (organization === 'caracal:nodes' && nodeName.test(name)) return { role: 'node', name };
    if (organization === 'caracal:admins') return { role: 'admin', name };
  }
  return { role: 'none', subject: `O=${organization ?? ''}, CN=${name ?? ''}` };
}
