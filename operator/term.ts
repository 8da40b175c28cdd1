/** What a leader does: makes the parts, connects them, and ends with its term. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kind } from '@caracal/api';
import { type Datastore, unavailableReason } from '@caracal/datastore';
import { type KubeApi, type KubeObject, keyOf, listAll, reflect } from '@caracal/kube';
import type { Logger } from 'pino';
import type { OperatorConfig } from './config.ts';
import { setFinalizer } from './finalizers.ts';
import { mirroredKinds } from './kinds.ts';
import type { Lead } from './leader.ts';
import { leadingApi } from './leading-api.ts';
import { LoadBalancer } from './load-balancer/balancer.ts';
import { Fenced } from './mirror/fenced.ts';
import { Mirror, type Outcome } from './mirror/mirror.ts';
import { kindFacts, objectPath } from './mirror/world.ts';
import { type GoneNode, OutOfService } from './nodes.ts';
import type { Metrics, TermState } from './operations.ts';
import { OwnStatus } from './status/own-status.ts';
import { readyCondition } from './status/ready.ts';
import { StatusWriter } from './status/writer.ts';
import { type Health, healthConditions, look, peerSessions, poolFacts, specFacts } from './survey.ts';

const allowMassDelete = 'caracal.network/allow-mass-delete';

export interface TermParts {
  readonly config: OperatorConfig;
  readonly identity: string;
  readonly api: KubeApi;
  readonly datastore: Datastore;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told what this term knows, as soon as it knows anything. */
  readonly onState: (state: TermState) => void;
}

