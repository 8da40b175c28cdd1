import type { Datastore } from '@caracal/datastore';
import type { AdminService } from '@caracal/protocol';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import type { Logger } from 'pino';
import type { ConnectedNodes } from '../node-service/connected-nodes.ts';
import { callerKey } from '../server/caller.ts';
import { applyDocuments } from './apply.ts';
import { deleteResources } from './delete.ts';
import { getResources } from './get.ts';
import { addressHistory, checkIpam, endReassertion, reclaimNode, releaseAddress, splitPool } from './ipam.ts';
import { labelResource } from './label.ts';
import { listBlocks, listEndpoints, listNodes } from './lists.ts';

export interface AdminServiceOptions {
  readonly datastore: Datastore;
  readonly connected: ConnectedNodes;
  /** With Kubernetes, its objects are what is configured: what was stored beside them the operator would remove. */
  readonly standalone: boolean;
  readonly logger: Logger;
}

/** What administrators may do. */
export function adminService(options: AdminServiceOptions): ServiceImpl<typeof AdminService> {
  const { datastore, connected, logger } = options;
  const mayChange = (instead: string) => {
    if (!options.standalone)
      throw new ConnectError(`this network is configured by Kubernetes: use ${instead}`, Code.FailedPrecondition);
  };
  const log = (context: HandlerContext) => logger.child({ admin: context.values.get(callerKey) });
  return {
    apply: (request, context) => {
      if (!request.dryRun) mayChange('kubectl apply');
      return applyDocuments(datastore, log(context), request);
    },
    get: (request) => getResources(datastore, request),
    delete: (request, context) => {
      mayChange('kubectl delete');
      return deleteResources(datastore, log(context), request);
    },
    label: (request, context) => {
      mayChange('kubectl label');
      return labelResource(datastore, log(context), request);
    },
    listBlocks: () => listBlocks(datastore),
    listEndpoints: (request) => listEndpoints(datastore, request.address),
    listNodes: () => listNodes(datastore, connected, !options.standalone),
    checkIpam: () => checkIpam(datastore),
    addressHistory: (request) => addressHistory(datastore, request),
    releaseAddress: (request, context) => releaseAddress(datastore, log(context), request),
    reclaimNode: (request, context) => reclaimNode(datastore, log(context), options.standalone, request),
    endReassertion: (_request, context) => endReassertion(datastore, log(context)),
    splitPool: (request, context) => {
      mayChange('two IPPools of kubectl apply in its place');
      return splitPool(datastore, log(context), request);
    },
  };
}
