// What the hub knows of the feed, for all its streams: the present state (the image) and the latest revisions (the log), all
// encoded once. It is a copy of the database and nothing else, so a restart loses nothing; and because it is here, agents that
// come back get their snapshot while Postgres is away.
//
// A stream is a cursor, (revision, nonce), in the log. There is no queue for a stream: a slow reader stands still in the log, and
// one that the log has left behind gets a snapshot. So memory does not grow with slow agents, however many there are.
//
//   database ──▶ image: all objects ──▶ snapshot frames, shared by all who need one in the form that they read
//          └───▶ log: revision → encoded items ──▶ frames (cursor … head], shared by all who stand at that cursor
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FeedObserver, Position, Revision, StoredItem } from '@caracal/datastore';
import { SchemaMismatch } from '@caracal/datastore';
import type { FeedFrame } from '@caracal/protocol';
import type { Clock } from '../clock.ts';
import { encodeItem, frameOf, packFrames } from './encode.ts';
import { Image, type SnapshotForm } from './image.ts';

interface LogEntry extends Position {
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
}

export interface FeedPart {
  readonly frames: readonly FeedFrame[];
  /** Where a stream stands that has sent these frames. */
  readonly position: Position;
}

const longestLog = { entries: 10_000, bytes: 8 * 1024 * 1024 };
/** A tail is handed out in parts of about this size, so that a reader that is far behind moves its cursor in between. */
const partBytes = 512 * 1024;
/** The packed image serves later snapshots too, until the log after it is larger than this (and than an eighth of it). */
const staleImageBytes = 256 * 1024;
/** So long the image is packed without a pause: who waits for something else would notice. */
const sliceMs = 3;

interface PackedImage extends FeedPart {
  readonly bytes: number;
}

export class Feed implements FeedObserver {
  readonly #clock: Clock;
  readonly #staleAfterMs: number;
  #image = new Image();
  #building: Image | undefined;
  /** Contiguous; the first entry is only a place to resume from. Empty before the first snapshot. */
  #log: LogEntry[] = [];
  #logBytes = 0;
  /** The image as frames, as it was at a position. */
  readonly #packed = new Map<SnapshotForm, PackedImage>();
  readonly #packing = new Map<SnapshotForm, Promise<void>>();
  /** What a stream without a place gets now. */
  readonly #snapshots = new Map<SnapshotForm, FeedPart>();
  #tails = new Map<bigint, FeedPart>();
  #waiting = new Set<() => void>();
  #contact: { readonly at: number; readonly unixMs: number };
  #lost: Error | undefined;

  constructor(clock: Clock, staleAfterMs = 3500) {
    this.#clock = clock;
    this.#staleAfterMs = staleAfterMs;
    this.#contact = { at: clock.elapsed(), unixMs: clock.now() };
  }

  // ---- from the database ----

  snapshotBegin(): void {
    this.#building = new Image();
  }

  snapshotItems(items: readonly StoredItem[]): void {
    for (const item of items) this.#building?.put(item);
  }

  snapshotEnd(position: Position, recent: readonly Revision[]): void {
    this.#image = this.#building ?? new Image();
    this.#building = undefined;
    this.#log = [];
    this.#logBytes = 0;
    this.#packed.clear();
    for (const revision of recent) this.#append(revision, revision.items.map(encodeItem));
    if (this.head?.revision !== position.revision) {
      this.#log = [];
      this.#append(position, []);
    }
    this.#advanced();
  }

  revisions(revisions: readonly Revision[]): void {
    for (const revision of revisions) {
      const pieces = revision.items.map((item) => {
        const piece = encodeItem(item);
        this.#image.put(item, piece);
        return piece;
      });
      this.#append(revision, pieces);
    }
    this.#advanced();
  }

  contact(): void {
    const wasLive = this.liveness().live;
    this.#contact = { at: this.#clock.elapsed(), unixMs: this.#clock.now() };
    this.#lost = undefined;
    if (!wasLive) this.#wake();
  }

  lost(error: Error): void {
    const wasLive = this.liveness().live;
    this.#lost = error;
    if (wasLive) this.#wake();
  }