/** Runs until the term is over, or another operator leads. */
export async function runTerm(parts: TermParts, lead: Lead): Promise<void> {
  const { config, identity, datastore, logger, metrics } = parts;
  const api = leadingApi(parts.api, lead.held);
  const over = new AbortController();
  const end = AbortSignal.any([lead.signal, over.signal]);
  const status = new StatusWriter(api, {
    writesPerSecond: config.statusWritesPerSecond,
    onWritten: () => metrics.statusWritten(true),
    onError: (path, error) => {
      metrics.statusWritten(false);
      logger.warn({ path, error: error.message }, 'status not written');
    },
  });
  const ownStatus = new OwnStatus(api, status);
  const writing = status.run(end);
  const epoch = await begin();
  if (epoch === undefined) return void (await writing);
  const invalid = new Map<string, string>();
  const allowed = () => ownStatus.list(allowMassDelete);

  const stored = await untilAnswered(
    async () => (await datastore.listResources({ kinds: mirroredKinds.map(({ kind }) => kind) })).resources,
  );
  if (!stored) return void (await writing);
  const outOfService = new OutOfService(stored);
  let goneNodes: readonly GoneNode[] = [];
  const mirror = new Mirror(
    {
      datastore,
      epoch,
      settled,
      guard: (kind, object) => setFinalizer(api, kind, object, true),
      free: (kind, object) => setFinalizer(api, kind, object, false),
      listAgain: async (kind) => (await listAll(api, kindFacts.get(kind)!.path, end, config.listPageSize)).objects,
      beforeDelete: async (kind, key) => {
        if (kind === 'Node' && outOfService.has(key)) await reclaim(key);
      },
      onStored: metrics.stored,
      onError: (item, error) => logger.warn({ item, error: error.message }, 'not stored, is tried again'),
    },
    stored,
  );
  const balancer = new LoadBalancer({
    ...{ datastore, epoch, api, logger },
    services: mirror.world.objects('Service'),
    isReady: () => mirror.synced,
    withoutClass: config.loadBalancer.servicesWithoutClass,
    mayVanish: () => allowed().includes('Service'),
  });
  parts.onState({
    get synced() {
      return mirror.synced;
    },
    get waiting() {
      return mirror.queue.size;
    },
    get databaseAway() {
      return mirror.databaseAway;
    },
    get invalid() {
      return invalid.size;
    },
    get objects() {
      return new Map(mirroredKinds.map(({ kind }) => [kind, mirror.world.objects(kind).size]));
    },
    get held() {
      return new Map([...mirror.world.held].map(([kind, keys]) => [kind, keys.size]));
    },
    get servicesUnserved() {
      return balancer.unserved;
    },
    get blocksOfGoneNodes() {
      return goneNodes.reduce((sum, { blocks }) => sum + blocks, 0);
    },
  });
  logger.info({ epoch: String(epoch), stored: stored.length }, 'leading');
  try {
    await Promise.all([
      writing,
      survey(),
      mirror.run(end).catch(whenFenced),
      balancer.run(end).catch(whenFenced),
      ...mirroredKinds.map((facts) => {
        const { kind, path } = facts;
        const observer = {
          listed: async (objects: readonly KubeObject[]) => {
            if (kind === 'Node') for (const node of objects) outOfService.seen(node);
            await mirror.listed(kind, objects, allowed().includes(kind));
            if (kind === 'Service') balancer.listed();
          },
          changed: (object: KubeObject) => {
            if (kind === 'Node') outOfService.seen(object);
            mirror.changed(kind, object);
            if (kind === 'Service') balancer.changed(keyOf(object));
            if (facts.own) status.look(objectPath(facts, keyOf(object)));
          },
          deleted: (object: KubeObject) => {
            if (kind === 'Node') outOfService.seen(object);
            mirror.deleted(kind, object);
            if (kind === 'Service') balancer.deleted(keyOf(object), object.metadata.uid);
            if (kind === 'IPPool') balancer.refresh();
          },
          lost: (error: Error) => {
            metrics.watchLost(kind);
            logger.warn({ kind, error: error.message }, 'watch lost, is tried again');
          },
        };
        return reflect(api, observer, { path, pageSize: config.listPageSize }, end);
      }),
    ]);
  } finally {
    over.abort();
  }

  function whenFenced(error: unknown): void {
    if (!(error instanceof Fenced)) throw error;
    logger.warn('fenced: another operator leads');
    over.abort();
  }

  /** The epoch of this term; undefined when it ends before there is one. */
  async function begin(): Promise<bigint | undefined> {
    const taken = await untilAnswered(async () => {
      const system = (await api.request({ method: 'GET', path: '/api/v1/namespaces/kube-system' })) as KubeObject; // as the API has it
      const answer = await datastore.takeEpoch(system.metadata.uid, identity);
      if ('epoch' in answer) return answer.epoch;
      throw new Error(
        `the database belongs to the cluster whose kube-system has uid ${answer.otherCluster}, not ${system.metadata.uid}: give this cluster a database of its own`,
      );
    });
    return taken;
  }

  /** Asks again, with pauses, and says in the status object why there is no answer. */
  async function untilAnswered<T>(ask: () => Promise<T>): Promise<T | undefined> {
    for (let pause = 250; !end.aborted; pause = Math.min(pause * 2, 10_000)) {
      try {
        return await ask();
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        logger.warn({ error: message }, 'cannot begin');
        const reason = unavailableReason(error) !== undefined ? 'DatabaseAway' : 'CannotBegin';
        const conditions = [
          { type: 'Available', status: 'False', reason, message },
          { type: 'Progressing', status: 'True', reason, message },
          { type: 'Degraded', status: 'True', reason, message },
        ] as const;
        await ownStatus.write(conditions).catch(() => {});
        await sleep(pause, undefined, { signal: end }).catch(() => {});
      }
    }
    return undefined;
  }

  function settled(kind: Kind, object: KubeObject, outcome: Outcome): void {
    const facts = kindFacts.get(kind)!;
    const item = `${kind}/${keyOf(object)}`;
    if (kind === 'IPPool' || kind === 'IPReservation') balancer.refresh();
    if (outcome.ok) invalid.delete(item);
    else invalid.set(item, outcome.message);
    if (!outcome.ok) logger.warn({ object: item, reason: outcome.reason }, outcome.message);
    if (!facts.own) return;
    const path = objectPath(facts, keyOf(object));
    const target = { path, object: () => mirror.world.object(kind, keyOf(object)) };
    // What a survey found out, of this term or an earlier one, stays until the next.
    const before = status.wanted(path) ?? (object.status as object | undefined); // a map of fields, by the schema
    const ofSpec = kind === 'IPPool' ? specFacts(object) : {};
    status.set(target, { ...before, ...ofSpec, conditions: [readyCondition(object, outcome)] });
  }

  /** What a node owned that was off when its Node was deleted; before that is forgotten, so that it is done even after a restart. */
  async function reclaim(node: string): Promise<void> {
    const { fenced, released, endpoints } = await datastore.write({ op: 'reclaim', node, epoch: epoch! }); // there is one by now
    if (fenced) throw new Fenced();
    outOfService.forget(node);
    logger.info({ node, blocks: released, endpoints }, 'taken back from a node that is off');
  }

  async function survey(): Promise<void> {
    while (!end.aborted) {
      const pause = mirror.synced ? config.surveyMs : Math.min(500, config.surveyMs);
      await sleep(pause, undefined, { signal: end }).catch(() => {});
      if (end.aborted) return;
      const seen = await look(datastore).catch((error: unknown) => {
        mirror.databaseAway = unavailableReason(error) ?? String(error);
        return undefined;
      });
      if (seen) mirror.databaseAway = undefined;
      // What a failover lost is given again.
      balancer.refresh();
      if (seen) report(seen);
      if (seen && mirror.synced && !mirror.world.held.has('Node'))
        goneNodes = seen.owners.filter(({ node }) => !mirror.world.object('Node', node));
      for (const kind of [...mirror.world.held.keys()]) if (allowed().includes(kind)) mirror.allowMassDelete(kind);
      for (const item of [...invalid.keys()]) if (!exists(item)) invalid.delete(item);
      const nodes = mirror.world.objects('Node').size;
      const health: Health = {
        synced: mirror.synced,
        waiting: mirror.queue.size,
        databaseAway: mirror.databaseAway,
        invalid: [...invalid.keys()],
        massDeleteHeld: heldObjects(),
        nodes,
        reportingNodes: seen?.statuses.filter(({ node }) => mirror.world.object('Node', node)).length ?? 0,
        goneNodes,
        durability: seen?.durability,
      };
      const extra = { nodes, reportingNodes: health.reportingNodes, invalidObjects: invalid.size };
      await ownStatus
        .write(healthConditions(health), extra)
        .catch((error: Error) => logger.warn({ error: error.message }, 'status object not written'));
    }
  }

  function exists(item: string): boolean {
    const slash = item.indexOf('/');
    return mirror.world.object(item.slice(0, slash) as Kind, item.slice(slash + 1)) !== undefined; // made in settled
  }

  function heldObjects(): { kind: string; count: number }[] {
    const held = [...mirror.world.held].map(([kind, keys]) => ({ kind: String(kind), count: keys.size }));
    return balancer.held > 0 ? [...held, { kind: 'Service', count: balancer.held }] : held;
  }

  /** What a survey found, into the status of pools and peers. */
  function report({ usage, statuses }: Awaited<ReturnType<typeof look>>): void {
    const withSelector = [...mirror.world.objects('BGPPeer').values()]
      .filter(({ spec }) => (spec as { peerSelector?: string }).peerSelector !== undefined) // of the CRD
      .map(({ metadata }) => metadata.name);
    const nodes = mirror.world.objects('Node');
    const present = statuses.filter(({ node }) => nodes.has(node));
    const sessions = peerSessions(present, withSelector, nodes);
    for (const kind of ['IPPool', 'BGPPeer'] as const) {
      for (const [key, object] of mirror.world.objects(kind)) {
        const path = objectPath(kindFacts.get(kind)!, key);
        const wanted = status.wanted(path);
        if (!wanted) continue;
        const found = sessions.get(key) ?? { nodes: 0, established: 0, total: 0 };
        const facts =
          kind === 'IPPool'
            ? { ...specFacts(object), ...poolFacts(usage.get(key)) }
            : { nodes: found.nodes, established: `${found.established}/${found.total}` };
        status.set({ path, object: () => mirror.world.object(kind, key) }, { ...wanted, ...facts });
      }
    }
  }
}
