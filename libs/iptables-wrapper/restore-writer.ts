import { LineProcess } from './line-process.ts';
import type { Processes } from './processes.ts';
import { createQueue } from './queue.ts';
import type { Transaction } from './transaction.ts';

/** Why a transaction is not known to be in the kernel. */
export type RestoreFailure =
  /**
   * iptables refused it, and says so; tables committed before the one at fault stay committed. `line` is the index of
   * the offending line in the transaction and `chain` the chain of that line, when iptables names them (what fails at
   * COMMIT it often does not).
   */
  | { readonly reason: 'rejected'; readonly message: string; readonly line?: number; readonly chain?: string }
  /** The process was killed or could not be started: nothing is known about what it did. */
  | { readonly reason: 'died'; readonly message: string }
  /** No answer in time; the process was killed. */
  | { readonly reason: 'timeout'; readonly message: string };

export type RestoreResult = { readonly ok: true } | ({ readonly ok: false } & RestoreFailure);

export interface RestoreWriter {
  /** Writes one transaction and waits until the kernel holds it. Calls queue; one is in flight. */
  apply(transaction: Transaction): Promise<RestoreResult>;
  /** Starts the process before it is needed. */
  start(): void;
  /** Ends the process; the rules stay. `apply` starts a new one. */
  stop(): Promise<void>;
  /** The process, while one runs. */
  readonly pid: number | undefined;
}

export interface RestoreWriterOptions {
  readonly family: 4 | 6;
  readonly processes: Processes;
  /** The watchdog; 10 s. */
  readonly timeoutMs?: number;
}

/**
 * A long-lived `iptables-nft-restore --noflush -v` (ip6tables for family 6). With -v it repeats comment lines on its
 * standard output once everything before them is done, which serves as acknowledgement; any error ends it.
 */
export function createRestoreWriter({ family, processes, timeoutMs = 10_000 }: RestoreWriterOptions): RestoreWriter {
  const command = family === 4 ? 'iptables-nft-restore' : 'ip6tables-nft-restore';
  const process = new LineProcess(processes, [command, '--noflush', '-v'], timeoutMs);
  const queue = createQueue();
  // Line numbers in error messages count from the start of the process.
  let linesBefore = 0;
  let processOfLines = 0;
  let acknowledgement = 0;

  return {
    apply: (transaction) =>
      queue(async () => {
        if (transaction.lines.length === 0) return { ok: true };
        process.start();
        if (process.starts !== processOfLines) linesBefore = 0;
        processOfLines = process.starts;
        const answer = `#done ${++acknowledgement}`;
        // One string, written at once: a half-written transaction would hold locks (on the legacy back end).
        const text = `${transaction.lines.join('\n')}\n${answer}\n`;
        const exchange = await process.exchange(text, (line, stream) => stream === 'stdout' && line === answer);
        if (exchange.kind === 'complete') {
          linesBefore += transaction.lines.length + 1;
          return { ok: true };
        }
        if (exchange.kind === 'timeout') {
          return { ok: false, reason: 'timeout', message: `${command} gave no answer in ${exchange.afterMs} ms` };
        }
        const { exit, stderr } = exchange;
        if (exit.code === null || stderr === '') {
          const how = exit.error ?? (exit.signal ? `ended by ${exit.signal}` : `ended with code ${exit.code}`);
          return { ok: false, reason: 'died', message: `${command}: ${how}` };
        }
        return { ok: false, reason: 'rejected', ...readRejection(stderr, linesBefore, transaction) };
      }),
    start: () => process.start(),
    stop: () => queue(() => process.stop()),
    get pid() {
      return process.pid;
    },
  };
}

/** What iptables-restore's complaint says about the transaction: the line at fault, its chain, one line of message. */
function readRejection(
  stderr: string,
  linesBefore: number,
  transaction: Transaction,
): { message: string; line?: number; chain?: string } {
  const message = stderr
    .split('\n')
    .map((line) => line.replace(/^ip6?tables-nft-restore v[\d.]+ \(nf_tables\): /, '').trim())
    .filter((line) => line !== '' && !line.startsWith('Try `') && !line.startsWith('Error occurred'))
    .join('; ');
  const lineMatch = /Error occurred at line: (\d+)|(?:^|\s)line (\d+)(?: failed|:)/.exec(stderr);
  const line = lineMatch ? Number(lineMatch[1] ?? lineMatch[2]) - linesBefore - 1 : undefined;
  const known = line !== undefined && line >= 0 && line < transaction.lines.length;
  const named = /(?:rule in )?chain (\S+)/.exec(stderr)?.[1];
  const chain = (known ? transaction.chains[line] : undefined) ?? named;
  return { message, ...(known ? { line } : {}), ...(chain === undefined ? {} : { chain }) };
}
