import { connect } from '../../support/netns.ts';
import type { BgpPart } from './part.ts';
import { inWorld, line } from './world.ts';

/** A table on its way from one external peer through the speaker to another, and its withdrawal. */
export function through(routes: number, perUpdate: number): BgpPart {
  return {
    name: 'through',
    title: `${count(routes)} routes from one external peer to another, ${perUpdate} an UPDATE, and their withdrawal`,
    figures: [
      { key: 'ms', label: 'time', unit: 'ms' },
      { key: 'withdrawMs', label: 'withdrawal', unit: 'ms' },
      { key: 'peakMiB', label: 'peak', unit: 'MiB' },
      { key: 'cpuMs', label: 'processor', unit: 'ms' },
      { key: 'updates', label: 'UPDATEs out', unit: '' },
    ],
    measure: (speaker) =>
      inWorld(speaker, async (world) => {
        const [tx, rx] = [await world.netns('tx'), await world.netns('rx')];
        for (const [i, netns] of [tx, rx].entries()) {
          await connect(
            { netns: world.speaker, interface: `eth${i + 1}`, address: `10.99.${i + 1}.1/24` },
            { netns, interface: 'eth0', address: `10.99.${i + 1}.2/24` },
          );
        }
        world.start([
          { address: '10.99.1.2', asNumber: 65002 },
          { address: '10.99.2.2', asNumber: 65003 },
        ]);
        const receiver = world.traffic(rx, 'through-traffic.ts', 'rx', '10.99.2.2', '10.99.2.1', 65003, routes);
        await line(receiver, 'established');
        const sender = world.traffic(
          tx,
          'through-traffic.ts',
          'tx',
          '10.99.1.2',
          '10.99.1.1',
          65002,
          routes,
          perUpdate,
        );
        const started = line(sender, 'start');
        const [end, updates] = await line(receiver, 'done');
        const [start] = await started;
        // Before the withdrawal.
        const usage = world.usage();
        const [withdrawing, gone] = [line(sender, 'withdraw'), line(receiver, 'gone')];
        sender.stdin?.write('withdraw\n');
        const withdrawMs = (await gone)[0] - (await withdrawing)[0];
        return { ms: end - start, withdrawMs, updates, ...usage };
      }),
  };
}

const count = (value: number) => value.toLocaleString('en');
