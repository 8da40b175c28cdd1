import { LineProcess } from './line-process.ts';
import type { Processes } from './processes.ts';
import { createQueue } from './queue.ts';

/** A line that ipset refused. `line` is its index in the batch, when it is known (see `apply`). */
export interface IpsetError {
  readonly message: string;
  readonly line?: number;
}

export type IpsetResult =
  | { readonly ok: true }
  /** The other lines of the batch were carried out: ipset goes on after errors. */
  | { readonly ok: false; readonly reason: 'refused'; readonly errors: readonly IpsetError[] }
  | { readonly ok: false; readonly reason: 'died' | 'timeout'; readonly message: string };

export interface IpsetWriter {
  /**
   * Carries out lines of ipset's language (`add NAME MEMBER`). Adding what is there, deleting what is not, and creating
   * what exists alike are no errors. ipset names no line in its errors; with `eachLine` it is asked to speak up after
   * every line, so that errors carry their line, at about twice the cost. Calls queue; one is in flight.
   */
  apply(lines: readonly string[], eachLine?: boolean): Promise<IpsetResult>;
  start(): void;
  /** Ends the process; the sets stay. `apply` starts a new one. */
  stop(): Promise<void>;
  readonly pid: number | undefined;
}

export interface IpsetWriterOptions {
  readonly processes: Processes;
  /** The watchdog; 10 s. */
  readonly timeoutMs?: number;
}

/**
 * A long-lived `ipset -`. Its answer to `version` on standard output says that the lines before are done. Errors come on
 * standard error, another pipe, so that has a fence of its own: a line that ipset must refuse with our word in the
 * message. `stdbuf -oL` since standard output would be block-buffered into a pipe.
 */
export function createIpsetWriter({ processes, timeoutMs = 10_000 }: IpsetWriterOptions): IpsetWriter {
  const process = new LineProcess(processes, ['stdbuf', '-oL', 'ipset', '-'], timeoutMs);
  const queue = createQueue();
  let batch = 0;

  return {
    apply: (lines, eachLine = false) =>
      queue(async () => {
        if (lines.length === 0) return { ok: true };
        const fence = `fence-${++batch}`;
        const lastFence = `${fence}-end`;
        const script = [existFlag];
        lines.forEach((line, index) => {
          script.push(line);
          if (eachLine) script.push(fenceLine(`${fence}-${index}`));
        });
        script.push(fenceLine(lastFence), 'version');
        const errors: IpsetError[] = [];
        let unplaced: string[] = [];
        let outDone = false;
        let errDone = false;
        const exchange = await process.exchange(`${script.join('\n')}\n`, (line, stream) => {
          if (stream === 'stdout') {
            outDone ||= line.includes('protocol version');
          } else if (line.includes(fence)) {
            const at = line.includes(lastFence) ? undefined : Number(/fence-\d+-(\d+)/.exec(line)?.[1]);
            for (const message of unplaced) errors.push(at === undefined ? { message } : { message, line: at });
            unplaced = [];
            errDone ||= at === undefined;
          } else if (line.trim() !== '' && !line.startsWith('Try `ipset help')) {
            unplaced.push(line.replace(/^ipset v[\d.]+: /, ''));
          }
          return outDone && errDone;
        });
        if (exchange.kind === 'complete') {
          return errors.length === 0 ? { ok: true } : { ok: false, reason: 'refused', errors };
        }
        if (exchange.kind === 'timeout') {
          return { ok: false, reason: 'timeout', message: `ipset gave no answer in ${exchange.afterMs} ms` };
        }
        const { exit, stderr } = exchange;
        const how = exit.error ?? (exit.signal ? `ended by ${exit.signal}` : `ended with code ${exit.code}`);
        return { ok: false, reason: 'died', message: `ipset: ${how}${stderr && `, saying ${stderr.trim()}`}` };
      }),
    start: () => process.start(),
    stop: () => queue(() => process.stop()),
    get pid() {
      return process.pid;
    },
  };
}

/** `-exist` holds from the line that has it on; on this one nothing comes of it (a destroyed set that never was). */
const existFlag = 'destroy -exist cara-fence';

/** A create that can't be parsed, so that it has no effect but the message `unknown inet family WORD`. */
function fenceLine(word: string): string {
  return `create cara-fence hash:net family ${word}`;
}
