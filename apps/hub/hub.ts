import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Datastore, openDatastore, type Position } from '@caracal/datastore';
import { kubeApi, serviceAccount } from '@caracal/kube';
import { AdminService, NodeService } from '@caracal/protocol';
import { Code, ConnectError, type Interceptor } from '@connectrpc/connect';
import type { Logger } from 'pino';
import { adminService } from './admin-service/index.ts';
import type { Authority } from './certificates/authority.ts';
import { certifyNode, enrolmentIdentity } from './certificates/enrolment.ts';
import { systemClock } from './clock.ts';
import type { HubConfig } from './config.ts';
import { Feed } from './feed/feed.ts';
import { cachedIdentity } from './identity/cached-identity.ts';
import { tokenReviewIdentity } from './identity/token-review.ts';
import { ConnectedNodes } from './node-service/connected-nodes.ts';
import { nodeService } from './node-service/index.ts';
import { startOpsListener } from './ops/listener.ts';
import { createMetrics, type Metrics } from './ops/metrics.ts';
import { admitEnrolment, authenticateNodes } from './server/authenticate.ts';
import { authorise, explainErrors } from './server/interceptors.ts';
import { startServer } from './server/server.ts';
import { startUpkeep } from './upkeep.ts';

/** For saying goodbye to the database and to who asks for metrics. */
const farewellMs = 1000;

export interface Hub {
  /** `host:port` or `unix:/path` of every listener. */
  readonly addresses: readonly string[];
  /** Ends streams in order, lets requests finish, and stops: within `drainMs` and a second, whoever is silent. The process may then end. */
  close(): Promise<void>;
}

/**
 *   Postgres ──follow──▶ Feed ──subscription──▶ NodeService ┐
 *      ▲                                                    ├──▶ TLS server on every listener
 *      └──write, list── NodeService, AdminService ──────────┘
 *
 * Starts whether or not the database is there, and outlives its absence: streams tell "stale since", requests fail with
 * `unavailable`, and both recover by themselves.
 */
export async function startHub(config: HubConfig, url: string, logger: Logger): Promise<Hub> {
  const feed = new Feed(systemClock);
  const connected = new ConnectedNodes();
  const metrics: Metrics = createMetrics(feed, connected);
  const datastore = openDatastore(url, {
    onConnectionLost: (error) => logger.debug({ reason: error.message }, 'an idle database connection was lost'),
    onWrite: metrics.onWrite,
  });
  const draining = new AbortController();
  const stopping = new AbortController();

  const following = datastore.follow(announcing(feed, datastore, logger), {
    signal: stopping.signal,
    gatherMs: config.feed.gatherMs,
  });
  const upkeep = startUpkeep(datastore, config, logger);

  const { enrolment } = config;
  const authority = enrolment && readAuthority(config.tls.ca, enrolment.caKey);
  const node = nodeService({
    onQuarantined: metrics.onQuarantined,
    datastore,
    feed,
    connected,
    draining: draining.signal,
    standalone: config.mode === 'standalone',
    heartbeatMs: config.feed.heartbeatMs,
    stallMs: config.feed.stallMs,
    ...(authority && {
      certify: (name: string, publicKey: Uint8Array) =>
        certifyNode(authority, name, publicKey, enrolment.certificateDays),
    }),
    logger,
  });
  const admin = adminService({ datastore, connected, standalone: config.mode === 'standalone', logger });
  const server = await startServer({
    listen: config.listen,
    tls: pemTexts(config.tls),
    adminNames: config.tls.adminNames,
    tokens: config.mode === 'kubernetes' || authority !== undefined,
    ping: config.ping,
    interceptors: [
      metrics.interceptor,
      explainErrors(logger),
      ...(config.mode === 'kubernetes' ? [authenticateNodes(identityOf(config.kubernetes))] : []),
      ...(authority ? [admitEnrolment(enrolmentIdentity(authority, Date.now))] : []),
      authorise,
      knownSchema(feed),
    ],
    routes: (router) => router.service(NodeService, node).service(AdminService, admin),
  });
  const ops =
    config.ops &&
    (await startOpsListener({
      listen: config.ops,
      registry: metrics.registry,
      notReady: () => (draining.signal.aborted ? 'draining' : feed.liveness().reason),
    }));

  return {
    addresses: server.addresses,
    close: async () => {
      draining.abort();
      const upkept = upkeep.stop();
      await server.close(config.drainMs);
      stopping.abort();
      // Nobody waits for an answer of the database any more, and one that is silent would keep us for the length of its timeouts.
      const ended = Promise.all([upkept, following, datastore.close(), ops?.close()]);
      await Promise.race([ended, sleep(farewellMs, undefined, { ref: false })]);
    },
  };
}

function identityOf({ audience, agent, cacheSeconds, ...account }: HubConfig['kubernetes']) {
  const api = kubeApi(serviceAccount(account), 'caracal-hub');
  const identity = tokenReviewIdentity({ api, audience, username: `system:serviceaccount:${agent}` });
  return cachedIdentity(identity, { keepMs: cacheSeconds * 1000, clock: systemClock });
}

/** A schema that we do not know is not written to: another version of the hub may be rolling out. */
function knownSchema(feed: Feed): Interceptor {
  return (next) => (request) => {
    const { schemaMismatch, reason } = feed.liveness();
    if (schemaMismatch && !request.stream) throw new ConnectError(reason ?? '', Code.Unavailable);
    return next(request);
  };
}

/** The feed as observer, with a line in the log when the database goes and comes; the same failure again is not news. */
function announcing(feed: Feed, datastore: Datastore, logger: Logger) {
  let told: string | undefined = '';
  let stoodAt: Position | undefined;
  return {
    snapshotBegin: () => {
      stoodAt ??= feed.head && { revision: feed.head.revision, nonce: feed.head.nonce };
      feed.snapshotBegin();
    },
    snapshotItems: (items: Parameters<Feed['snapshotItems']>[0]) => feed.snapshotItems(items),
    snapshotEnd: (...args: Parameters<Feed['snapshotEnd']>) => {
      feed.snapshotEnd(...args);
      // Either we were away for long, or the database lost what we have seen: it can tell.
      if (stoodAt) datastore.write({ op: 'notice', seen: stoodAt }).catch(() => {});
      stoodAt = undefined;
      logger.info({ revision: String(args[0].revision), items: feed.itemCount }, 'snapshot read from the database');
    },
    revisions: (revisions: Parameters<Feed['revisions']>[0]) => feed.revisions(revisions),
    contact: () => {
      feed.contact();
      if (told !== undefined)
        logger.info({ revision: String(feed.head?.revision) }, 'ready: in step with the database');
      told = undefined;
    },
    lost: (error: Error) => {
      feed.lost(error);
      if (told !== error.message)
        logger.warn({ reason: error.message }, 'the database cannot be followed: trying again');
      told = error.message;
    },
  };
}

/** Of the certificate and the key that the files hold; a network of several authorities signs with the first. */
export function readAuthority(ca: string, caKey: string): Authority {
  return { ca: readFileSync(ca, 'utf8'), caKey: readFileSync(caKey, 'utf8') };
}

function pemTexts({ ca, cert, key }: HubConfig['tls']) {
  const read = (path: string) => readFileSync(path, 'utf8');
  return { ca: read(ca), cert: read(cert), key: read(key) };
}
