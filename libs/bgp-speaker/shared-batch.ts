import type { AdjRibOut } from './rib/adj-rib-out.ts';

/** What a batch says of a route to a peer. */
const outcomes = { nothing: 0, withdrawn: 1, announced: 2 } as const;

/**
 * What one peer was told in one batch: which routes, what of each, and the messages. A peer that is treated alike, waits
 * for the same news and holds the same of it is told the same, in the same octets.
 */
export class SharedBatch {
  readonly #routes: Int32Array;
  readonly #outcomes: Uint8Array;
  /** The peers that announced routes come from: they hear something else. */
  readonly #from = new Set<number>();
  #length = 0;
  #messages: readonly Uint8Array[] = [];
  /** Peers that are treated alike would not all hear the same. */
  #spoilt = false;
  #complete = false;

  constructor(capacity: number) {
    this.#routes = new Int32Array(capacity);
    this.#outcomes = new Uint8Array(capacity);
  }

  /** A batch begins to be noted down. */
  begin(): void {
    this.#length = 0;
    this.#from.clear();
    this.#spoilt = false;
    this.#complete = false;
    this.#messages = [];
  }

  announced(route: number, from: number): void {
    this.#note(route, outcomes.announced);
    this.#from.add(from);
  }

  withdrawn(route: number): void {
    this.#note(route, outcomes.withdrawn);
  }

  /** The peer does not get the route, and did not have it. */
  nothing(route: number): void {
    this.#note(route, outcomes.nothing);
  }

  /** What this peer hears is for itself alone. */
  spoil(): void {
    this.#spoilt = true;
  }

  /** All of the batch was noted, and this is what the peer was sent. */
  complete(messages: readonly Uint8Array[]): void {
    this.#messages = messages;
    this.#complete = this.#length > 0 && !this.#spoilt;
  }

  /** Whether a peer with this number, which is treated alike, is to be told the same next. */
  fits(out: AdjRibOut, peer: number): boolean {
    if (!this.#complete || this.#from.has(peer)) return false;
    if (out.pending < this.#length || out.defaultRoute >= 0) return false;
    for (let i = 0; i < this.#length; i++) {
      const route = this.#routes[i];
      if (out.pendingAt(i) !== route) return false;
      const outcome = this.#outcomes[i];
      if (outcome !== outcomes.announced && out.has(route) !== (outcome === outcomes.withdrawn)) return false;
    }
    return true;
  }

  /** Tells a peer that it fits: takes the routes from what waits; returns the messages for the peer. */
  tell(out: AdjRibOut, released: (route: number) => void): readonly Uint8Array[] {
    for (let i = 0; i < this.#length; i++) {
      const route = out.next();
      if (this.#outcomes[i] === outcomes.announced) {
        out.add(route);
        continue;
      }
      out.delete(route);
      released(route);
    }
    return this.#messages;
  }

  #note(route: number, outcome: number): void {
    this.#routes[this.#length] = route;
    this.#outcomes[this.#length++] = outcome;
  }
}

/** How many batches of one treatment are kept: peers whose sockets are slower wait for other news. */
const kept = 4;

/** The batches of one treatment, until routes come in again. */
export class SharedBatches {
  readonly #capacity: number;
  readonly #batches: SharedBatch[] = [];
  #used = 0;

  /** `capacity`: the most routes of a batch. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  find(out: AdjRibOut, peer: number): SharedBatch | undefined {
    for (let i = 0; i < this.#used; i++) if (this.#batches[i].fits(out, peer)) return this.#batches[i];
    return undefined;
  }

  /** Where the next batch is noted down; undefined when there are enough. */
  begin(): SharedBatch | undefined {
    if (this.#used === kept) return undefined;
    this.#batches[this.#used] ??= new SharedBatch(this.#capacity);
    const batch = this.#batches[this.#used++];
    batch.begin();
    return batch;
  }

  /** Routes may come in from now on. False when no batch was noted down since the last time. */
  forget(): boolean {
    const used = this.#used > 0;
    for (let i = 0; i < this.#used; i++) this.#batches[i].begin();
    this.#used = 0;
    return used;
  }
}
