/**
 * Gives Services of type LoadBalancer their addresses.
 *
 * Every Service is an item of a queue, by `namespace/name`; what is done with it depends only on what there is when it is taken: the Service, the pools, and
 * who has which address. An address stands in a status only after Postgres has it, and is out of the status before Postgres gives it to
 * somebody else. One Service at a time, so that nothing is chosen twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Datastore, ServiceAddress } from '@caracal/datastore';
import { type KubeApi, type KubeObject, keyOf } from '@caracal/kube';
import { formatAddress, parseAddress, parsePrefix } from '@caracal/net';
import type { Logger } from 'pino';
import { Fenced } from '../mirror/fenced.ts';
import { isMassDelete } from '../mirror/mass-delete.ts';
import { WorkQueue } from '../queue.ts';
import { AddressBook } from './address-book.ts';
import { type Choice, choose } from './choose.ts';
import { ingressOf, ownConditions, type WantedStatus, writeServiceStatus } from './service-status.ts';
import { claimOf, wantOf } from './want.ts';

/** A round of the queue. */
const batchSize = 100;
/** How often another address is tried when Postgres says that somebody has the one that was chosen. */
const mostTries = 8;
/** What Postgres refused for what it has and is not known here yet. */
const rereadMs = 2000;

export interface BalancerOptions {
  readonly datastore: Pick<Datastore, 'write' | 'listServiceAddresses' | 'listResources'>;
  /** Of this term. */
  readonly epoch: bigint;
  readonly api: KubeApi;
  /** Services as Kubernetes has them, by key. */
  readonly services: ReadonlyMap<string, KubeObject>;
  /** Whether these are all that there are, and Postgres has the pools. */
  readonly isReady: () => boolean;
  /** Whether Services that name no class are served; auto: as soon as there is a pool for them. */
  readonly withoutClass: 'auto' | 'always' | 'never';
  /** Whether Services may vanish in suspicious numbers. */
  readonly mayVanish: () => boolean;
  readonly logger: Logger;
}

export class LoadBalancer {
  readonly #options: BalancerOptions;
  readonly #queue = new WorkQueue();
  readonly #book = new AddressBook();
  /** What the book was made of. */
  #read: string | undefined;
  #stale = true;
  /** Deleted before our eyes, by key. */
  readonly #deleted = new Set<string>();
  /** They have addresses and vanished in suspicious numbers. */
  #held: ReadonlySet<string> = new Set();
  /** They want what there is not, by key. */
  readonly #unserved = new Set<string>();

  constructor(options: BalancerOptions) {
    this.#options = options;
  }

  /** Services that have not all that they want. */
  get unserved(): number {
    return this.#unserved.size;
  }

  /** Services that have addresses and are kept though Kubernetes has them no more. */
  get held(): number {
    return this.#held.size;
  }

