import { NodeService } from '@caracal/protocol';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import type { EnrolmentIdentity } from '../certificates/enrolment.ts';
import type { NodeIdentity } from '../identity/node-identity.ts';
import { callerKey, enrolmentKey } from './caller.ts';

const longestToken = 16 * 1024;

/** A new node has no certificate: an enrolment token in its place gets it one, and nothing else. */
export function admitEnrolment(identify: EnrolmentIdentity): Interceptor {
  return (next) => async (request) => {
    const header = request.header.get('authorization');
    if (request.method !== NodeService.method.certify || header === null) return next(request);
    const identified = identify(/^Bearer +(\S+)$/i.exec(header)?.[1] ?? '');
    if (!identified.ok) throw new ConnectError(identified.message, Code.Unauthenticated);
    request.contextValues.set(callerKey, { role: 'node', name: identified.node });
    request.contextValues.set(enrolmentKey, identified.enrolment);
    return next(request);
  };
}

/**
 * Where nodes are known by tokens (RFC 6750, "Bearer") they are known by nothing else: a node's certificate, valid for years and known to no
 * API server, would outlive its node.
 */
export function authenticateNodes(identity: NodeIdentity): Interceptor {
  return (next) => async (request) => {
    if (request.service.typeName !== NodeService.typeName) return next(request);
    const token = /^Bearer +(\S+)$/i.exec(request.header.get('authorization') ?? '')?.[1];
    if (!token || token.length > longestToken) {
      const what = token ? 'no token is so long' : 'there is none';
      throw new ConnectError(
        `${NodeService.typeName} needs a node's service-account token, and ${what}`,
        Code.Unauthenticated,
      );
    }
    const identified = await identity.identify(token);
    if (!identified.ok) {
      const code = identified.reason === 'refused' ? Code.Unauthenticated : Code.Unavailable;
      throw new ConnectError(identified.message, code);
    }
    request.contextValues.set(callerKey, { role: 'node', name: identified.node });
    return next(request);
  };
}
