import { createHash } from 'node:crypto';
import type { Datastore } from '@caracal/datastore';
import { type NodeService, protocolVersion } from '@caracal/protocol';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import type { Logger } from 'pino';
import { systemClock } from '../clock.ts';
import type { Feed } from '../feed/feed.ts';
import { subscription } from '../feed/subscription.ts';
import { callerKey, endStreamKey, enrolmentKey } from '../server/caller.ts';
import { assertBlocks } from './assert.ts';
import { claimBlock, releaseBlock } from './blocks.ts';
import type { ConnectedNodes } from './connected-nodes.ts';
import { recoverNode } from './recover.ts';
import { createReportHandler } from './report.ts';

export interface NodeServiceOptions {
  readonly datastore: Datastore;
  readonly feed: Feed;
  readonly connected: ConnectedNodes;
  /** Aborts when the hub drains: streams end in order, and their agents go elsewhere. */
  readonly draining: AbortSignal;
  readonly standalone: boolean;
  readonly heartbeatMs: number;
  readonly stallMs: number;
  /** Signs a node's key; absent where nodes do not enrol. */
  readonly certify?: (node: string, publicKey: Uint8Array) => Promise<string>;
  /** So many endpoints of a report were not believed. */
  readonly onQuarantined?: (endpoints: number) => void;
  readonly logger: Logger;
}

/** What node agents may do, each for itself: the node's name is the certificate's, no request carries one. */
export function nodeService(options: NodeServiceOptions): ServiceImpl<typeof NodeService> {
  const { datastore, feed, connected, draining, logger } = options;
  const report = createReportHandler(datastore, logger, options.standalone, options.onQuarantined);
  return {
    async *subscribe(request, context) {
      const node = nodeOf(context);
      if (request.protocolVersion !== protocolVersion && request.protocolVersion !== protocolVersion - 1) {
        throw new ConnectError(
          `this hub speaks protocol version ${protocolVersion} and the one before, not ${request.protocolVersion}`,
          Code.FailedPrecondition,
        );
      }
      const leave = connected.enter(node);
      const { revision, nonce } = request;
      // Either it was away for long, or the database lost what it has seen: the database can tell.
      if (revision > 0n && !feed.contains({ revision, nonce })) {
        await datastore.write({ op: 'notice', node, seen: { revision, nonce } }).catch(() => {});
      }
      logger.info({ node, revision: String(revision), resumes: feed.contains({ revision, nonce }) }, 'node subscribed');
      try {
        yield* subscription(
          feed,
          { revision, nonce },
          {
            signal: AbortSignal.any([context.signal, draining]),
            heartbeatMs: options.heartbeatMs,
            stallMs: options.stallMs,
            onStall: () => {
              logger.warn(
                { node },
                `node takes nothing from its stream for ${options.stallMs / 1000} s: the stream is ended`,
              );
              context.values.get(endStreamKey)();
            },
            elapsed: systemClock.elapsed,
            form: request.protocolVersion >= 2 ? 'packed' : 'items',
          },
        );
      } finally {
        leave();
        logger.info({ node }, 'node left');
      }
    },
    claimBlock: (request, context) => claimBlock(datastore, logger, nodeOf(context), request, context.signal),
    releaseBlock: (request, context) => releaseBlock(datastore, logger, nodeOf(context), request),
    report: (request, context) => report(nodeOf(context), request),
    assertBlocks: (request, context) => assertBlocks(datastore, logger, nodeOf(context), request),
    recover: (_request, context) => recoverNode(datastore, nodeOf(context)),
    certify: async ({ publicKey }, context) => {
      const node = nodeOf(context);
      if (!options.certify)
        throw new ConnectError(
          'this hub signs no certificates: its configuration has no enrolment',
          Code.Unimplemented,
        );
      const certificate = await options.certify(node, publicKey).catch((error: Error) => {
        throw new ConnectError(`no ECDSA P-256 key can be read: ${error.message}`, Code.InvalidArgument);
      });
      const enrolment = context.values.get(enrolmentKey);
      if (enrolment) {
        const keyDigest = createHash('sha256').update(publicKey).digest();
        const before = await datastore.spendToken({ ...enrolment, node, keyDigest });
        if (before) {
          const message = `the enrolment token was used at ${before.toISOString()}, and is good for once: make another, and see who used it if you did not`;
          logger.warn({ node, usedAt: before }, 'an enrolment token was shown again');
          throw new ConnectError(message, Code.PermissionDenied);
        }
      }
      logger.info({ node }, 'a certificate was signed');
      return { certificate };
    },
  };
}

function nodeOf(context: HandlerContext): string {
  const caller = context.values.get(callerKey);
  if (caller.role !== 'node') throw new ConnectError('only nodes may ask this', Code.PermissionDenied); // the interceptor has seen to it
  return caller.name;
}
