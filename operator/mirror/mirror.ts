/**
 * Takes what the reflectors see to Postgres, in batches.
 *
 * Every object is an item of the queue; what is done with an item depends only on what there is when it is taken, so an item may come twice, in
 * any order, and after any interruption. One request to Postgres holds a batch; what Postgres refuses of it is taken out and answered by
 * a condition, and the others go on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyResource, Kind } from '@caracal/api';
import { type Datastore, type Refusal, type ResourceName, unavailableReason } from '@caracal/datastore';
import { type KubeObject, keyOf } from '@caracal/kube';
import { isGuarded } from '../finalizers.ts';
import { mirroredKinds } from '../kinds.ts';
import { WorkQueue } from '../queue.ts';
import { drain } from './drain.ts';
import { Fenced } from './fenced.ts';
import { dependents, judge, judgeTogether, putOf } from './judge.ts';
import { isMassDelete } from './mass-delete.ts';
import { isNeeded, slicesToJudge } from './needed.ts';
import { refusalText } from './refusal.ts';
import { type ItemKey, itemKey, splitItemKey, World } from './world.ts';

const batchSize = 200;
/**
 * Between the beginnings of two requests to Postgres at the least: a lone change goes at once, and of a stream of them (a namespace
 * that is deleted) twenty batches a second, as often as hubs tell nodes.
 */
const gatherMs = 50;
/** How often an object that is to go is asked whether it is still used. */
const drainPollMs = 5000;

/** What became of an item. */
export type Outcome =
  | { readonly ok: true; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly reason: string; readonly message: string; readonly stored: boolean };

export interface MirrorOptions {
  readonly datastore: Datastore;
  /** Of this term. */
  readonly epoch: bigint;
  /** Tells what became of an object that there is. */
  readonly settled: (kind: Kind, object: KubeObject, outcome: Outcome) => void;
  /** Sees to it that an object of a guarded kind cannot go while it is stored. Throws when the API server does. */
  readonly guard: (kind: Kind, object: KubeObject) => Promise<void>;
  /** Lets it go. */
  readonly free: (kind: Kind, object: KubeObject) => Promise<void>;
  /** All keys of a kind at this moment, from the API server. */
  readonly listAgain: (kind: Kind) => Promise<readonly KubeObject[]>;
  /** Called before what is stored of an absent object is deleted. Throws when that has to wait. */
  readonly beforeDelete: (kind: Kind, key: string) => Promise<void>;
  /** So many resources went to Postgres. */
  readonly onStored: (puts: number, deletes: number) => void;
  readonly onError: (item: string, error: Error) => void;
}

export class Mirror {
  readonly world = new World();
  readonly queue = new WorkQueue();
  /** Why Postgres cannot be asked; undefined when it can. */
  databaseAway: string | undefined;
  readonly #options: MirrorOptions;
  readonly #listed = new Set<Kind>();

  constructor(options: MirrorOptions, stored: readonly ResourceName[]) {
    this.#options = options;
    for (const { kind, namespace, name } of stored) {
      const known = mirroredKinds.find((facts) => facts.kind === kind);
      if (known) this.world.stored(known.kind).add(namespace ? `${namespace}/${name}` : name);
    }
  }

  /** Whether every kind has been listed in full. */
  get synced(): boolean {
    return this.#listed.size === mirroredKinds.length;
  }

  /** All objects of a kind. Those that are stored and absent go, unless there are suspiciously many of them. */
  async listed(kind: Kind, objects: readonly KubeObject[], allowMassDelete: boolean): Promise<void> {
    let present = objects;
    let absent = this.#absent(kind, present);
    let held = !allowMassDelete && isMassDelete(this.world.stored(kind).size, absent.length);
    if (held) {
      present = await this.#options.listAgain(kind);
      absent = this.#absent(kind, present);
      held = isMassDelete(this.world.stored(kind).size, absent.length);
    }
    const keys = new Set(present.map(keyOf));
    for (const key of this.world.objects(kind).keys()) if (!keys.has(key)) this.world.objects(kind).delete(key);
    for (const object of present) if (this.world.see(kind, object)) this.#touch(kind, keyOf(object));
    if (held) this.world.held.set(kind, new Set(absent));
    else this.world.held.delete(kind);
    if (!held) for (const key of absent) this.#touch(kind, key);
    this.#listed.add(kind);
  }

