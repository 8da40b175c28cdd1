import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openRunMark } from './run-mark.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'caracal-mark-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('tells a run that follows a crash who was established, until one left for good', () => {
  const path = join(folder, 'run', 'mark');
  const first = openRunMark(path, 'boot-1');
  expect(first.earlier).toBeUndefined();
  first.update(['tor']);
  const second = openRunMark(path, 'boot-1');
  expect(second.earlier).toMatchObject({ establishedPeers: ['tor'] });
  // One that ends before its first session knows no better than the one before.
  expect(openRunMark(path, 'boot-1').earlier).toMatchObject({ establishedPeers: ['tor'] });
  second.remove();
  expect(openRunMark(path, 'boot-1').earlier).toBeUndefined();
});

it('means nothing after a reboot, or when it cannot be read', () => {
  const path = join(folder, 'mark');
  openRunMark(path, 'boot-1').update(['tor']);
  expect(openRunMark(path, 'boot-2').earlier).toBeUndefined();
  writeFileSync(path, '{');
  expect(openRunMark(path, 'boot-2').earlier).toBeUndefined();
});
