import { create, fromBinary } from '@bufbuild/protobuf';
import { type FeedItem, FeedItemSchema, FeedMessageSchema } from '@caracal/protocol';

/** What happened between two committed revisions, in an order in which it may be applied. */
export interface FeedChange {
  readonly items: readonly FeedItem[];
  readonly revision: bigint;
  readonly nonce: bigint;
  /** It comes of a snapshot: the hub did not know where this node stood. */
  readonly snapshot: boolean;
}

/** What one frame was. */
export interface FeedStep {
  readonly message: 'snapshotBegin' | 'items' | 'commit' | 'heartbeat' | 'unknown';
  readonly change?: FeedChange;
}

/**
 * Where the node stands in what the hub serves, advanced frame by frame; of objects it keeps only that they exist. Nothing is visible before its commit, so nobody acts
 * on half a snapshot. A snapshot becomes the difference to what was there: whatever it does not name is deleted.
 */
export class FeedState {
  revision = 0n;
  nonce = 0n;
  /** The key of everything that exists, with the item that deletes it. */
  #known = new Map<string, FeedItem>();
  #pending: FeedItem[] = [];
  #snapshot = false;
  #liveness: { live: boolean; staleSinceMs: bigint } = { live: true, staleSinceMs: 0n };

  /** What the hub last said of itself: whether it is in step with the database. */
  get liveness(): { live: boolean; staleSinceMs: bigint } {
    return this.#liveness;
  }

  /** Takes one frame's payload; the step has a change when it commits one. Throws on bytes that are no FeedMessage. */
  advance(payload: Uint8Array): FeedStep {
    const { message } = fromBinary(FeedMessageSchema, payload);
    switch (message.case) {
      case 'snapshotBegin':
        this.#snapshot = true;
        this.#pending = [];
        return { message: 'snapshotBegin' };
      case 'items':
        for (const item of message.value.items) this.#pending.push(item);
        return { message: 'items' };
      case 'commit':
        return { message: 'commit', change: this.#commit(message.value.revision, message.value.nonce) };
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
    this.#pending = [];
    this.#snapshot = false;
  }

  #commit(revision: bigint, nonce: bigint): FeedChange {
    const items = this.#pending;
    const snapshot = this.#snapshot;
    if (snapshot) {
      const named = new Set(items.map(keyOf));
      for (const [key, deletion] of this.#known) if (!named.has(key)) items.push(deletion);
    }
    for (const item of items) {
      const deletion = deletionOf(item);
      if (deletion) this.#known.set(keyOf(item), deletion);
      else this.#known.delete(keyOf(item));
    }
    this.discardPending();
    this.revision = revision;
    this.nonce = nonce;
    return { items, revision, nonce, snapshot };
  }
}

function keyOf({ item }: FeedItem): string {
  switch (item.case) {
    case 'resource':
    case 'resourceDeleted':
      return `${item.value.kind}/${item.value.namespace}/${item.value.name}`;
    case 'endpoint':
    case 'endpointDeleted':
      return `endpoint ${item.value.node}/${item.value.containerId}/${item.value.interface}`;
    case 'block':
      return `block ${item.value.cidr}`;
    case 'blockDeleted':
      return `block ${item.value}`;
    default:
      return '';
  }
}

/** The item that takes an upsert back, or undefined when the item is itself a deletion. */
function deletionOf({ item }: FeedItem): FeedItem | undefined {
  switch (item.case) {
    case 'resource': {
      const { kind, namespace, name } = item.value;
      return create(FeedItemSchema, { item: { case: 'resourceDeleted', value: { kind, namespace, name } } });
    }
    case 'endpoint': {
      const { node, containerId, interface: name } = item.value;
      return create(FeedItemSchema, {
        item: { case: 'endpointDeleted', value: { node, containerId, interface: name } },
      });
    }
    case 'block':
      return create(FeedItemSchema, { item: { case: 'blockDeleted', value: item.value.cidr } });
    default:
      return undefined;
  }
}