  #append({ revision, nonce }: Position, pieces: readonly Uint8Array[]): void {
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 64);
    this.#log.push({ revision, nonce, pieces, bytes });
    this.#logBytes += bytes;
  }

  #advanced(): void {
    let surplus = Math.max(0, this.#log.length - longestLog.entries);
    let bytes = this.#logBytes - this.#log.slice(0, surplus).reduce((sum, entry) => sum + entry.bytes, 0);
    while (bytes > longestLog.bytes && surplus < this.#log.length - 1) bytes -= this.#log[surplus++].bytes;
    if (surplus > 0) this.#log.splice(0, surplus);
    this.#logBytes = bytes;
    this.#tails.clear();
    this.#snapshots.clear();
    this.#wake();
  }

  // ---- for the streams ----

  /** The newest revision; undefined before the first snapshot. */
  get head(): Position | undefined {
    return this.#log.at(-1);
  }

  get itemCount(): number {
    return this.#image.size;
  }

  /** Whether we are in step with the database, and if not since when (Unix milliseconds) and why. */
  liveness(): { live: boolean; staleSinceMs: number; reason?: string; schemaMismatch: boolean } {
    const silentMs = this.#clock.elapsed() - this.#contact.at;
    const live = !this.#lost && this.head !== undefined && silentMs < this.#staleAfterMs;
    return {
      live,
      staleSinceMs: live ? 0 : this.#contact.unixMs,
      reason: live ? undefined : (this.#lost?.message ?? 'the database does not answer'),
      schemaMismatch: this.#lost instanceof SchemaMismatch,
    };
  }

  contains(position: Position): boolean {
    return this.#entryAt(position.revision)?.nonce === position.nonce;
  }

  /** Resolves when `next` has little to do; otherwise it packs the image in one turn, if a snapshot is what this stream needs. */
  async prepare(cursor: Position | undefined, form: SnapshotForm): Promise<void> {
    if (!this.head || (cursor && this.contains(cursor)) || this.#snapshots.has(form) || this.#usable(form)) return;
    let packing = this.#packing.get(form);
    if (!packing) {
      packing = this.#pack(form).finally(() => this.#packing.delete(form));
      this.#packing.set(form, packing);
    }
    await packing;
  }

  /** What changes meanwhile follows in the log, as what changes afterwards does. */
  async #pack(form: SnapshotForm): Promise<void> {
    const image = this.#image;
    const position = positionOf(this.#log.at(-1)!);
    const frames: FeedFrame[] = [];
    let began = this.#clock.elapsed();
    for (const frame of image.frames(form)) {
      if (frame) frames.push(frame);
      if (this.#clock.elapsed() - began < sliceMs) continue;
      await nextTurn();
      if (this.#image !== image) return this.#pack(form);
      began = this.#clock.elapsed();
    }
    this.#packed.set(form, packedImage(frames, position));
  }

  /** What a stream that stands there sends next: a part of the tail, or a snapshot when the place is unknown. Undefined: nothing now. */
  next(cursor: Position | undefined, form: SnapshotForm = 'packed'): FeedPart | undefined {
    if (!this.head) return undefined;
    if (!cursor || !this.contains(cursor)) return this.#currentSnapshot(form);
    if (cursor.revision === this.head.revision) return undefined;
    let tail = this.#tails.get(cursor.revision);
    if (!tail) {
      tail = this.#tailAfter(cursor.revision);
      this.#tails.set(cursor.revision, tail);
    }
    return tail;
  }

  /** Resolves when there may be something new, when the time is over, or when the signal aborts. */
  changed(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done();
  }

  #entryAt(revision: bigint): LogEntry | undefined {
    return this.#log.length > 0 ? this.#log[Number(revision - this.#log[0].revision)] : undefined;
  }

  #tailAfter(revision: bigint): FeedPart {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    let index = Number(revision - this.#log[0].revision);
    while (index < this.#log.length - 1 && bytes < partBytes) {
      index++;
      pieces.push(...this.#log[index].pieces);
      bytes += this.#log[index].bytes;
    }
    const position = positionOf(this.#log[index]);
    return { frames: [...packFrames(pieces), commit(position)], position };
  }

  /** The image as frames, perhaps a little older, and what the log has after it: together one snapshot of the newest revision. */
  #currentSnapshot(form: SnapshotForm): FeedPart {
    const present = this.#snapshots.get(form);
    if (present) return present;
    const position = positionOf(this.#log.at(-1)!);
    let usable = this.#usable(form);
    if (!usable) {
      const frames = [...this.#image.frames(form)].filter((frame) => frame !== undefined);
      usable = { packed: packedImage(frames, position), since: [] };
      this.#packed.set(form, usable.packed);
    }
    const { packed, since } = usable;
    const begin = frameOf({ case: 'snapshotBegin', value: {} });
    const snapshot = { frames: [begin, ...packed.frames, ...packFrames(since), commit(position)], position };
    this.#snapshots.set(form, snapshot);
    return snapshot;
  }

  /** The packed image with what the log has after it; undefined when that is not there, or too much. */
  #usable(form: SnapshotForm): { readonly packed: PackedImage; readonly since: readonly Uint8Array[] } | undefined {
    const packed = this.#packed.get(form);
    const since = packed && this.#piecesAfter(packed.position, Math.max(staleImageBytes, packed.bytes / 8));
    return since && { packed, since };
  }

  /** Undefined when the position is not in the log, or more than that came after it. */
  #piecesAfter(position: Position, atMostBytes: number): Uint8Array[] | undefined {
    if (!this.contains(position)) return undefined;
    const entries = this.#log.slice(Number(position.revision - this.#log[0].revision) + 1);
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    return bytes <= atMostBytes ? entries.flatMap((entry) => entry.pieces) : undefined;
  }
}

function packedImage(frames: readonly FeedFrame[], position: Position): PackedImage {
  return { frames, position, bytes: frames.reduce((sum, frame) => sum + frame.payload.length, 0) };
}

function commit(position: Position): FeedFrame {
  return frameOf({ case: 'commit', value: position });
}

function positionOf({ revision, nonce }: Position): Position {
  return { revision, nonce };
}
