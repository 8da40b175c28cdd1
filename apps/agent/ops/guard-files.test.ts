import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { guardFiles } from './guard-files.ts';

let folder: string;
let guard: { close(): void };
let log: string[];
let looks: number;
let start: (own?: string) => void;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'caracal-guard-'));
  for (const each of ['bin', 'net.d']) mkdirSync(join(folder, each));
  for (const name of ['bin/caracal', 'bin/caracal-ipam']) write(name, 'ours, reads caracal.path', 0o755);
  write('bin/caracal.path', '/run/caracal/cni.sock\n/run/caracal/spool\n');
  log = [];
  looks = 0;
  const logger = pino({ level: 'warn' }, { write: (line) => void log.push(line) });
  start = (own) => {
    const folders = { pluginFolder: join(folder, 'bin'), configurationFolder: join(folder, 'net.d'), own };
    guard = guardFiles(folders, logger, () => {
      looks++;
    });
  };
});

afterEach(() => {
  guard.close();
  rmSync(folder, { recursive: true, force: true });
});

const write = (name: string, text: string, mode = 0o644) => writeFileSync(join(folder, name), text, { mode });
const read = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : undefined);
const patient = { timeout: 10_000 };

test('what is removed or overwritten is put back as it was, and named', async () => {
  start();
  rmSync(join(folder, 'bin/caracal'));
  write('bin/caracal-ipam', "another network's");
  write('bin/caracal.path', '');
  await vi.waitFor(() => {
    expect(read('bin/caracal')).toBe('ours, reads caracal.path');
    expect(read('bin/caracal-ipam')).toBe('ours, reads caracal.path');
    expect(read('bin/caracal.path')).toBe('/run/caracal/cni.sock\n/run/caracal/spool\n');
  }, patient);
  expect(statSync(join(folder, 'bin/caracal')).mode & 0o777).toBe(0o755);
  expect(log.join('')).toContain('bin/caracal-ipam');
});

test('another version of ours stays, and is what is put back from then on', async () => {
  start();
  const before = looks;
  write('bin/caracal', 'ours, newer, reads caracal.path');
  await vi.waitFor(() => expect(looks).toBeGreaterThan(before), patient);
  expect(read('bin/caracal')).toBe('ours, newer, reads caracal.path');
  rmSync(join(folder, 'bin/caracal'));
  await vi.waitFor(() => expect(read('bin/caracal')).toBe('ours, newer, reads caracal.path'), patient);
});

test('a configuration that takes ours away is named once, with what to do', async () => {
  start('10-caracal.conflist');
  const before = looks;
  write('net.d/05-calico.conflist', '{"plugins":[{"type":"calico"}]}');
  await vi.waitFor(() => expect(log.join('')).toContain('05-calico.conflist'), patient);
  expect(log.join('')).toContain('--take-over');
  expect(looks).toBeGreaterThan(before);
});

test('where people name their configurations themselves, what comes before the first that names our plugin, and that none does any more', async () => {
  write('net.d/50-pods.conflist', '{"plugins":[{"type":"caracal"}]}');
  write('net.d/87-podman.conflist', '{"plugins":[{"type":"bridge"}]}');
  start();
  write('net.d/20-other.conf', '{"type":"bridge"}');
  await vi.waitFor(() => expect(log.join('')).toContain('20-other.conf'), patient);
  rmSync(join(folder, 'net.d/50-pods.conflist'));
  await vi.waitFor(() => expect(log.join('')).toContain('no network configuration names our plugin'), patient);
  expect(log.join('')).not.toContain('87-podman');
});
