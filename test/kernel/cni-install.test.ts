import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** `caracal-cni`, as an administrator uses it. */

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'caracal-install-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const main = join(import.meta.dirname, '../../apps/cni/main.ts');
const caracalCni = async (...args: string[]) =>
  (await execa(process.execPath, [main, ...args, '--folder', folder, '--net-d', join(folder, 'none')])).stdout;
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

test('what lay under our names is kept: of others until uninstall, of ours as the version before', async () => {
  writeFileSync(join(folder, 'caracal'), 'of others', { mode: 0o755 });
  writeFileSync(join(folder, 'caracal-ipam'), 'an older one, which reads caracal.path');
  await caracalCni('install', '--socket', '/run/a.sock');
  expect(read('caracal.former')).toBe('of others');
  expect(read('caracal-ipam.former')).toBe('an older one, which reads caracal.path');
  // The same once more changes nothing; with other paths the former ones are kept.
  await caracalCni('install', '--socket', '/run/a.sock');
  expect(read('caracal.former')).toBe('of others');
  expect(existsSync(join(folder, 'caracal.path.former'))).toBe(false);
  await caracalCni('install', '--socket', '/run/b.sock');
  expect(read('caracal.path.former')).toMatch(/^\/run\/a\.sock\n/);
  expect(await caracalCni('uninstall')).toContain(`put back ${folder}/caracal`);
  expect(readdirSync(folder)).toEqual(['caracal']);
  expect(read('caracal')).toBe('of others');
});
