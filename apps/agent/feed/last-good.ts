import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { FeedStep } from './feed-state.ts';

/**
 * The last good state on disk: a header, then the very frames that the hub sent, each behind its length (u32, little endian). A snapshot
 * starts a new file, which takes the place of the old one at its commit; later frames are appended. Reading it back is the same code as
 * reading the hub. Neither way is the file in memory as a whole.
 */
export interface LastGood {
  /** A frame arrived. Writes behind; a disk that refuses is reported once and costs the copy, not the node. */
  append(payload: Uint8Array, message: FeedStep['message']): void;
  /** What was appended since the last commit is void. */
  interrupted(): void;
  /** Bytes that a new snapshot would make superfluous, to decide when one is worth asking for. */
  readonly tailBytes: number;
  close(): Promise<void>;
}

/**
 * Read as a length it is more than any file has. So an agent that speaks version 1, and would miss the pods of a packed snapshot, finds no
 * frame here and asks for a snapshot. Its own file has no header; it is read, and replaced at the next snapshot.
 */
const header = Buffer.from('caracal feed 2\n\xff', 'latin1');
const chunkBytes = 128 * 1024;

export interface StoredFrame {
  readonly payload: Uint8Array;
  /** Where the file would end with this frame. */
  readonly end: number;
}

/** The frames of the file, oldest first; an unfinished last one is left out, and a file that is not there has none. */
export async function* storedFrames(path: string): AsyncGenerator<StoredFrame> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!file) return;
  try {
    let pending = Buffer.alloc(0);
    let end = 0;
    let wanted = header.length;
    for (let atStart = true; ; ) {
      const chunk = Buffer.allocUnsafe(Math.max(chunkBytes, wanted - pending.length));
      const { bytesRead } = await file.read(chunk, 0, chunk.length);
      if (bytesRead === 0) return;
      pending = Buffer.concat([pending, chunk.subarray(0, bytesRead)]);
      let at = 0;
      if (atStart && pending.length >= header.length && pending.subarray(0, header.length).equals(header)) {
        at = header.length;
        end = at;
      }
      atStart = false;
      for (wanted = 4; at + 4 <= pending.length; ) {
        const length = pending.readUInt32LE(at);
        wanted = 4 + length;
        if (at + wanted > pending.length) break;
        end += wanted;
        yield { payload: pending.subarray(at + 4, at + wanted), end };
        at += wanted;
        wanted = 4;
      }
      if (wanted > (await file.stat()).size) return;
      pending = pending.subarray(at);
    }
  } finally {
    await file.close();
  }
}

/**
 * Opens the writer. Until the first snapshot frames are appended behind the `wholeBytes` that were read (a stream that was
 * resumed); `onError` hears of a disk that refuses.
 */
export function openLastGood(path: string, wholeBytes: number, onError: (error: Error) => void): LastGood {
  let file: FileHandle | undefined;
  /** Whether `file` is a snapshot that is not committed yet, under its temporary name. */
  let unfinished = false;
  /** The length of `file`, and of the file at `path` up to its last commit. */
  let length = 0;
  let committed = wholeBytes;
  let tailBytes = 0;
  let work: Promise<void> = Promise.resolve();
  let failed = false;

  async function openFor(message: FeedStep['message']): Promise<FileHandle> {
    unfinished = message === 'snapshotBegin';
    const opened = unfinished ? await open(`${path}.new`, 'w', 0o600) : await open(path, 'a', 0o600);
    file = opened;
    if (unfinished) tailBytes = 0;
    else await opened.truncate(committed);
    length = unfinished ? 0 : committed;
    if (length > 0) return opened;
    await opened.appendFile(header);
    length = header.length;
    return opened;
  }

  async function write(payload: Uint8Array, message: FeedStep['message']): Promise<void> {
    if (message === 'snapshotBegin') await leave();
    const into = file ?? (await openFor(message));
    const head = Buffer.allocUnsafe(4);
    head.writeUInt32LE(payload.length);
    await into.appendFile(head);
    await into.appendFile(payload);
    const written = head.length + payload.length;
    length += written;
    if (!unfinished) tailBytes += written;
    if (message !== 'commit') return;
    if (unfinished) {
      await into.datasync();
      await rename(`${path}.new`, path);
      unfinished = false;
    }
    committed = length;
  }

  async function leave(): Promise<void> {
    const left = file;
    file = undefined;
    await left?.close();
  }

  /** One after the other; after a failure the file may lack a frame: nothing is appended until a snapshot starts it anew. */
  function enqueue(step: () => Promise<void>, startsAnew: boolean): void {
    work = work.then(async () => {
      if (failed && !startsAnew) return;
      try {
        await step();
        failed = false;
      } catch (error) {
        failed = true;
        await leave().catch(() => {});
        // What the file holds no longer leads up to what the node enforces.
        await rm(path, { force: true }).catch(() => {});
        onError(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  return {
    get tailBytes() {
      return tailBytes;
    },
    append(payload, message) {
      // What a hub says of itself is no state.
      if (message === 'heartbeat' || message === 'unknown') return;
      enqueue(() => write(payload, message), message === 'snapshotBegin');
    },
    // The next frame opens the file again, and cuts it off behind its last commit.
    interrupted: () => enqueue(leave, false),
    async close() {
      await work;
      await leave();
    },
  };
}
