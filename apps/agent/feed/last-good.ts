import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import type { FeedStep } from './feed-state.ts';

/**
 * The last good state on disk: the very frames that the hub sent, each behind its length (u32, little endian). A
 * snapshot starts a new file, which takes the place of the old one at its commit; later frames are appended. Reading it
 * back is the same code as reading the hub.
 */
export interface LastGood {
  /** A frame arrived. Writes behind; a disk that refuses is reported once and costs the copy, not the node. */
  append(payload: Uint8Array, message: FeedStep['message']): void;
  /** Bytes that a new snapshot would make superfluous, to decide when one is worth asking for. */
  readonly tailBytes: number;
  close(): Promise<void>;
}

/** The frames of the file, oldest first, and their length together; an unfinished last frame is left out. */
export async function readLastGood(path: string): Promise<{ frames: Uint8Array[]; wholeBytes: number }> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  const frames: Uint8Array[] = [];
  let position = 0;
  while (position + 4 <= bytes.length) {
    const length = bytes.readUInt32LE(position);
    if (position + 4 + length > bytes.length) break;
    frames.push(bytes.subarray(position + 4, position + 4 + length));
    position += 4 + length;
  }
  return { frames, wholeBytes: position };
}

/**
 * Opens the writer. Until the first snapshot frames are appended behind the `wholeBytes` that were read (a stream that was
 * resumed); `onError` hears of a disk that refuses.
 */
export function openLastGood(path: string, wholeBytes: number, onError: (error: Error) => void): LastGood {
  let file: FileHandle | undefined;
  /** Whether `file` is a snapshot that is not committed yet, under its temporary name. */
  let unfinished = false;
  let tailBytes = 0;
  let work: Promise<void> = Promise.resolve();
  let failed = false;

  async function write(payload: Uint8Array, message: FeedStep['message']): Promise<void> {
    if (message === 'snapshotBegin') {
      await file?.close();
      file = await open(`${path}.new`, 'w', 0o600);
      unfinished = true;
      tailBytes = 0;
    }
    if (!file) {
      file = await open(path, 'a', 0o600);
      await file.truncate(wholeBytes);
    }
    const frame = Buffer.allocUnsafe(4 + payload.length);
    frame.writeUInt32LE(payload.length, 0);
    frame.set(payload, 4);
    await file.appendFile(frame);
    if (!unfinished) tailBytes += frame.length;
    if (message === 'commit' && unfinished) {
      await file.datasync();
      await rename(`${path}.new`, path);
      unfinished = false;
    }
  }

  return {
    get tailBytes() {
      return tailBytes;
    },
    append(payload, message) {
      // What a hub says of itself is no state.
      if (message === 'heartbeat' || message === 'unknown') return;
      work = work.then(async () => {
        // After a failure the file may lack a frame: nothing is appended until a snapshot starts it anew.
        if (failed && message !== 'snapshotBegin') return;
        try {
          await write(payload, message);
          failed = false;
        } catch (error) {
          failed = true;
          await file?.close().catch(() => {});
          file = undefined;
          // What the file holds no longer leads up to what the node enforces.
          await rm(path, { force: true }).catch(() => {});
          onError(error instanceof Error ? error : new Error(String(error)));
        }
      });
    },
    async close() {
      await work;
      await file?.close();
      file = undefined;
    },
  };
}
