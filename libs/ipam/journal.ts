import { randomUUID } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { encodeEdition, encodeRecord, type JournalRecord, parseJournal } from './journal-format.ts';

/** Who measures or breaks off an ADD hears of its steps here; see the agent's. */
const steps = channel('caracal:step');

/** A journal that must not be used: damaged in its middle, older than its witness says, or another node's. */
export class JournalError extends Error {
  override name = 'JournalError';
}

/** The disk did not take what was to be written: nothing of it counts. */
export class JournalWriteError extends Error {
  override name = 'JournalWriteError';
}

/**
 * The node's journal: an append-only file that is on the disk before anybody is answered. Appends that arrive while a
 * flush is under way share the next one (group commit).
 *
 * Life: {@link openJournal} reads what is there and cuts off a torn tail; `append` resolves when its write has gone through to the disk; `compact`
 * writes a new file beside the old one and renames it over it, so that a crash leaves the one or the other.
 */
export interface Journal {
  /** What the file held when it was opened. */
  readonly records: readonly JournalRecord[];
  /** Whether an unfinished last line was cut off at opening. */
  readonly torn: boolean;
  /** Records in the file now. */
  readonly length: number;
  /**
   * Resolves when the records are on the disk, in order, after `whenDurable` was called in the same turn: what that changes is what
   * a compaction sees. Rejects with JournalWriteError when the disk refuses (it is full): then none of them is valid.
   */
  append(records: readonly JournalRecord[], whenDurable?: () => void): Promise<void>;
  /**
   * Replaces the whole content by what `snapshot` says when no append is under way: all that is durable, and nothing else. Who asks for it
   * while it goes on gets that one.
   */
  compact(snapshot: () => readonly JournalRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** What a journal began with at some time: it may have grown since. */
export interface JournalState {
  readonly bytes: number;
  /** CRC-32 of them. */
  readonly checksum: number;
}

/**
 * Remembers elsewhere how far the journal has come, for as long as the machine runs, so that an old copy that was put in its place, or one that was
 * cut short at the end of a line, is told from the one that was written last: by itself each of them is whole.
 */
export interface JournalWitness {
  /** What was written last, one or the other; empty when nothing is known. */
  read(): readonly JournalState[];
  /** Called before anybody is answered; throws when it cannot be kept. */
  write(states: readonly JournalState[]): void;
  close(): void;
}

interface Waiting {
  readonly text: string;
  readonly count: number;
  readonly whenDurable: (() => void) | undefined;
  resolve(): void;
  reject(error: unknown): void;
}

/** A write ends when it is on the disk (open(2), O_DSYNC): as after fdatasync, with one hop to a thread of the pool in place of two. */
const openFlags = constants.O_RDWR | constants.O_CREAT | constants.O_DSYNC;

/** Opens or creates the journal; throws JournalError when it is damaged beyond its last line, or not what its witness has seen. */
export async function openJournal(path: string, witness?: JournalWitness): Promise<Journal> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const parsed = parseJournal(text);
  if (!parsed.ok) {
    throw new JournalError(`${path}: ${parsed.message}`);
  }
  const seen = parsed.records.length > 0 ? (witness?.read() ?? []) : [];
  if (seen.length > 0 && !seen.some((state) => beginsWith(Buffer.from(text), state))) {
    throw new JournalError(
      `${path}: it is not the one that was written last: an older copy is in its place, or it was cut short`,
    );
  }
  let file = await open(path, openFlags, 0o600);
  // What lies behind the last whole line was never acknowledged; a later append must not join onto it.
  if (parsed.torn) await file.truncate(parsed.wholeBytes);
  await file.datasync();
  await syncFolder(path);

  let length = parsed.records.length;
  let size = parsed.wholeBytes;
  let checksum = crc32(Buffer.from(text).subarray(0, size));
  const stateNow = (): JournalState => ({ bytes: size, checksum });
  noteState();
  let queue: Waiting[] = [];
  let running: Promise<void> | undefined;
  /** The compaction under way: two at once would write into one file. */
  let compaction: Promise<void> | undefined;
  /** Something that was not acknowledged may lie behind `size`. */
  let uncut = false;
  let folderUnsynced = false;

  function kick(): void {
    if (compaction || running || queue.length === 0) return;
    running = flush();
  }

  /** To be started with something in the queue. Who is acknowledged may append in the same turn: when that happens it has ended. */
  async function flush(): Promise<void> {
    while (queue.length > 0 && !compaction) {
      const batch = queue;
      queue = [];
      const text = batch.map((waiting) => waiting.text).join('');
      try {
        // A part of what was refused may have reached the file: nothing may follow half a line, nor what does not count come to count.
        if (uncut) await file.truncate(size);
        if (folderUnsynced) await syncName();
        uncut = true;
        const written = writeWhole(file, text, size);
        if (steps.hasSubscribers) steps.publish('journal: being written');
        await written;
        uncut = false;
        size += Buffer.byteLength(text);
        checksum = crc32(text, checksum);
        noteState();
        for (const waiting of batch) {
          length += waiting.count;
          waiting.whenDurable?.();
          waiting.resolve();
        }
      } catch (error) {
        if (uncut) await cutBack();
        for (const waiting of batch) waiting.reject(refusedByDisk(path, error));
      }
    }
    running = undefined;
  }

  function noteState(): void {
    try {
      witness?.write([stateNow()]);
    } catch {
      // What it has seen before still is what the journal begins with.
    }
  }

  async function cutBack(): Promise<void> {
    try {
      await file.truncate(size);
      uncut = false;
    } catch {
      // Tried again before anything else is written.
    }
  }

  function append(records: readonly JournalRecord[], whenDurable?: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      queue.push({ text: records.map(encodeRecord).join(''), count: records.length, whenDurable, resolve, reject });
      kick();
    });
  }

  // Appends that arrive meanwhile wait, and go to the new file.
  function compact(snapshot: () => readonly JournalRecord[]): Promise<void> {
    compaction ??= replaceWhenIdle(snapshot).finally(() => {
      compaction = undefined;
      kick();
    });
    return compaction;
  }

  async function replaceWhenIdle(snapshot: () => readonly JournalRecord[]): Promise<void> {
    await running;
    await replaceBy(snapshot());
  }

  async function replaceBy(records: readonly JournalRecord[]): Promise<void> {
    const text = encodeEdition(randomUUID()) + records.map(encodeRecord).join('');
    const next = { bytes: Buffer.byteLength(text), checksum: crc32(text) };
    const replacement = await open(`${path}.new`, openFlags | constants.O_TRUNC, 0o600);
    try {
      await writeWhole(replacement, text, 0);
      witness?.write([stateNow(), next]);
      await rename(`${path}.new`, path);
    } catch (error) {
      await replacement.close();
      await rm(`${path}.new`, { force: true });
      throw refusedByDisk(path, error);
    }
    const former = file;
    file = replacement;
    length = records.length;
    size = next.bytes;
    checksum = next.checksum;
    uncut = false;
    folderUnsynced = true;
    await former.close();
    await syncName();
  }

  /** Until the new name is durable a crash may bring the former file back: nothing is acknowledged before. */
  async function syncName(): Promise<void> {
    await syncFolder(path);
    folderUnsynced = false;
    noteState();
  }

  return {
    records: parsed.records,
    torn: parsed.torn,
    get length() {
      return length;
    },
    append,
    compact,
    async close() {
      await running;
      // Closing twice is fine: node:fs rejects the second close of a handle.
      await file.close().catch(() => {});
      witness?.close();
    },
  };
}

function beginsWith(content: Buffer, { bytes, checksum }: JournalState): boolean {
  return content.length >= bytes && crc32(content.subarray(0, bytes)) === checksum;
}

function refusedByDisk(path: string, error: unknown): JournalWriteError {
  const { code, message } = error as NodeJS.ErrnoException; // node:fs rejects with nothing else
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  const what = full ? `no space is left for it (${code}): free some` : message;
  return new JournalWriteError(`the journal ${path} cannot be written: ${what}; nothing was changed`, { cause: error });
}

async function writeWhole(file: FileHandle, text: string, position: number): Promise<void> {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

/** Makes the file's directory entry durable, as fsync(2) asks. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
