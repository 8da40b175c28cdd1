import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { AttributeView, MemoryRow } from '../../libs/bgp-speaker/index.ts';
import { birdConfig, createFixture, type Fixture } from './fixture.ts';
import { eventually } from './speaker.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.remove();
  fixture = undefined;
});

const resources = (originate: string, filters = '[all]') => `
apiVersion: caracal.network/v1
kind: BGPConfiguration
metadata: {name: default}
spec: {asNumber: 65001, nodeToNodeMeshEnabled: false, originate: [${originate}]}
---
apiVersion: caracal.network/v1
kind: BGPFilter
metadata: {name: all}
spec: {importV4: [{action: Accept}], exportV4: [{action: Accept}], importV6: [{action: Accept}], exportV6: [{action: Accept}]}
---
apiVersion: caracal.network/v1
kind: BGPPeer
metadata: {name: upstream}
spec: {peerIP: 10.99.1.2, asNumber: 64512, filters: ${filters}, connectRetrySeconds: 1}
`;

it('runs alone from a file, follows its changes without a new session, and survives a bad one', async () => {
  const f = await createFixture([birdConfig({ link: 1, as: 64512, peerAs: 65001, routes: ['192.0.2.0/24'] })]);
  fixture = f;
  await f.speaker.terminate();
  const file = join(f.speaker.folder, 'bgp.yaml');
  writeFileSync(file, resources("{cidr: 10.1.0.0/24, communities: ['65001:1:2']}"));
  await f.speaker.start('--config', file, '--router-id', '10.99.1.1');
  await eventually(
    async () => (await f.birds[0].birdc('show route all')).includes('(65001, 1, 2)'),
    'the route in BIRD',
  );
  await eventually(async () => (await f.kernelRoutes()).length === 1, 'kernel route');
  const since = (await f.speaker.peers())[0].sinceMs;

  // What another file would change, before it does.
  const other = join(f.speaker.folder, 'other.yaml');
  const plan = (...more: string[]) => f.speaker.tryCli('plan', '-f', other, ...more);
  writeFileSync(other, resources("{cidr: 10.1.0.0/24, communities: ['65001:1:2']}"));
  expect(await plan()).toMatchObject({ stdout: 'nothing would change\n', code: 0 });
  expect(await plan('-o', 'json')).toMatchObject({ stdout: '[]\n', code: 0 });
  writeFileSync(other, resources('{cidr: 10.3.0.0/24}'));
  const lines = '- upstream 10.1.0.0/24\n+ upstream 10.3.0.0/24\n1 lost, 1 gained\n';
  expect(await plan()).toMatchObject({ stdout: lines, code: 1 });
  writeFileSync(other, resources('{cidr: 10.3.0.0/24}', '[]').replace('connectRetrySeconds: 1', 'passive: true'));
  const json = await plan('-o', 'json');
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toEqual([
    { kind: 'session', peer: 'upstream', change: 'restarts', settings: ['connectRetrySeconds', 'passive'] },
    { kind: 'route', peer: 'upstream', change: 'loses', prefix: '10.1.0.0/24' },
    { kind: 'kernel', change: 'loses', prefix: '192.0.2.0/24' },
  ]);
  writeFileSync(other, resources('{cidr: 10.2.0.1/24}'));
  const bad = await plan();
  expect(bad.code).toBe(2);
  expect(bad.stderr).toContain('BGPConfiguration/default: spec.originate[0].cidr');
  expect((await f.speaker.peers())[0].sinceMs).toBe(since);

  writeFileSync(file, resources('{cidr: 10.2.0.1/24}'));
  f.speaker.signal('SIGHUP');
  await eventually(
    async () => f.speaker.output.includes('BGPConfiguration/default: spec.originate[0].cidr'),
    'the complaint',
  );
  expect(await f.birds[0].birdc('show route')).toContain('10.1.0.0/24');

  // Replaced by renaming, as editors do.
  writeFileSync(`${file}.new`, resources('{cidr: 10.3.0.0/24}'));
  renameSync(`${file}.new`, file);
  await eventually(async () => {
    const text = await f.birds[0].birdc('show route');
    return text.includes('10.3.0.0/24') && !text.includes('10.1.0.0/24');
  }, 'the changed route in BIRD');

  // RFC 8212: without a filter an external peer is told nothing.
  writeFileSync(file, resources('{cidr: 10.3.0.0/24}', '[]'));
  await eventually(async () => !(await f.birds[0].birdc('show route')).includes('10.3.0.0/24'), 'the route withdrawn');
  await eventually(async () => (await f.kernelRoutes()).length === 0, 'kernel route withdrawn');
  expect((await f.speaker.peers())[0].sinceMs).toBe(since);
});

