import { createNetns, type Netns } from '../support/netns.ts';
import { type Command, call, type Plugin } from './cni-plugins.ts';
import { percentiles } from './figures.ts';
import { inTurn } from './in-turn.ts';
import { type SpawnTimer, startSpawnTimer } from './spawn-timer.ts';

/** Milliseconds from the first start to the last end; the median of the rounds. */
export type AtOnce = Readonly<Record<Command, number>>;

/** So many ADDs at once, and then as many DELs, by each plugin in turn, in rounds; in the order of the plugins. */
export async function runAtOnce(
  plugins: readonly Plugin[],
  netns: string,
  options: { readonly pods: number; readonly rounds: number },
): Promise<AtOnce[]> {
  const timers: SpawnTimer[] = [];
  const namespaces: Netns[] = [];
  const figures = plugins.map(() => ({ ADD: [] as number[], DEL: [] as number[] }));
  try {
    for (let i = 0; i < options.pods; i++) timers.push(startSpawnTimer(netns));
    for (let i = 0; i < options.pods; i++) namespaces.push(await createNetns('bench'));
    for (let round = 0; round < options.rounds; round++) {
      for (const which of inTurn(plugins.length, round)) {
        for (const command of ['ADD', 'DEL'] as const) {
          const pod = (number: number) => 1_000 + round * options.pods + number;
          const settled = await Promise.allSettled(
            timers.map((timer, i) => call(timer, plugins[which], command, pod(i), namespaces[i])),
          );
          const runs = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
          const failed = settled.find((each) => each.status === 'rejected');
          if (failed) {
            await Promise.allSettled(
              timers.map((timer, i) => call(timer, plugins[which], 'DEL', pod(i), namespaces[i])),
            );
            throw failed.reason;
          }
          const first = Math.min(...runs.map(({ startedAt }) => startedAt));
          const last = Math.max(...runs.map(({ startedAt, milliseconds }) => startedAt + milliseconds));
          figures[which][command].push(last - first);
        }
      }
    }
    return figures.map(({ ADD, DEL }) => ({ ADD: percentiles(ADD).p50, DEL: percentiles(DEL).p50 }));
  } finally {
    for (const timer of timers) await timer.close();
    for (const each of namespaces) await each.remove();
  }
}
