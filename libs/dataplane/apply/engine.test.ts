import { type CompiledPolicy, noChange, type PolicyDelta } from '@caracal/policy';
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

/** Writers that never answer. */
function silent(onKill: () => void): Processes {
  const { start, read } = agreeable();
  const mute = (started: WriterProcess): WriterProcess => ({
    ...started,
    write: () => {},
    kill: () => {
      onKill();
      started.kill();
    },
  });
  return { start: (...command) => mute(start(...command)), read };
}

/** Writers that note what they are told; ipset answers so late that iptables is asked before if it may be. */
function noting(note: (what: string) => void): Processes {
  const { start, read } = agreeable();
  return {
    start(command, args) {
      const started = start(command, args);
      const isIpset = args.includes('ipset');
      return {
        ...started,
        write(text) {
          note(isIpset ? 'sets' : 'rules');
          if (!isIpset) return started.write(text);
          setTimeout(() => {
            note('sets answered');
            started.write(text);
          }, 20);
        },
      };
    },
    read,
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

test('who waits is told of a stop at once, while an attempt is under way', async () => {
  const told: string[] = [];
  const processes = silent(() => told.push('a writer is given up'));
  const dataplane = createDataplane({ logger, processes, writerTimeoutMs: 500 });
  const attempted = dataplane.setPools(pools);
  const settled = attempted.then(
    () => told.push('done'),
    (error: Error) => told.push(error.message),
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  const later = dataplane.setPools([]).catch((error: Error) => told.push(error.message));
  const stopped = dataplane.stop().then(() => told.push('stopped'));
  await Promise.all([settled, later, stopped]);
  expect(told.slice(0, 3)).toEqual(['the dataplane is stopped', 'the dataplane is stopped', 'a writer is given up']);
  await expect(dataplane.setPools(pools)).rejects.toThrow('the dataplane is stopped');
});

const policy = (...sets: string[]): CompiledPolicy => ({
  id: 'np/a/x',
  ingress: [{ action: 'Allow', source: { sets }, destination: {}, index: 0 }],
  egress: [],
});
const pod = (n: number): PolicyDelta['endpoints'][number] => ({
  id: `c${n}/eth0`,
  interfaceName: `cara${n}`,
  addresses: [`10.0.0.${n}`],
  ingress: [{ name: 'default', policies: ['np/a/x'], defaultAction: 'Deny' }],
  egress: [],
});
const set = (id: string, added: string[]): PolicyDelta['sets'][number] => ({
  definition: { id, type: 'net', family: 4 },
  added,
  removed: [],
});
test.each([
  ['a pod comes', { sets: [set('s1', ['10.0.0.2'])], endpoints: [pod(2)] }, ['sets', 'rules', 'sets answered']],
  ['a pod goes', { sets: [set('s1', [])], removedEndpoints: ['c1/eth0'] }, ['rules']],
  [
    'a pod comes with a set',
    { sets: [set('s3', ['10.0.0.2'])], endpoints: [pod(2)] },
    ['sets', 'sets answered', 'rules'],
  ],
  [
    'the policy of a pod that stays is another',
    { sets: [set('s2', ['10.0.0.2'])], policies: [policy('s2')] },
    ['sets', 'sets answered', 'rules'],
  ],
] as const)('sets stand before rules that a pod relies on already: %s', async (_what, change, order) => {
  const told: string[] = [];
  const dataplane = createDataplane({ logger, processes: noting((what) => told.push(what)) });
  const sets = [set('s1', ['10.0.0.1']), set('s2', ['10.0.0.9'])];
  await dataplane.update({ ...noChange, sets, policies: [policy('s1')], endpoints: [pod(1)] });
  told.length = 0;
  await dataplane.update({ ...noChange, ...change, sets: [...change.sets] });
  expect(told.filter((what, i) => told.indexOf(what) === i)).toEqual(order);
  await dataplane.stop();
});
