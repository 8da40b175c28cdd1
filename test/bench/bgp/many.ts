import { connect } from '../../support/netns.ts';
import type { BgpPart, Figure } from './part.ts';
import { manyAddress, manyAs, type SpeakerUnderTest } from './speakers.ts';
import { inWorld, line } from './world.ts';

const figures: readonly Figure[] = [
  { key: 'ms', label: 'time', unit: 'ms' },
  { key: 'peakMiB', label: 'peak', unit: 'MiB' },
  { key: 'cpuMs', label: 'processor', unit: 'ms' },
];

/** Peers that all send the same prefixes and receive the best. */
export function share(peers: number, routes: number): BgpPart {
  return {
    name: 'share',
    title: `${peers} external peers send the same ${routes} prefixes, 4 an UPDATE, and receive the best`,
    figures,
    measure: (speaker) => measure(speaker, peers, 'share', peers, routes, 4),
  };
}

/** A table that comes and goes while every session has the least hold time that there is. */
export function flap(peers: number, routes: number, times: number): BgpPart {
  return {
    name: 'flap',
    title: `${routes} routes of one peer come and go ${times} times, for ${peers - 1} others; hold time 3 s`,
    figures: [...figures, { key: 'silenceMs', label: 'silence', unit: 'ms' }],
    measure: (speaker) => measure(speaker, peers, 'flap', peers, routes, 4, times),
  };
}

function measure(speaker: SpeakerUnderTest, peers: number, ...args: readonly (string | number)[]) {
  return inWorld(speaker, async (world) => {
    const netns = await world.netns('many');
    await connect({ netns: world.speaker, interface: 'eth1', address: '10.98.0.1/16' }, { netns, interface: 'eth0' });
    const all = Array.from({ length: peers }, (_, i) => ({ address: manyAddress(i), asNumber: manyAs(i) }));
    await netns.run('ip', ['-batch', '-'], all.map(({ address }) => `address add ${address}/16 dev eth0\n`).join(''));
    world.start(all);
    const traffic = world.traffic(netns, 'many-traffic.ts', ...args);
    await line(traffic, 'established');
    const before = world.usage().cpuMs;
    const [started, done] = [
      line(traffic, 'start'),
      line(traffic, 'done', { word: 'fallen', means: 'a session fell' }),
    ];
    // Both may end the wait for them.
    done.catch(() => {});
    traffic.stdin?.write('start\n');
    const [start] = await started;
    const [end, silenceMs] = await done;
    const { peakMiB, cpuMs } = world.usage();
    return { ms: end - start, silenceMs, peakMiB, cpuMs: cpuMs - before };
  });
}
