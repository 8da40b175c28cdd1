import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDataplane } from '@caracal/dataplane';
import { openNodeIpam } from '@caracal/ipam';
import { openSetSocket } from '@caracal/netlink';
import { createCompiler } from '@caracal/policy';
import { protocolVersion } from '@caracal/protocol';
import type { Logger } from 'pino';
import { linkToSpeaker } from './bgp/link.ts';
import { keepCertificate } from './certificate/renew.ts';
import { startCniServer } from './cni/index.ts';
import { type AgentConfig, machineId } from './config.ts';
import { askAnyHub } from './feed/ask-hub.ts';
import { followFeed } from './feed/follow.ts';
import { connectHub } from './feed/hub.ts';
import { startKubernetes } from './kubernetes/index.ts';
import { createNodeView } from './node-view.ts';
import { guardFiles } from './ops/guard-files.ts';
import { startOperations } from './ops/operations.ts';
import { lockState } from './ops/state-lock.ts';
import { takeAskedBack } from './pods/asked-back.ts';
import { claimBlock } from './pods/claim.ts';
import { createFlowReaper } from './pods/conntrack.ts';
import { standaloneDirectory } from './pods/directory.ts';
import { journalledHostPorts } from './pods/host-ports.ts';
import { createInOrder } from './pods/in-order.ts';
import { startLeakCheck } from './pods/leaks.ts';
import { createOwnership } from './pods/ownership.ts';
import { createPlainAddresses } from './pods/plain-addresses.ts';
import { createPods } from './pods/pods.ts';
import { markIncarnation, openNodeJournal } from './pods/rebuild-journal.ts';
import { createStrays, endpointsOf, meetKernel } from './pods/recover.ts';
import { createEnforcement } from './policy/enforcement.ts';
import { endpointReports, nodeStatus } from './report/node-report.ts';
import { startReporter } from './report/reporter.ts';
import { createWiring } from './wiring/index.ts';

/**
 * After a boot no address is given out for so long, unless a hub has said before which blocks are still ours: a machine that was put back from a
 * backup has an old journal, and nothing on it tells so. Pods that start without a hub start so much later.
 */
const bootPatienceMs = 3_000;

export interface Agent {
  /** Stops serving; everything in the kernel stays as it is. Within 12 s; kubelet and systemd give more (15 and 20 s). */
  stop(): Promise<void>;
}

/** How long the parts may take to end after the last request is answered. */
const stopWithinMs = 3_000;

/**
 * Makes the parts of the agent and connects them:
 *
 *   hub ─▶ feed ─┬─▶ enforcement (policy compiler) ─▶ dataplane ─▶ kernel
 *                └─▶ node view ─▶ speaker config ─▶ caracal-bgp
 *   CNI socket ─▶ pods ─┬─▶ journal    ├─▶ NAT pools
 *                       ├─▶ wiring     └─▶ blackholes of our blocks
 *                       └─▶ enforcement
 *   journal, kernel, speaker ─▶ reporter ─▶ hub
 *   API server ─▶ pods of this node, addresses of hubs; readiness ─▶ conflist, Node   (on Kubernetes)
 */
