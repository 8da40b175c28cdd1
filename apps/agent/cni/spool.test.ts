import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cniFrame } from '../../../test/support/cni-frame.ts';
import { openSpool } from './spool.ts';

let parent: string;
let folder: string;
let carriedOut: (string | undefined)[];
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'caracal-spool-'));
  folder = parent;
  carriedOut = [];
});
afterEach(() => rmSync(parent, { recursive: true }));

const open = () =>
  openSpool(
    folder,
    async ({ environment }) => {
      carriedOut.push(environment.get('CNI_CONTAINERID'));
      return { exitCode: 0, stdout: '' };
    },
    pino({ level: 'silent' }),
  );

const put = (container: string) =>
  writeFileSync(join(folder, `${container}.del`), cniFrame(`CNI_COMMAND=DEL\0CNI_CONTAINERID=${container}\0`, ''));

/** As if nothing had come into the folder since then. */
const setTime = (seconds: number) => utimesSync(folder, seconds, seconds);

test('what comes after the folder was found empty is carried out, however often it was', async () => {
  const spool = open();
  setTime(Date.now() / 1000 - 60);
  for (const round of ['a', 'b']) {
    await spool.drain();
    await spool.drain();
    put(round);
    await spool.drain();
    expect(readdirSync(folder)).toEqual([]);
  }
  expect(carriedOut).toEqual(['a', 'b']);
});

test('so is what comes at the very time at which the folder was last changed', async () => {
  const spool = open();
  const { mtimeMs } = statSync(folder);
  setTime(mtimeMs / 1000);
  await spool.drain();
  put('a');
  setTime(mtimeMs / 1000);
  await spool.drain();
  expect(carriedOut).toEqual(['a']);
});

test('a folder that is not there yet is empty', async () => {
  folder = join(parent, 'later');
  await open().drain();
  expect(carriedOut).toEqual([]);
});
