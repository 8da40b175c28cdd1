import { afterEach, expect, it } from 'vitest';
import { birdConfig, createFixture, type Fixture, speakerConfig } from './fixture.ts';
import { eventually } from './speaker.ts';

let fixture: Fixture | undefined;
afterEach(async () => {
  await fixture?.remove();
  fixture = undefined;
});

const error = async (f: Fixture) => (await f.speaker.peers())[0].lastError;

it('shows the AS that it expected and the one that it received, while it goes on trying', async () => {
  const f = await createFixture([birdConfig({ link: 1, as: 64999, peerAs: 65001, routes: ['192.0.2.0/24'] })]);
  fixture = f;
  await f.speaker.configure(speakerConfig({ as: 65001, peers: [{ link: 1, as: 64512 }] }));
  const expected = 'Bad Peer AS: expected 64512, received 64999';
  await eventually(async () => (await error(f)) === expected, 'the error');
  // Through several attempts, of BIRD's and of ours, and while BIRD is away.
  const attempts = () => f.speaker.output.split('"to":"OpenSent"').length;
  const before = attempts();
  await eventually(async () => {
    expect(await error(f)).toBe(expected);
    return attempts() > before + 2;
  }, 'more attempts');
  await f.birds[0].kill();
  await eventually(async () => f.speaker.output.includes('connection refused'), 'a refused attempt');
  expect(await error(f)).toBe(expected);
  expect(await f.speaker.cli('show', 'peers')).toContain(expected);

  await f.birds[0].restart();
  await f.speaker.configure(speakerConfig({ as: 65001, peers: [{ link: 1, as: 64999 }] }));
  await eventually(async () => (await f.kernelRoutes()).length === 1, 'the session with the right AS');
  expect(await error(f)).toBe('');
});

it('shows that the peer refuses our AS', async () => {
  const f = await createFixture([birdConfig({ link: 1, as: 64512, peerAs: 65099, routes: ['192.0.2.0/24'] })]);
  fixture = f;
  await f.speaker.configure(speakerConfig({ as: 65001, peers: [{ link: 1, as: 64512 }] }));
  await eventually(async () => (await error(f)).startsWith('received Bad Peer AS'), 'the error');
  await f.birds[0].reconfigure(birdConfig({ link: 1, as: 64512, peerAs: 65001, routes: ['192.0.2.0/24'] }));
  await eventually(async () => (await f.kernelRoutes()).length === 1, 'the session with the right AS');
});

it('refuses a wrong configuration with its field and keeps the running one', async () => {
  const f = await createFixture([birdConfig({ link: 1, as: 64512, peerAs: 65001, routes: ['192.0.2.0/24'] })]);
  fixture = f;
  const config = (changes: object) => speakerConfig({ as: 65001, peers: [{ link: 1, as: 64512, ...changes }] });
  await f.speaker.configure(config({}));
  await eventually(async () => (await f.kernelRoutes()).length === 1, 'kernel route');
  await expect(f.speaker.configure(config({ holdTimeSeconds: 2 }))).rejects.toThrow('peers.0.holdTimeSeconds');
  await expect(f.speaker.configure(config({ peerAddress: '10.99.1' }))).rejects.toThrow('peers.0.peerAddress');
  expect(await f.speaker.peers()).toMatchObject([{ state: 'Established', lastError: '' }]);
});
