import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findForeign, putBack, setAside } from './take-over.ts';

let folder: string;
const write = (name: string, content: unknown) => writeFileSync(join(folder, name), JSON.stringify(content));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'caracal-net-d-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('finds what a runtime would use before ours, and Calico wherever it stands', () => {
  write('10-calico.conflist', { plugins: [{ type: 'calico' }, { type: 'portmap' }] });
  write('10-caracal.conflist', { plugins: [{ type: 'caracal' }] });
  write('05-bridge.conf', { type: 'bridge' });
  write('99-loopback.conf', { type: 'loopback' });
  write('99-old-calico.conf', { type: 'calico' });
  write('00-readme.txt', {});
  write('01-mine.conflist', { plugins: [{ type: 'caracal' }] });
  writeFileSync(join(folder, '02-broken.json'), '{');
  expect(findForeign(folder)).toEqual([
    { file: '02-broken.json', types: [], isCalico: false },
    { file: '05-bridge.conf', types: ['bridge'], isCalico: false },
    { file: '10-calico.conflist', types: ['calico', 'portmap'], isCalico: true },
    { file: '99-old-calico.conf', types: ['calico'], isCalico: true },
  ]);
  expect(findForeign(join(folder, 'none'))).toEqual([]);
});

test('what is set aside is read by no runtime, and comes back; what was written since stays', () => {
  write('10-calico.conflist', { plugins: [{ type: 'calico' }] });
  write('05-bridge.conf', { type: 'bridge' });
  setAside(folder, findForeign(folder));
  expect(readdirSync(folder).filter((file) => /\.(conf|conflist|json)$/.test(file))).toEqual([]);
  write('05-bridge.conf', { type: 'new' });
  expect(putBack(folder)).toEqual(['10-calico.conflist']);
  expect(readdirSync(folder).sort()).toEqual(['05-bridge.conf', '05-bridge.conf.before-caracal', '10-calico.conflist']);
  expect(putBack(folder)).toEqual([]);
});
