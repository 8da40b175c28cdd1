import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
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
