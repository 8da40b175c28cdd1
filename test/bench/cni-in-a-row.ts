import { createNetns, type Netns } from '../support/netns.ts';
import { call, type Plugin } from './cni-plugins.ts';
import { percentiles } from './figures.ts';
import { inTurn } from './in-turn.ts';
import { type SpawnTimer, startSpawnTimer } from './spawn-timer.ts';

/**
 * Pods of one plugin that end one after the other, with nothing between: the kernel is still busy with the interface before when the next DEL
 * comes. The median, in milliseconds, of all rounds; in the order of the plugins.
 */
export async function runDelsInARow(
  plugins: readonly Plugin[],
  netns: string,
  options: { readonly pods: number; readonly rounds: number },
): Promise<number[]> {
  const timer: SpawnTimer = startSpawnTimer(netns);
  const namespaces: Netns[] = [];
  const figures = plugins.map((): number[] => []);
  let takeBack: (() => Promise<unknown>)[] = [];
  try {
    for (let i = 0; i < options.pods; i++) namespaces.push(await createNetns('bench'));
    for (let round = 0; round < options.rounds; round++) {
      for (const which of inTurn(plugins.length, round)) {
        const plugin = plugins[which];
        const pod = (number: number) => 2_000 + round * options.pods + number;
        for (const [i, each] of namespaces.entries()) {
          takeBack.push(() => call(timer, plugin, 'DEL', pod(i), each));
          await call(timer, plugin, 'ADD', pod(i), each);
        }
        for (const [i, each] of namespaces.entries()) {
          figures[which].push((await call(timer, plugin, 'DEL', pod(i), each)).milliseconds);
        }
        takeBack = [];
      }
    }
    return figures.map((each) => percentiles(each).p50);
  } finally {
    for (const each of takeBack) await each().catch(() => {});
    await timer.close();
    for (const each of namespaces) await each.remove();
  }
}