it('filters what it takes and tells by prefix, path and communities, and changes it', async () => {
  const bird = `
${birdConfig({ link: 1, as: 64512, peerAs: 65001, routes: ['192.0.2.0/24', '198.51.100.0/24', '198.51.100.128/25'] })}
protocol static tagged { ipv4; route 203.0.113.0/24 blackhole { bgp_large_community.add((65001, 1, 2)); }; }
`;
  const f = await createFixture([bird]);
  fixture = f;
  await f.speaker.terminate();
  const file = join(f.speaker.folder, 'bgp.yaml');
  const withFilter = (spec: string) => `
apiVersion: caracal.network/v1
kind: BGPConfiguration
metadata: {name: default}
spec: {asNumber: 65001, originate: [{cidr: 10.1.0.0/24}, {cidr: 10.1.1.0/24}, {cidr: '2001:db8:244::/48'}]}
---
apiVersion: caracal.network/v1
kind: BGPFilter
metadata: {name: chosen}
spec: ${spec}
---
apiVersion: caracal.network/v1
kind: BGPPeer
metadata: {name: upstream}
spec: {peerIP: 10.99.1.2, asNumber: 64512, filters: [chosen], connectRetrySeconds: 1}
`;
  const first = `
  importV4:
    - {action: Reject, cidr: 198.51.100.0/24, matchOperator: In, prefixLength: {min: 25}}
    - {action: Reject, communities: {values: ['65001:1:*']}}
    - {action: Accept, operations: [{setLocalPref: 250}]}
  exportV4:
    - {action: Reject, cidr: 10.1.1.0/24, matchOperator: Equal}
    - action: Accept
      operations:
        - {addCommunity: {value: '65001:77'}}
        - {addCommunity: {value: '65001:7:8'}}
        - {addCommunity: {value: 'rt:65001:9'}}
        - {setMED: 42}
        - {setOrigin: Incomplete}
        - {prependASPath: {prefix: [65001, 65001]}}`;
  writeFileSync(file, withFilter(first));
  await f.speaker.start('--config', file, '--router-id', '10.99.1.1');
  await eventually(async () => (await f.kernelRoutes()).length === 2, 'kernel routes');
  expect((await f.kernelRoutes()).map((line) => line.split(' ')[0]).sort()).toEqual([
    '192.0.2.0/24',
    '198.51.100.0/24',
  ]);
  const received = await f.speaker.routes('received', 'upstream');
  expect(received.find(({ prefix }) => prefix === '203.0.113.0/24')?.excluded).toBe('import policy');
  expect(received.find(({ prefix }) => prefix === '192.0.2.0/24')?.attributes.localPref).toBe('250');
  const seen = await eventually(async () => {
    const text = await f.birds[0].birdc('show route 10.1.0.0/24 all');
    return text.includes('BGP.as_path') && text;
  }, 'the route in BIRD');
  expect(seen).toContain('BGP.as_path: 65001 65001 65001');
  expect(seen).toContain('BGP.community: (65001,77)');
  expect(seen).toContain('BGP.large_community: (65001, 7, 8)');
  expect(seen).toContain('BGP.ext_community: (rt, 65001, 9)');
  expect(seen).toContain('BGP.med: 42');
  expect(seen).toContain('BGP.origin: Incomplete');
  const sets = JSON.parse(await f.speaker.cli('show', 'attributes', '--peer', 'upstream', '-o', 'json'));
  expect(sets.map((set: AttributeView) => [set.prefixes, set.asPath, set.attributes.localPref])).toEqual([
    [2, '64512', '250'],
    [1, '64512', undefined],
    [1, '64512', undefined],
  ]);
  expect(await f.speaker.cli('show', 'attributes', '--prefix', '10.1.0.0/16')).toMatch(/^ ?2 +2 +- +- +local/m);
  await expect(f.speaker.cli('show', 'attributes', '--prefix', '10.1.0.1/16')).rejects.toThrow('is no prefix');
  const memory: MemoryRow[] = JSON.parse(await f.speaker.cli('show', 'memory', '-o', 'json'));
  expect(memory.find(({ table, of }) => table === 'Adj-RIB-Out' && of === 'upstream')?.count).toBe(2);
  expect(memory.find(({ table }) => table === 'kernel routes')?.count).toBe(2);
  expect(memory.find(({ table }) => table === 'resident set')?.bytes).toBeGreaterThan(20 << 20);
  const table = await f.birds[0].birdc('show route protocol caracal');
  expect(table).not.toContain('10.1.1.0/24');
  // The filter has no rule for IPv6: RFC 8212 is about peers without any filter.
  expect(table).toContain('2001:db8:244::/48');

  // What was changed on the way in is asked for once more: BIRD sends it again, in the same session.
  const since = (await f.speaker.peers())[0].sinceMs;
  writeFileSync(file, withFilter('{importV4: [{action: Accept, nextHop: 10.99.1.2}, {action: Reject}]}'));
  await eventually(async () => (await f.kernelRoutes()).length === 4, 'all kernel routes');
  await eventually(async () => {
    const [route] = await f.speaker.routes('received', 'upstream');
    return route.attributes.localPref === undefined;
  }, 'the preference as it came');
  await eventually(
    async () => (await f.birds[0].birdc('show route protocol caracal')).includes('10.1.1.0/24'),
    'the other route in BIRD',
  );
  expect((await f.speaker.peers())[0].sinceMs).toBe(since);
});
