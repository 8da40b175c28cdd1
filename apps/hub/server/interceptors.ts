import { unavailableReason } from '@caracal/datastore';
import { AdminService, NodeService } from '@caracal/protocol';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import type { Logger } from 'pino';
import { type Caller, callerKey } from './caller.ts';

/** NodeService for nodes, AdminService for administrators: nobody is both. */
export const authorise: Interceptor = (next) => (request) => {
  const caller = request.contextValues.get(callerKey);
  const rules = {
    [NodeService.typeName]: ['node', 'caracal:nodes'],
    [AdminService.typeName]: ['admin', 'caracal:admins'],
  };
  const [role, organization] = rules[request.service.typeName] ?? [];
  if (!role || caller.role !== role) {
    throw new ConnectError(
      `${request.service.typeName} needs a certificate with O=${organization}, and this is ${certificateOf(caller)}`,
      Code.PermissionDenied,
    );
  }
  return next(request);
};

function certificateOf(caller: Caller): string {
  if (caller.role !== 'none') return `that of the ${caller.role} ${caller.name}`;
  return caller.subject === undefined ? 'none of our authority' : `one with ${caller.subject}`;
}

/** A database that is away becomes `unavailable` with its reason; what nobody foresaw becomes `internal` and a line in the log. */
export function explainErrors(logger: Logger): Interceptor {
  return (next) => async (request) => {
    try {
      return await next(request);
    } catch (error) {
      throw asConnectError(error, logger, request.method.name);
    }
  };
}

function asConnectError(error: unknown, logger: Logger, method: string): ConnectError {
  if (error instanceof ConnectError) return error;
  const reason = unavailableReason(error);
  if (reason) return new ConnectError(`the database cannot be reached: ${reason}`, Code.Unavailable);
  logger.error({ err: error, method }, 'a request failed');
  return new ConnectError('the hub failed; its log says why', Code.Internal);
}