  /** All Services are there as Kubernetes has them; what happened to them meanwhile is not known. */
  listed(): void {
    for (const [key, service] of this.#options.services) if (claimOf(service) !== 'none') this.#queue.add(key);
    this.refresh();
  }

  changed(key: string): void {
    this.#queue.add(key);
  }

  deleted(key: string, uid: string): void {
    this.#deleted.add(key);
    this.#book.settle(uid);
    this.#queue.add(key);
  }

  /** Pools, or what Postgres has, may be others: all is read again. */
  refresh(): void {
    this.#stale = true;
    this.#queue.add('');
  }

  /** Runs until the signal aborts. @throws Fenced */
  async run(signal: AbortSignal): Promise<void> {
    const { isReady, logger } = this.#options;
    this.refresh();
    while (!signal.aborted) {
      await this.#queue.wait(signal);
      if (signal.aborted) return;
      if (!isReady()) {
        await sleep(50, undefined, { signal }).catch(() => {});
        continue;
      }
      try {
        if (this.#stale) await this.#reread();
      } catch (error) {
        logger.warn({ error: messageOf(error) }, 'addresses of services cannot be read');
        await sleep(1000, undefined, { signal }).catch(() => {});
        continue;
      }
      for (const key of this.#queue.take(batchSize)) {
        if (key === '' || signal.aborted) continue;
        await this.#turn(key);
      }
    }
  }

  async #turn(key: string): Promise<void> {
    try {
      await this.#serve(key);
      this.#queue.succeeded(key);
    } catch (error) {
      if (error instanceof Fenced) throw error;
      this.#options.logger.warn({ service: key, error: messageOf(error) }, 'service not served, is tried again');
      this.#queue.failed(key);
    }
  }

  /** What Postgres has. Where it differs from what was known, every Service has its turn. */
  async #reread(): Promise<void> {
    const { datastore, services, mayVanish, logger } = this.#options;
    this.#stale = false;
    try {
      const rows = await datastore.listServiceAddresses();
      const { resources } = await datastore.listResources({ kinds: ['IPPool', 'IPReservation'] });
      // What is stored was validated, with all defaults.
      const specs = <Spec>(kind: string) =>
        resources.filter((each) => each.kind === kind).map(({ name, spec }) => ({ name, ...(spec as Spec) }));
      const pools = specs<PoolSpec>('IPPool').map(({ name, cidr, disabled, assignmentMode, allowedUses }) => ({
        ...{ name, cidr, disabled, assignmentMode, allowedUses },
        ...{ selectsNode: true, selectsNamespace: true },
      }));
      const reserved = specs<{ reservedCIDRs: string[] }>('IPReservation').flatMap(
        ({ reservedCIDRs }) => reservedCIDRs,
      );
      const text = JSON.stringify([pools, reserved]);
      const isKnown = this.#read === text && !this.#book.hasOthers && rowsText(rows) === rowsText(this.#book.rows());
      if (!isKnown) {
        this.#book.load(
          pools,
          reserved.flatMap((cidr) => parsePrefix(cidr) ?? []),
          rows,
        );
        this.#read = text;
        for (const [key, service] of services) {
          for (const ip of ingressIps(service)) this.#book.claim(ip, service.metadata.uid, key);
          if (claimOf(service) !== 'none') this.#queue.add(key);
        }
      }
    } catch (error) {
      this.#stale = true;
      throw error;
    }
    const had = this.#book.services();
    const absent = had.filter((key) => !services.has(key) && !this.#deleted.has(key));
    const before = this.#held.size;
    this.#held = new Set(isMassDelete(had.length, absent.length) && !mayVanish() ? absent : []);
    if (this.#held.size > before)
      logger.warn({ services: this.#held.size }, 'suspiciously many services vanished, and keep their addresses');
    for (const key of had) {
      const service = services.get(key);
      if (!this.#held.has(key) && (!service || claimOf(service) === 'none')) this.#queue.add(key);
    }
  }

  async #serve(key: string): Promise<void> {
    const service = this.#options.services.get(key);
    if (!service && this.#held.has(key)) return;
    this.#deleted.delete(key);
    for (const uid of this.#book.uidsOf(key)) if (uid !== service?.metadata.uid) await this.#store(key, uid, []);
    this.#unserved.delete(key);
    if (!service) return;
    if (!this.#isOurs(service)) return this.#letGo(key, service);

    const result = wantOf(service);
    const { uid } = service.metadata;
    const inStatus = ingressIps(service);
    let choice: Choice | undefined;
    for (let tries = 0; tries < mostTries; tries++) {
      // Who writes what nobody understands keeps what the Service has.
      choice = result.ok
        ? choose(result.want, uid, inStatus, this.#book)
        : { addresses: this.#book.of(uid), problems: [result.message] };
      const had = this.#book.of(uid);
      const stays = had.filter(({ address }) => choice!.addresses.some((each) => each.address === address));
      if (stays.length === had.length && had.length === choice.addresses.length) break;
      if (stays.length < had.length)
        await this.#write(service, statusOf({ addresses: stays, problems: choice.problems }));
      const refusal = await this.#store(key, uid, choice.addresses);
      if (!refusal) break;
      choice = { addresses: this.#book.of(uid), problems: [refusal.problem] };
      if (!refusal.isTaken) break;
    }
    this.#book.settle(uid);
    if (choice!.problems.length > 0) this.#unserved.add(key);
    await this.#write(service, statusOf(choice!));
  }

  /** Whether the Service is ours to serve. Of one without class that has something else in its status somebody else sees to it. */
  #isOurs(service: KubeObject): boolean {
    const claim = claimOf(service);
    if (claim !== 'anybody') return claim === 'ours';
    const { withoutClass } = this.#options;
    if (withoutClass === 'never') return false;
    if (this.#book.of(service.metadata.uid).length > 0) return true;
    const served = ingressOf(service).every(({ ip }) => ip !== undefined && this.#book.covers(ip));
    return served && (withoutClass === 'always' || this.#book.hasPools);
  }

  /** First out of its status, then free for others. Who has nothing of ours is left alone. */
  async #letGo(key: string, service: KubeObject): Promise<void> {
    const { uid } = service.metadata;
    const had = this.#book.of(uid);
    if (had.length === 0 && !ownConditions(service)) return;
    await this.#write(service, { addresses: [], condition: undefined });
    if (had.length > 0) await this.#store(key, uid, []);
  }

  /** In Postgres, and then in the book; or what Postgres has against it. @throws Fenced */
  async #store(key: string, uid: string, addresses: Choice['addresses']): Promise<StoreRefusal | undefined> {
    const { datastore, epoch, logger } = this.#options;
    const [namespace, name] = key.split('/');
    const answer = await datastore.write({ op: 'service', epoch, namespace, name, uid, addresses });
    if (answer.fenced) throw new Fenced();
    if (answer.refused) {
      const { address, reason, by = 'somebody else' } = answer.refused;
      if (reason === 'Taken') {
        this.#book.takenByOther(address, by);
        return { isTaken: true, problem: `${address} is held by ${by}` };
      }
      this.#stale = true;
      this.#queue.later(key, rereadMs);
      const why =
        reason === 'Reserved'
          ? `reserved by IPReservation/${by}`
          : 'of no enabled IPPool whose allowedUses is [LoadBalancer] any more';
      return { isTaken: false, problem: `${address} is ${why}` };
    }
    const kept = new Set(addresses.map(({ address }) => address));
    const freed = this.#book.of(uid).filter(({ address }) => !kept.has(address));
    for (const { address } of freed) this.#book.free(address);
    for (const { address, pool } of addresses) this.#book.take({ address, pool, namespace, name, uid });
    if (freed.length > 0) for (const waiting of this.#unserved) this.#queue.add(waiting);
    const { assigned = [], released = [] } = answer;
    if (assigned.length + released.length > 0)
      logger.info({ service: key, assigned, released }, 'addresses of a service');
    return undefined;
  }

  async #write(service: KubeObject, status: WantedStatus): Promise<void> {
    // As it is by now, when it still is.
    const present = this.#options.services.get(keyOf(service));
    if (present?.metadata.uid !== service.metadata.uid) return;
    await writeServiceStatus(this.#options.api, present, status, new Date());
  }
}

/** Canonical, as the book has them. */
function ingressIps(service: KubeObject): string[] {
  return ingressOf(service).flatMap(({ ip }) => {
    const address = parseAddress(ip ?? '');
    return address ? formatAddress(address) : [];
  });
}

interface StoreRefusal {
  /** Another address may do. */
  readonly isTaken: boolean;
  readonly problem: string;
}

interface PoolSpec {
  readonly cidr: string;
  readonly disabled: boolean;
  readonly assignmentMode: 'Automatic' | 'Manual';
  readonly allowedUses: readonly string[];
}

function statusOf({ addresses, problems }: Choice): WantedStatus {
  const has = addresses.map(({ address, pool }) => `${address} of IPPool/${pool}`).join(' and ');
  const message = [...(has ? [`has ${has}`] : []), ...problems].join('; ');
  const reason = problems.length === 0 ? 'Assigned' : addresses.length > 0 ? 'AssignedInPart' : 'NotAssigned';
  const status = problems.length === 0 ? 'True' : 'False';
  return { addresses: addresses.map(({ address }) => address), condition: { status, reason, message } };
}

function rowsText(rows: readonly ServiceAddress[]): string {
  return JSON.stringify(
    rows.map(({ address, pool, namespace, name, uid }) => [address, pool, namespace, name, uid].join(' ')).sort(),
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