export async function startAgent(config: AgentConfig, logger: Logger): Promise<Agent> {
  for (const folder of [config.stateDirectory, config.runDirectory])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = await lockState(config.stateDirectory);

  const kubernetes = config.kubernetes && startKubernetes(config, config.kubernetes, logger);
  const wiring = createWiring();
  const prepared = await wiring.prepareHost();
  if (!prepared.ok) throw new Error(prepared.message);

  let justConnected = false;
  /** A pool was drained or split: its blocks are to be given up, or are another pool's. */
  let poolsChanged = false;
  // Nobody to tell until there is a reporter; its first report says everything.
  let statusChanged = () => {};

  const hubAddresses = kubernetes?.hubAddresses ?? (() => config.hub.addresses ?? []);
  const starting = new AbortController();
  const { journal, wasLost, newBoot } = await openNodeJournal(config, {
    wiring,
    logger,
    recover: () => askAnyHub(config, hubAddresses(), (client) => client.recover({}, { timeoutMs: 5_000 })),
    newIncarnation: randomUUID,
    signal: starting.signal,
  });
  const inOrder = createInOrder();
  const settled = Promise.withResolvers<void>();
  if (newBoot) setTimeout(settled.resolve, bootPatienceMs).unref();
  else settled.resolve();
  const flows = createFlowReaper(logger);
  const ipam = await openNodeIpam({
    node: config.nodeName,
    journal,
    claimBlock(pool, address) {
      const held = ipam.blocks().flatMap((block) => (block.pool === pool ? [block.cidr] : []));
      const claim = { pool, address, incarnation: ipam.incarnation, held, position: feed.position() };
      return claimBlock(hub.client(), claim);
    },
    onBlock: (cidr) => {
      logger.info({ block: cidr }, 'block claimed');
      view.changed();
      statusChanged();
    },
    isReserved: (address) => view.isReserved(address),
    onReleased: flows.forgetAddresses,
    restMs: config.ipam.restSeconds * 1000,
    claimAheadBelow: config.ipam.claimAheadBelow,
    settled: settled.promise,
    newIncarnation: randomUUID,
    now: Date.now,
    schedule: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
    onClaimAheadFailed: (pool, message) =>
      logger.warn({ pool, reason: message }, 'no block could be claimed in advance'),
  });

  const setSocket = openSetSocket();
  const dataplane = createDataplane({ logger, directSets: setSocket });
  await dataplane.start();
  const enforcement = createEnforcement({
    nodeName: config.nodeName,
    createCompiler: (family) => createCompiler({ family }),
    dataplane,
    logger,
    onSnapshotWanted: () => feed.wantSnapshot(),
    onEnforced: () => statusChanged(),
  });
  const drift = setInterval(() => void repairDrift(), config.resyncSeconds * 1000).unref();
  async function repairDrift(): Promise<void> {
    try {
      await dataplane.resync();
    } catch (error) {
      logger.error({ reason: String(error) }, 'the kernel could not be compared with what is wanted');
    }
  }
  const names = await meetKernel(ipam, wiring, logger, newBoot);
  markIncarnation(config, ipam.incarnation);
  const strays = createStrays({ ipam, wiring, logger, names, journalLost: wasLost });
  for (const endpoint of endpointsOf(ipam)) void enforcement.addEndpoint(endpoint);
  function leadHostPorts(): void {
    for (const [endpoint, ports] of journalledHostPorts(ipam)) dataplane.setHostPorts(endpoint, ports).catch(() => {}); // rejects when stopped
  }
  leadHostPorts();

  const speaker = linkToSpeaker({
    socketPath: config.bgpSocket ?? join(config.runDirectory, 'bgp.sock'),
    logger,
    onStatus: () => statusChanged(),
  });
  const view = createNodeView({ config, ipam, wiring, dataplane, speaker, logger });
  const ownership = createOwnership({
    ipam,
    logger,
    machine: machineId(config),
    claimAheadBelow: config.ipam.claimAheadBelow,
    client: () => hub.client(),
    position: () => feed.position(),
    isPoolUsable: view.isPoolUsable,
    onAsserted: view.prepareBlock,
    onAnswered: settled.resolve,
    onUndisputed: () => reporter.full(),
    onBlocks() {
      view.changed();
      statusChanged();
    },
  });

  const feed = await followFeed({
    lastGoodPath: join(config.stateDirectory, 'feed.last-good'),
    logger,
    target: {
      begin(change) {
        poolsChanged = false;
        enforcement.begin(change);
      },
      take(entries) {
        kubernetes?.take(entries);
        view.take(entries);
        enforcement.take(entries);
        if (entries.some((entry) => entry.case === 'resource' && entry.value.kind === 'IPPool')) poolsChanged = true;
      },
      settle: enforcement.settle,
      end(change) {
        view.commit();
        enforcement.end(change);
        // A snapshot in the middle of a stream: the database is not the one that it was, and may have lost what we own.
        const otherDatabase = change.snapshot && hub.connected && !justConnected;
        if ((poolsChanged && hub.connected) || otherDatabase) ownership.assert();
        if (otherDatabase) void settleAndReport();
        justConnected = false;
      },
    },
    onSnapshotWanted: () => hub.restart(),
  });
  const hub = connectHub({
    credentials: config.hub,
    addresses: hubAddresses,
    protocolVersion,
    logger,
    position: feed.position,
    onFrame: feed.receive,
    onConnected(connected) {
      if (!connected) return feed.interrupted();
      justConnected = true;
      ownership.assert();
      void settleAndReport();
    },
  });
  const leakCheck = startLeakCheck({ ipam, wiring, logger, onChanged: () => statusChanged() });
  const reporter = startReporter({
    logger,
    client: hub.client,
    endpoints: () => endpointReports(ipam),
    status: () => nodeStatus({ config, ipam, enforcement, speaker, view, leakCheck }),
    onAskedBack: (addresses) => takeAskedBack({ ipam, wiring, reporter, inOrder, logger }, addresses),
  });
  statusChanged = reporter.statusChanged;
  const certificate = keepCertificate({
    hub: config.hub,
    ask: (question) => askAnyHub(config, hubAddresses(), question),
    logger,
  });

  /** Asks what the hub knows before it is told what we have: a full report makes it forget the rest. */
  async function settleAndReport(): Promise<void> {
    while (hub.connected) {
      try {
        const found = await strays.settle(() => hub.client().recover({}, { timeoutMs: 5_000 }));
        for (const endpoint of found) void enforcement.addEndpoint(endpoint);
        if (found.length > 0) leadHostPorts();
        return reporter.full();
      } catch (error) {
        logger.warn({ reason: String(error) }, 'what the hub knows of this node could not be asked: trying again');
        await sleep(1_000);
      }
    }
  }
  // What is known from a former run counts at once: pods start and rules stand before any hub is reached.
  await feed.replay();

  const pods = createPods({
    ipam,
    wiring,
    enforcement,
    async setHostPorts(endpoint, ports) {
      const problem = await dataplane.setHostPorts(endpoint, ports);
      flows.forgetHostPorts(ports);
      return problem;
    },
    inspectRules: (hostInterface) => dataplane.inspect(hostInterface),
    reporter,
    logger,
    mtu: config.mtu,
    wishes: view.wishes,
    pools: view.pools,
    notReady,
    directory: kubernetes?.directory ?? standaloneDirectory,
    inOrder,
    shapes: !config.kubernetes?.chained.some(({ type }) => type === 'bandwidth'),
    sysctlAllowList: config.sysctlAllowList,
  });
  const cni = await startCniServer({
    socketPath: join(config.runDirectory, 'cni.sock'),
    spoolDirectory: join(config.runDirectory, 'spool'),
    pods,
    addresses: createPlainAddresses({ ipam, reporter, inOrder, wishes: view.wishes, status: pods.status }),
    logger,
  });
  /** Why no pod could start. */
  function notReady(): string[] {
    if (!enforcement.ready) return ['no policy is known yet: no hub has been reached'];
    const pools = view.pools();
    if (pools.length === 0) return ['no IPPool may be used on this node'];
    const lacking = pools.filter((list) => !ipam.blocks().some(({ pool }) => list.includes(pool)));
    return lacking.map((list) => `no block of ${list.join(', ')} is this node's yet`);
  }
  kubernetes?.declareWhenReady(notReady);
  const guard = config.cni && guardFiles(config.cni, logger);
  const operations = config.metrics
    ? await startOperations(config.metrics, {
        notReady,
        endpoints: () => [...ipam.assignments()].length,
        enforcedRevision: () => enforcement.enforcedRevision,
        hubConnected: () => hub.connected,
        bgpEstablished: () => speaker.peers.filter((peer) => peer.state === 'Established').length,
        blocks: ipam.blocks,
        leakedAddresses: () => leakCheck.leaks.length,
      })
    : undefined;
  logger.info({ incarnation: ipam.incarnation }, 'agent ready');

  return {
    async stop() {
      clearInterval(drift);
      leakCheck.stop();
      guard?.close();
      const withKubernetes = kubernetes?.stop();
      await cni.close(() => {
        enforcement.stop();
        void dataplane.stop();
      });
      reporter.stop();
      certificate.stop();
      ownership.stop();
      const parts = async () => {
        await withKubernetes;
        await hub.stop();
        speaker.stop();
        await feed.close();
        await dataplane.stop();
        setSocket.close();
        await wiring.close();
        await journal.close();
        await operations?.close();
        lock.release();
      };
      // All requests have their answer, and the journal is on the disk: what hangs now ends with the process.
      await Promise.race([parts(), sleep(stopWithinMs, undefined, { ref: false })]);
    },
  };
}
