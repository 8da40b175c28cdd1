import { createNetns, type Netns } from '../support/netns.ts';
import { type Command, call, type Plugin } from './cni-plugins.ts';
import { type Percentiles, percentiles } from './figures.ts';
import { inTurn } from './in-turn.ts';
import { type SpawnTimer, startSpawnTimer, type TimedRun } from './spawn-timer.ts';

/** A plugin, on a node of its own or of all. */
export interface Contender {
  readonly plugin: Plugin;
  /** Path of the node's namespace. */
  readonly netns: string;
}

export interface SideBySide {
  /** In the order of the contenders. */
  readonly runs: readonly Readonly<Record<Command, readonly TimedRun[]>>[];
  /** What starting a program costs in this rig, as part of every figure; milliseconds. */
  readonly spawn: Percentiles;
}

const warmUps = 3;

/**
 * ADD and then DEL of so many pods by each contender, interleaved: each pod has a namespace made before the clock starts, the order
 * changes from pod to pod, and all are started by the same small program. All pods are there when the first DEL comes.
 */
export async function runSideBySide(
  contenders: readonly Contender[],
  pods: number,
  progress: (line: string) => void,
): Promise<SideBySide> {
  const timers: SpawnTimer[] = [];
  const namespaces: Netns[] = [];
  let takeBack: (() => Promise<unknown>)[] = [];
  const runs = contenders.map(() => ({ ADD: [] as TimedRun[], DEL: [] as TimedRun[] }));
  try {
    for (const { netns } of contenders) timers.push(startSpawnTimer(netns));
    const total = pods + warmUps;
    progress(`making ${contenders.length * total} network namespaces`);
    for (let i = 0; i < contenders.length * total; i++) namespaces.push(await createNetns('bench'));
    const spawn: number[] = [];
    for (let i = 0; i < pods; i++) spawn.push((await timers[0].run('/bin/true', {}, '')).milliseconds);
    for (const command of ['ADD', 'DEL'] as const) {
      progress(`${command} of ${pods} pods of each`);
      for (let pod = 0; pod < total; pod++) {
        for (const which of inTurn(contenders.length, pod)) {
          const { plugin } = contenders[which];
          const netns = namespaces[contenders.length * pod + which];
          // Whatever fails later, what was begun is taken back.
          if (command === 'ADD') takeBack.push(() => call(timers[which], plugin, 'DEL', pod, netns));
          const ran = await call(timers[which], plugin, command, pod, netns);
          if (pod >= warmUps) runs[which][command].push(ran);
        }
      }
    }
    takeBack = [];
    return { runs, spawn: percentiles(spawn) };
  } finally {
    for (const each of takeBack) await each().catch(() => {});
    for (const timer of timers) await timer.close();
    for (const netns of namespaces) await netns.remove();
  }
}
