import { fromBinary } from '@bufbuild/protobuf';
import { FeedMessageSchema, type PackedPods, PackedPodsCheck, PodUnpacker } from '@caracal/protocol';
import { entriesOf, type FeedEntry, isIpv6Pool } from './entries.ts';

/** Where the hub's history stands. */
export interface FeedPosition {
  readonly revision: bigint;
  readonly nonce: bigint;
}

/** What happened between two committed revisions. */
export interface FeedChange extends FeedPosition {
  /** It comes of a snapshot: the hub did not know where this node stood. */
  readonly snapshot: boolean;
  /** A pool of IPv6 is among it: said in advance, since who works for IPv6 needs what comes before the pool as well. */
  readonly hasIpv6Pool: boolean;
  /** The entries, some at a time, in an order in which they may be applied; to be walked once, and whole, before the next frame. */
  batches(): Iterable<readonly FeedEntry[]>;
}

/** What one frame was. */
export interface FeedStep {
  readonly message: 'snapshotBegin' | 'items' | 'packedPods' | 'commit' | 'heartbeat' | 'unknown';
  readonly change?: FeedChange;
}

/**
 * Entries that are handed on at once, so that they take about a millisecond together: a resource is parsed and validated, which costs some
 * 100 µs (several times that before the machine has compiled its code); a pod some 10 µs.
 */
const resourcesABatch = 4;
const podsABatch = 32;

/**
 * Where the node stands in what the hub serves, advanced frame by frame. Nothing is visible before its commit, so nobody acts on half a
 * snapshot. Until then a snapshot is kept as the bytes that came, each frame having been looked through to see that it can be read; what comes of
 * them is made when it is applied, so that there is never a second copy of it.
 */
export class FeedState {
  revision = 0n;
  nonce = 0n;
  /** Keys of the resources that exist; of pods and endpoints those who keep them know. */
  #known = new Set<string>();
  /** A snapshot's frames, or the entries of a change. */
  #frames: Uint8Array[] = [];
  #entries: FeedEntry[] = [];
  #hasIpv6Pool = false;
  /** Of the snapshot that is being received. */
  #check: PackedPodsCheck | undefined;
  #liveness: { live: boolean; staleSinceMs: bigint } = { live: true, staleSinceMs: 0n };

  /** What the hub last said of itself: whether it is in step with the database. */
  get liveness(): { live: boolean; staleSinceMs: bigint } {
    return this.#liveness;
  }

  /** Takes one frame's payload; the step has a change when it commits one. Throws on bytes that are no FeedMessage, or one that makes no sense. */
  advance(payload: Uint8Array): FeedStep {
    const { message } = fromBinary(FeedMessageSchema, payload);
    switch (message.case) {
      case 'snapshotBegin':
        this.discardPending();
        this.#check = new PackedPodsCheck();
        return { message: 'snapshotBegin' };
      case 'items': {
        const entries = entriesOf(message.value.items);
        if (entries.some(isIpv6Pool)) this.#hasIpv6Pool = true;
        if (this.#check) this.#frames.push(payload);
        else for (const entry of entries) this.#entries.push(entry);
        return { message: 'items' };
      }
      case 'packedPods':
        if (!this.#check) throw new RangeError('packed pods are of a snapshot, and none has begun');
        this.#check.check(message.value);
        this.#frames.push(payload);
        return { message: 'packedPods' };
      case 'commit':
        return { message: 'commit', change: this.#commit(message.value) };
      case 'heartbeat':
        this.#liveness = message.value;
        return { message: 'heartbeat' };
      default:
        // A later protocol's message: what it says cannot matter to an agent that does not know it.
        return { message: 'unknown' };
    }
  }

  /** Drops what was received and not committed: the stream that carried it has ended. */
  discardPending(): void {
    this.#frames = [];
    this.#entries = [];
    this.#hasIpv6Pool = false;
    this.#check = undefined;
  }

  #commit({ revision, nonce }: FeedPosition): FeedChange {
    const frames = this.#frames;
    const entries = this.#entries;
    const snapshot = this.#check !== undefined;
    const hasIpv6Pool = this.#hasIpv6Pool;
    const batches = () => (snapshot ? this.#snapshotBatches(frames) : this.#entryBatches(entries));
    this.discardPending();
    this.revision = revision;
    this.nonce = nonce;
    return { revision, nonce, snapshot, hasIpv6Pool, batches };
  }

  *#entryBatches(entries: readonly FeedEntry[]): Generator<readonly FeedEntry[]> {
    for (const entry of entries) note(this.#known, entry);
    for (let i = 0; i < entries.length; i += resourcesABatch) yield entries.slice(i, i + resourcesABatch);
  }

  /** What a snapshot does not name is deleted. */
  *#snapshotBatches(frames: Uint8Array[]): Generator<readonly FeedEntry[]> {
    const named = new Set<string>();
    const unpacker = new PodUnpacker();
    yield [{ case: 'snapshotBegin' }];
    for (let frame = frames.shift(); frame; frame = frames.shift()) {
      const { message } = fromBinary(FeedMessageSchema, frame);
      if (message.case === 'packedPods') yield* packedBatches(unpacker, message.value);
      if (message.case !== 'items') continue;
      const { items } = message.value;
      for (let i = 0; i < items.length; i += resourcesABatch) {
        const entries = entriesOf(items.slice(i, i + resourcesABatch));
        for (const entry of entries) note(named, entry);
        yield entries;
      }
    }
    for (const key of this.#known) if (!named.has(key)) yield [deletionOf(key)];
    this.#known = named;
    yield [{ case: 'snapshotEnd' }];
  }
}

function* packedBatches(unpacker: PodUnpacker, message: PackedPods): Generator<FeedEntry[]> {
  let batch: FeedEntry[] = [];
  for (const { pod, endpoint } of unpacker.unpack(message)) {
    if (pod) batch.push({ case: 'pod', value: pod });
    if (endpoint) batch.push({ case: 'endpoint', value: endpoint });
    if (batch.length < podsABatch) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function note(known: Set<string>, entry: FeedEntry): void {
  if (entry.case === 'resource') known.add(keyOf(entry.value));
  if (entry.case === 'resourceDeleted') known.delete(keyOf(entry.value));
}

/** NUL is in no name. */
function keyOf({ kind, namespace, name }: { kind: string; namespace: string; name: string }): string {
  return `${kind}\0${namespace}\0${name}`;
}

function deletionOf(key: string): FeedEntry {
  const [kind, namespace, name] = key.split('\0');
  return { case: 'resourceDeleted', value: { kind, namespace, name } };
}
