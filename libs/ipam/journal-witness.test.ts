// A journal that is whole and yet not the one that was written last.
import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { JournalError, type JournalRecord, type JournalState, type JournalWitness, openJournal } from './index.ts';

let folder: string;
let states: readonly JournalState[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caracal-witness-'));
  states = [];
});
afterEach(() => rm(folder, { recursive: true }));

const path = () => join(folder, 'journal');
const witness: JournalWitness = {
  read: () => states,
  write: (seen) => {
    states = seen;
  },
  close: () => {},
};
const open = () => openJournal(path(), witness);
const assigned = (handle: string): JournalRecord => ({ type: 'assign', handle, addresses: ['10.0.0.1'], endpoint: {} });

/** What a crash at this moment would leave. */
interface Moment {
  readonly text: Buffer;
  readonly states: readonly JournalState[];
}

it('is refused when it is older or shorter than what was acknowledged, though every line of it is whole', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('append', 'compact', 'reopen'), { minLength: 2, maxLength: 8 }),
      async (what) => {
        await rm(path(), { force: true });
        states = [];
        let journal = await open();
        const moments: Moment[] = [];
        for (const [i, act] of what.entries()) {
          if (act === 'compact') await journal.compact(() => [assigned(`${i}`)]);
          else if (act === 'append') await journal.append([assigned(`${i}`)]);
          else {
            await journal.close();
            journal = await open();
          }
          moments.push({ text: await readFile(path()), states });
        }
        await journal.close();
        const last = moments[moments.length - 1];
        for (const { text } of moments) {
          await writeFile(path(), text);
          states = last.states;
          const opened = await open().then(
            (whole) => whole.close().then(() => true),
            (error: unknown) => {
              expect(error).toBeInstanceOf(JournalError);
              return false;
            },
          );
          // One without a record is a lost one, which is known by other signs.
          expect(opened).toBe(text.equals(last.text) || text.length === 0);
        }
      },
    ),
    { numRuns: 30 },
  );
});

it('is taken when it goes beyond its witness: who wrote it died before that could be noted', async () => {
  const journal = await open();
  await journal.append([assigned('a')]);
  const before = states;
  await journal.append([assigned('b')]);
  await journal.close();
  states = before;
  const again = await open();
  expect(again.records).toHaveLength(2);
  await again.close();
  await truncate(path(), (await readFile(path())).length - 3);
  states = before;
  expect(await open().then((torn) => torn.close().then(() => torn.torn))).toBe(true);
});

it('is refused when it is older, though it begins with all that the one written last holds', async () => {
  const journal = await open();
  await journal.append([assigned('a')]);
  await journal.append([assigned('b')]);
  const old = await readFile(path());
  await journal.append([{ type: 'release', handle: 'b', atMs: 0 }]);
  await journal.compact(() => [assigned('a')]);
  await journal.close();
  await writeFile(path(), old);
  await expect(open()).rejects.toThrow(JournalError);
});

it.each(['before the rename', 'after it'])(
  'of a compaction that a crash ended %s the one or the other is taken',
  async (when) => {
    const journal = await open();
    await journal.append([assigned('a'), assigned('b')]);
    await copyFile(path(), join(folder, 'former'));
    let between: readonly JournalState[] = [];
    const noting = await (async () => {
      await journal.close();
      return openJournal(path(), {
        ...witness,
        write: (seen) => {
          if (seen.length === 2) between = seen;
          states = seen;
        },
      });
    })();
    await noting.compact(() => [assigned('b')]);
    await noting.close();
    if (when === 'before the rename') await copyFile(join(folder, 'former'), path());
    states = between;
    const again = await open();
    expect(again.records).toHaveLength(when === 'before the rename' ? 2 : 1);
    await again.close();
  },
);

it('is whole after several compactions that were asked for at once, each by a release that found it long', async () => {
  const journal = await open();
  await journal.append([assigned('a'), assigned('b')]);
  const compactions = Array.from({ length: 5 }, () => journal.compact(() => [assigned('b')]));
  await Promise.all([...compactions, journal.append([assigned('c')])]);
  await journal.close();
  const again = await open();
  expect(again.records).toEqual([assigned('b'), assigned('c')]);
  await again.close();
});

it('that cannot note a compaction keeps the file that it has', async () => {
  let full = false;
  const journal = await openJournal(path(), {
    ...witness,
    write: (seen) => {
      if (full) throw new Error('no space is left');
      states = seen;
    },
  });
  await journal.append([assigned('a')]);
  full = true;
  await expect(journal.compact(() => [])).rejects.toThrow('no space is left');
  await journal.append([assigned('b')]);
  await journal.close();
  const again = await open();
  expect(again.records).toHaveLength(2);
  await again.close();
});
