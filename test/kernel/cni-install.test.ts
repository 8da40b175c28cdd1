import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

/** `caracal-cni`, as an administrator uses it. */

let folder: string;
beforeEach(() => {
  folder = makeTemporaryFolder('install');
});
afterEach(() => removeTemporaryFolder(folder));

const main = join(import.meta.dirname, '../../apps/cni/main.ts');
const caracalCni = async (...args: string[]) =>
  (await execa(process.execPath, [main, ...args, '--folder', folder, '--net-d', join(folder, 'none')])).stdout;
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

test("a configuration of Calico's is named; on request it is set aside, and back after uninstall", async () => {
  const netD = join(folder, 'net.d');
  mkdirSync(netD);
  writeFileSync(join(netD, '10-calico.conflist'), '{"plugins":[{"type":"calico"}]}');
  const bin = ['--folder', join(folder, 'bin'), '--net-d', netD];
  const run = async (...args: string[]) => (await execa(process.execPath, [main, ...args, ...bin])).stdout;
  expect(await run('install')).toMatch(/10-calico\.conflist \(calico\) is used in place of ours.*--take-over/);
  expect(readdirSync(netD)).toEqual(['10-calico.conflist']);
  expect(await run('install', '--take-over')).toMatch(/set aside .*10-calico\.conflist/);
  expect(readdirSync(netD)).toEqual(['10-calico.conflist.before-caracal']);
  expect(await run('uninstall')).toMatch(/put back .*10-calico\.conflist/);
  expect(readdirSync(netD)).toEqual(['10-calico.conflist']);
});

test.each([
  ['file', /^caracal-cni: EEXIST: .*\/file'$/],
  ['file/below', /^caracal-cni: EEXIST: .*\/file'$/],
  ['/proc/nowhere/below', /^caracal-cni: ENOENT: .*'\/proc\/nowhere'$/],
])('a folder that cannot be (%s) is named in one line, without a stack', async (name, message) => {
  writeFileSync(join(folder, 'file'), '');
  const failed = await execa(process.execPath, [main, 'install', '--folder', resolve(folder, name)], { reject: false });
  expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(message) });
});

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
