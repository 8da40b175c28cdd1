import type { Processes } from 'iptables-wrapper';
import { expect, test } from 'vitest';
import { createDataplane } from '../dataplane.ts';

type WriterProcess = ReturnType<Processes['start']>;

const logger = { info() {}, warn() {}, error() {}, debug() {} };

/** Writers that accept all they are told, and a kernel in which there is nothing: a transport, not a part of ours. */
function agreeable(): Processes {
  return {
    start(): WriterProcess {
      let stdout = (_text: string) => {};
      let stderr = (_text: string) => {};
      let exit: Parameters<WriterProcess['onExit']>[0] = () => {};
      return {
        pid: 1,
        write: (text) =>
          queueMicrotask(() => {
            const fence = /family (fence-\S+)/.exec(text)?.[1];
            if (fence) stderr(`ipset v7.17: Syntax error: unknown inet family ${fence}\n`);
            stdout(fence ? 'ipset v7.17, protocol version: 7\n' : `${text.trimEnd().split('\n').at(-1)}\n`);
          }),
        end: () => exit({ code: 0, signal: null }),
        kill: () => exit({ code: null, signal: 'SIGKILL' }),
        onStdout: (listener) => {
          stdout = listener;
        },
        onStderr: (listener) => {
          stderr = listener;
        },
        onExit: (listener) => {
          exit = listener;
        },
      };
    },
    read: async () => '',
  };
}

const pools = [{ cidr: '10.0.0.0/16', natOutgoing: true }];

test('what is asked for while an attempt ends is done, in whichever step of it', async () => {
  const dataplane = createDataplane({ logger, processes: agreeable() });
  await dataplane.setPools(pools);
  const forgotten: number[] = [];
  for (let turns = 0; turns < 60; turns++) {
    // Nothing of it is new, so that the attempt ends without waiting for anything.
    const first = dataplane.setPools(pools);
    for (let turn = 0; turn < turns; turn++) await undefined;
    const second = dataplane.setPools(pools).then(() => true);
    await first;
    const never = new Promise((resolve) => setImmediate(() => setImmediate(resolve, false)));
    if (!(await Promise.race([second, never]))) forgotten.push(turns);
  }
  expect(forgotten).toEqual([]);
  await dataplane.stop();
});