  changed(kind: Kind, object: KubeObject): void {
    if (this.world.see(kind, object)) this.#touch(kind, keyOf(object));
  }

  deleted(kind: Kind, object: KubeObject): void {
    this.world.objects(kind).delete(keyOf(object));
    this.#touch(kind, keyOf(object));
  }

  /** Deletes what a mass deletion left. */
  allowMassDelete(kind: Kind): void {
    const keys = this.world.held.get(kind) ?? new Set();
    this.world.held.delete(kind);
    for (const key of keys) this.#touch(kind, key);
  }

  /** Runs until the signal aborts. @throws Fenced */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.queue.wait(signal);
      if (signal.aborted) return;
      if (!this.synced) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      const items = this.queue.take(batchSize);
      if (items.length === 0) continue;
      const began = performance.now();
      await this.#work(items);
      await sleep(Math.max(0, gatherMs - (performance.now() - began)), undefined, { signal }).catch(() => {});
    }
  }

  #absent(kind: Kind, present: readonly KubeObject[]): string[] {
    const keys = new Set(present.map(keyOf));
    return [...this.world.stored(kind)].filter((key) => !keys.has(key));
  }

  /** The object is to be looked at, and with it those that depend on it. */
  #touch(kind: Kind, key: string): void {
    this.queue.add(itemKey(kind, key));
    for (const dependent of dependents[kind] ?? [])
      for (const other of this.world.objects(dependent).keys()) this.queue.add(itemKey(dependent, other));
    if (kind === 'Service')
      for (const slice of slicesToJudge(this.world, key)) this.queue.add(itemKey('EndpointSlice', slice));
  }

  async #work(items: readonly string[]): Promise<void> {
    const puts = new Map<string, { resource: AnyResource; warnings: readonly string[] }>();
    const deletes: string[] = [];
    const leaving: string[] = [];
    for (const item of items) {
      const { kind, key } = splitItemKey(item);
      const object = this.world.object(kind, key);
      if (object?.metadata.deletionTimestamp && isGuarded(kind)) {
        leaving.push(item);
        continue;
      }
      const needed = object && isNeeded(this.world, kind, object);
      const judgement = needed ? judge(kind, object) : { verdict: 'none' as const };
      if (judgement.verdict === 'right') puts.set(item, judgement);
      else if (judgement.verdict === 'wrong') this.#settle(item, 'Invalid', judgement.message);
      else if (this.world.stored(kind).has(key) && !this.world.held.get(kind)?.has(key)) deletes.push(item);
    }
    const together = judgeTogether(
      this.world,
      [...puts.values()].map(({ resource }) => resource),
    );
    for (const [item, message] of together) {
      puts.delete(item);
      this.#settle(item, 'Conflict', message);
    }
    await this.#guard(puts);
    await this.#store(puts, await this.#deletable(deletes));
    for (const item of leaving) await this.#drain(item);
  }

  /** Those of the items whose turn it is to be deleted. */
  async #deletable(items: readonly string[]): Promise<string[]> {
    const deletable: string[] = [];
    for (const item of items) {
      const { kind, key } = splitItemKey(item);
      try {
        await this.#options.beforeDelete(kind, key);
        deletable.push(item);
      } catch (error) {
        if (error instanceof Fenced) throw error;
        this.#retry([item], error, unavailableReason(error));
      }
    }
    return deletable;
  }

  async #guard(puts: Map<string, unknown>): Promise<void> {
    for (const item of [...puts.keys()]) {
      const { kind, key } = splitItemKey(item);
      if (!isGuarded(kind)) continue;
      await this.#options.guard(kind, this.world.object(kind, key)!).catch((error: unknown) => {
        puts.delete(item);
        this.#retry([item], error);
      });
    }
  }

  async #store(
    puts: Map<string, { resource: AnyResource; warnings: readonly string[] }>,
    deletes: string[],
  ): Promise<void> {
    while (puts.size + deletes.length > 0) {
      const names = deletes.map(nameOf);
      try {
        const answer = await this.#options.datastore.write({
          op: 'resources',
          epoch: this.#options.epoch,
          put: [...puts.values()].map(({ resource }) => putOf(resource)),
          delete: names,
          missingOk: true,
        });
        this.databaseAway = undefined;
        if (answer.fenced) throw new Fenced();
        if (answer.refused?.length) {
          for (const refusal of answer.refused) this.#refuse(refusal, puts, deletes);
          continue;
        }
        this.#options.onStored(puts.size, deletes.length);
        for (const item of deletes) this.#forget(item);
        for (const [item, { warnings }] of puts) this.#stored(item, warnings);
        return;
      } catch (error) {
        if (error instanceof Fenced) throw error;
        const away = unavailableReason(error);
        if (away !== undefined || puts.size + deletes.length === 1)
          return this.#retry([...puts.keys(), ...deletes], error, away);
        // One of them is what Postgres cannot take: each by itself.
        for (const [item, put] of puts) await this.#store(new Map([[item, put]]), []);
        for (const item of deletes) await this.#store(new Map(), [item]);
        return;
      }
    }
  }

  /** Takes out of the batch what Postgres refuses. */
  #refuse(refusal: Refusal, puts: Map<string, unknown>, deletes: string[]): void {
    const item = itemKey(
      refusal.kind as Kind,
      refusal.namespace ? `${refusal.namespace}/${refusal.name}` : refusal.name,
    );
    puts.delete(item);
    const at = deletes.indexOf(item);
    if (at >= 0) deletes.splice(at, 1);
    this.#settle(item, refusal.reason, refusalText(refusal));
    this.queue.later(item, drainPollMs);
  }

  /** It is to go, and does when nothing uses it any more. */
  async #drain(item: string): Promise<void> {
    const { kind, key } = splitItemKey(item);
    const object = this.world.object(kind, key);
    if (!object) return;
    try {
      const users = await drain({ ...this.#options, world: this.world }, kind, object);
      if (users === undefined) {
        this.#forget(item);
        await this.#options.free(kind, object);
        return;
      }
      this.#settle(item, 'Deleting', `is deleted when it is not in use any more: ${users}`);
      this.queue.later(item, drainPollMs);
    } catch (error) {
      if (error instanceof Fenced) throw error;
      this.#retry([item], error, unavailableReason(error));
    }
  }

  #retry(items: readonly string[], error: unknown, away?: string): void {
    this.databaseAway = away ?? this.databaseAway;
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#options.onError(items.length === 1 ? items[0] : `${items.length} objects`, failure);
    for (const item of items) {
      this.queue.failed(item);
      if (away === undefined) this.#settle(item, 'Failed', failure.message);
    }
  }

  #forget(item: string): void {
    const { kind, key } = splitItemKey(item);
    this.world.stored(kind).delete(key);
    this.queue.succeeded(item);
  }

  #stored(item: string, warnings: readonly string[]): void {
    const { kind, key } = splitItemKey(item);
    this.world.stored(kind).add(key);
    this.queue.succeeded(item);
    const object = this.world.object(kind, key);
    if (object) this.#options.settled(kind, object, { ok: true, warnings });
  }

  #settle(item: string, reason: string, message: string): void {
    const { kind, key } = splitItemKey(item);
    const object = this.world.object(kind, key);
    const stored = this.world.stored(kind).has(key);
    if (object) this.#options.settled(kind, object, { ok: false, reason, message, stored });
  }
}

function nameOf(item: string): ResourceName {
  const { kind, key } = splitItemKey(item as ItemKey); // items are made by itemKey
  const [name, namespace = ''] = key.split('/').reverse();
  return { kind, namespace, name };
}
