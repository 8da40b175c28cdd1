import type { Datastore } from '@caracal/datastore';
import type { AdminService } from '@caracal/protocol';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { Logger } from 'pino';
import type { ConnectedNodes } from '../node-service/connected-nodes.ts';
import { callerKey } from '../server/caller.ts';
import { applyDocuments } from './apply.ts';
import { deleteResources } from './delete.ts';
import { getResources } from './get.ts';
import { labelResource } from './label.ts';
import { listBlocks, listEndpoints, listNodes } from './lists.ts';

export interface AdminServiceOptions {
  readonly datastore: Datastore;
  readonly connected: ConnectedNodes;
  readonly logger: Logger;
}

/** What administrators may do. */
export function adminService({ datastore, connected, logger }: AdminServiceOptions): ServiceImpl<typeof AdminService> {
  const log = (context: HandlerContext) => logger.child({ admin: context.values.get(callerKey) });
  return {
    apply: (request, context) => applyDocuments(datastore, log(context), request),
    get: (request) => getResources(datastore, request),
    delete: (request, context) => deleteResources(datastore, log(context), request),
    label: (request, context) => labelResource(datastore, log(context), request),
    listBlocks: () => listBlocks(datastore),
    listEndpoints: (request) => listEndpoints(datastore, request.address),
    listNodes: () => listNodes(datastore, connected),
  };
}
