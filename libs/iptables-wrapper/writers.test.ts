import { expect, test } from 'vitest';
import { createIpsetWriter } from './ipset-writer.ts';
import type { ProcessExit, Processes, WriterProcess } from './processes.ts';
import { createRestoreWriter } from './restore-writer.ts';

/** A process whose answers a test decides: a transport, not a part of ours. */
class FakeProcess implements WriterProcess {
  readonly pid = 1;
  readonly written: string[] = [];
  ended = false;
  killed = false;
  stdout: (text: string) => void = () => {};
  stderr: (text: string) => void = () => {};
  exit: (exit: ProcessExit) => void = () => {};
  onWrite: (text: string) => void = () => {};

  write(text: string): void {
    this.written.push(text);
    this.onWrite(text);
  }
  end(): void {
    this.ended = true;
    this.exit({ code: 0, signal: null });
  }
  kill(): void {
    this.killed = true;
    this.exit({ code: null, signal: 'SIGKILL' });
  }
  onStdout(listener: (text: string) => void): void {
    this.stdout = listener;
  }
  onStderr(listener: (text: string) => void): void {
    this.stderr = listener;
  }
  onExit(listener: (exit: ProcessExit) => void): void {
    this.exit = listener;
  }
}

function fakes(prepare: (process: FakeProcess, index: number) => void): Processes & { started: FakeProcess[] } {
  const started: FakeProcess[] = [];
  return {
    started,
    start() {
      const process = new FakeProcess();
      prepare(process, started.length);
      started.push(process);
      return process;
    },
    read: () => Promise.reject(new Error('not used')),
  };
}

const lastLine = (text: string) => text.trimEnd().split('\n').at(-1) ?? '';
/** Repeats the comment line, as `iptables-restore -v` does. */
const acknowledge = (process: FakeProcess) => {
  process.onWrite = (text) => queueMicrotask(() => process.stdout(`Flushing chain x\n${lastLine(text)}\n`));
};
const transaction = {
  lines: ['*filter', ':a - [0:0]', '-A a -j DROP', 'COMMIT'],
  chains: [undefined, 'a', 'a', undefined],
};

test('a transaction is one write, acknowledged by the echo of its comment', async () => {
  const processes = fakes(acknowledge);
  const writer = createRestoreWriter({ family: 4, processes });
  expect(await writer.apply(transaction)).toEqual({ ok: true });
  expect(processes.started[0].written).toEqual([`${transaction.lines.join('\n')}\n#done 1\n`]);
});

test('one transaction is in flight at a time', async () => {
  const processes = fakes(() => {});
  const writer = createRestoreWriter({ family: 4, processes });
  const first = writer.apply(transaction);
  const second = writer.apply(transaction);
  await new Promise(setImmediate);
  const [process] = processes.started;
  expect(process.written.length).toBe(1);
  process.stdout('#done');
  process.stdout(' 1\n');
  await first;
  await new Promise(setImmediate);
  expect(process.written.length).toBe(2);
  process.stdout('#done 2\n');
  expect(await second).toEqual({ ok: true });
});

test('line numbers in errors count from the start of the process', async () => {
  const processes = fakes(acknowledge);
  const writer = createRestoreWriter({ family: 4, processes });
  await writer.apply(transaction);
  const [process] = processes.started;
  process.onWrite = () =>
    queueMicrotask(() => {
      process.stderr("iptables-nft-restore v1.8.9 (nf_tables): Set nope doesn't exist.\n\nError occurred at line: 8\n");
      process.stderr("Try `iptables-nft-restore -h' or 'iptables-nft-restore --help' for more information.\n");
      process.exit({ code: 2, signal: null });
    });
  expect(await writer.apply(transaction)).toEqual({
    ok: false,
    reason: 'rejected',
    message: "Set nope doesn't exist.",
    line: 2,
    chain: 'a',
  });
  expect(await writer.apply(transaction)).toEqual({ ok: true });
  expect(processes.started.length).toBe(2);
});

test('what the kernel refuses at COMMIT names its rule by line and chain', async () => {
  const processes = fakes((process) => {
    process.onWrite = () =>
      queueMicrotask(() => {
        process.stderr('iptables-nft-restore v1.8.9 (nf_tables): \n');
        process.stderr('line 3: RULE_APPEND failed (Too many links): rule in chain a\n');
        process.exit({ code: 4, signal: null });
      });
  });
  const writer = createRestoreWriter({ family: 4, processes });
  expect(await writer.apply(transaction)).toEqual({
    ok: false,
    reason: 'rejected',
    message: 'line 3: RULE_APPEND failed (Too many links): rule in chain a',
    line: 2,
    chain: 'a',
  });
});

test('a killed process, one that can not start, and one that hangs', async () => {
  const outcomes: ((process: FakeProcess) => void)[] = [
    (process) => process.exit({ code: null, signal: 'SIGKILL' }),
    (process) => process.exit({ code: null, signal: null, error: 'spawn iptables-nft-restore ENOENT' }),
    () => {},
  ];
  const processes = fakes((process, index) => {
    process.onWrite = () => queueMicrotask(() => outcomes[index](process));
  });
  const writer = createRestoreWriter({ family: 4, processes, timeoutMs: 20 });
  expect(await writer.apply(transaction)).toMatchObject({
    reason: 'died',
    message: expect.stringContaining('SIGKILL'),
  });
  expect(await writer.apply(transaction)).toMatchObject({ reason: 'died', message: expect.stringContaining('ENOENT') });
  expect(await writer.apply(transaction)).toMatchObject({ reason: 'timeout' });
  expect(processes.started[2].killed).toBe(true);
});

test('stop ends standard input and waits for the end', async () => {
  const processes = fakes(acknowledge);
  const writer = createRestoreWriter({ family: 6, processes });
  await writer.apply(transaction);
  await writer.stop();
  expect(processes.started[0].ended).toBe(true);
  expect(writer.pid).toBeUndefined();
});

/** Answers as `ipset -` does: prompts without line ends, errors for lines with `bad` in them. */
const answerIpset = (process: FakeProcess, errorsLate: boolean) => {
  process.onWrite = (text) => {
    const lines = text.trimEnd().split('\n');
    const errors = lines.flatMap((line) => {
      if (line.includes('bad')) return ['ipset v7.17: it is bad'];
      const fence = /family (fence-\S+)$/.exec(line);
      return fence ? [`ipset v7.17: Syntax error: unknown inet family ${fence[1]}`] : [];
    });
    const say = () => process.stderr(`${errors.join('\n')}\n`);
    queueMicrotask(() => {
      if (!errorsLate) say();
      process.stdout(`${'ipset> '.repeat(lines.length)}ipset v7.17, protocol version: 7\n`);
      if (errorsLate) say();
    });
  };
};

test.each([false, true])('ipset: both fences are awaited (errors late: %s)', async (errorsLate) => {
  const processes = fakes((process) => answerIpset(process, errorsLate));
  const writer = createIpsetWriter({ processes });
  expect(await writer.apply(['add a 10.0.0.1'])).toEqual({ ok: true });
  expect(await writer.apply(['add a 10.0.0.1', 'add a bad'])).toEqual({
    ok: false,
    reason: 'refused',
    errors: [{ message: 'it is bad' }],
  });
  expect(await writer.apply(['add a 10.0.0.1', 'add a bad', 'add a 10.0.0.2'], true)).toEqual({
    ok: false,
    reason: 'refused',
    errors: [{ message: 'it is bad', line: 1 }],
  });
});
