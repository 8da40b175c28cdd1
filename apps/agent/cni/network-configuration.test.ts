import { expect, test } from 'vitest';
import { parseConfiguration } from './network-configuration.ts';

const valid = { cniVersion: '1.1.0', name: 'caracal', type: 'caracal' };
const parse = (changes: object) => parseConfiguration(JSON.stringify({ ...valid, ...changes }));

test('reads what it knows and reports the rest', () => {
  const labels = [{ key: 'app', value: 'web' }];
  expect(parse({ mtu: 1400, args: { cni: { labels } }, runtimeConfig: {}, nodename: 'n1', x: 1 })).toEqual({
    ok: true,
    value: { ...valid, mtu: 1400, args: { cni: { labels } } },
    unknownFields: ['nodename', 'x'],
  });
});

test.each([
  ['', 6, 'no JSON'],
  ['{', 6, 'no JSON'],
  ['[]', 6, 'no JSON object'],
  ['{"name":"a"}', 1, 'cniVersion is missing'],
  ['{"cniVersion":"0.2.0"}', 1, 'cniVersion "0.2.0" is not supported'],
  ['{"cniVersion":"1.0.0","type":"caracal"}', 7, 'name: '],
  ['{"cniVersion":"1.0.0","type":"caracal","name":"a b"}', 7, 'name: must start with'],
  [JSON.stringify({ ...valid, mtu: 9 }), 7, 'mtu: must be at least 576'],
  [JSON.stringify({ ...valid, ipam: { type: 'host-local' } }), 7, 'ipam.type: must be caracal-ipam'],
  [JSON.stringify({ ...valid, args: { cni: { labels: [{ key: 'a' }] } } }), 7, 'args.cni.labels[0].value: '],
])('%s is refused with code %i', (stdin, code, message) => {
  expect(parseConfiguration(stdin)).toMatchObject({ ok: false, code, message: expect.stringContaining(message) });
});
