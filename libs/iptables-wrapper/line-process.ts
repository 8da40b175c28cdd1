import type { ProcessExit, Processes, WriterProcess } from './processes.ts';

/** Watches the output of one exchange: called with each complete line; true means that the exchange is complete. */
export type LineListener = (line: string, stream: 'stdout' | 'stderr') => boolean;

/** How an exchange ended. `output` is everything that the process said during it, standard error first. */
export type Exchange =
  | { readonly kind: 'complete' }
  | { readonly kind: 'ended'; readonly exit: ProcessExit; readonly stderr: string }
  | { readonly kind: 'timeout'; readonly afterMs: number };

interface InFlight {
  readonly listener: LineListener;
  readonly resolve: (exchange: Exchange) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * The life of one long-lived command that reads lines and answers in lines: started when first needed and again after
 * it ended, one exchange in flight, its output always drained (a full pipe would block it for ever), killed by a
 * watchdog when it does not answer. Not for callers outside this library.
 */
export class LineProcess {
  readonly #processes: Processes;
  readonly #command: readonly [string, ...string[]];
  readonly #timeoutMs: number;
  #process: WriterProcess | undefined;
  #inFlight: InFlight | undefined;
  #ended: Promise<void> = Promise.resolve();
  #stderr = '';
  #starts = 0;

  constructor(processes: Processes, command: readonly [string, ...string[]], timeoutMs: number) {
    this.#processes = processes;
    this.#command = command;
    this.#timeoutMs = timeoutMs;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** How often the command was started; changes when an exchange runs in a new process. */
  get starts(): number {
    return this.#starts;
  }

  /** Starts the process unless it runs, so that the next exchange need not wait for that. */
  start(): void {
    if (!this.#process) this.#start();
  }

  /** Writes the text at once and waits until the listener has seen the answer. One at a time: the caller queues. */
  exchange(text: string, listener: LineListener): Promise<Exchange> {
    if (this.#inFlight) throw new Error(`${this.#command[0]}: an exchange is in flight already`);
    const process = this.#process ?? this.#start();
    this.#stderr = '';
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#inFlight = undefined;
        if (this.#process === process) this.#process = undefined;
        process.kill();
        resolve({ kind: 'timeout', afterMs: this.#timeoutMs });
      }, this.#timeoutMs);
      this.#inFlight = { listener, resolve, timer };
      process.write(text);
    });
  }

  /** Ends the process, if one runs, and waits for its end; a later exchange starts a new one. */
  async stop(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (!process) return this.#ended;
    process.end();
    const timer = setTimeout(() => process.kill(), this.#timeoutMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #start(): WriterProcess {
    const [file, ...args] = this.#command;
    const process = this.#processes.start(file, args);
    this.#process = process;
    this.#starts++;
    process.onStdout(this.#lines(process, 'stdout'));
    process.onStderr(this.#lines(process, 'stderr'));
    this.#ended = new Promise((resolve) => {
      process.onExit((exit) => {
        resolve();
        if (this.#process !== process) return;
        this.#process = undefined;
        const inFlight = this.#inFlight;
        if (!inFlight) return;
        this.#inFlight = undefined;
        clearTimeout(inFlight.timer);
        inFlight.resolve({ kind: 'ended', exit, stderr: this.#stderr });
      });
    });
    return process;
  }

  #lines(process: WriterProcess, stream: 'stdout' | 'stderr'): (text: string) => void {
    let rest = '';
    return (text) => {
      if (this.#process !== process) return;
      if (stream === 'stderr') this.#stderr += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const inFlight = this.#inFlight;
        if (!inFlight?.listener(line, stream)) continue;
        this.#inFlight = undefined;
        clearTimeout(inFlight.timer);
        inFlight.resolve({ kind: 'complete' });
      }
    };
  }
}
