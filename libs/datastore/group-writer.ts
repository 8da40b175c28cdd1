import type { WriteAnswer, WriteRequest } from './queries/write.ts';

const largestBatch = 200;

interface Waiting {
  readonly request: WriteRequest;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (answer: WriteAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: while one call is at the database, the requests that come in wait, and go together in the next one. So the
 * revision lock is taken once for all of them, however many nodes ask at once, and a lone request leaves immediately.
 */
export class GroupWriter {
  readonly #write: (requests: readonly WriteRequest[]) => Promise<WriteAnswer[]>;
  readonly #onBatch: (size: number) => void;
  #waiting: Waiting[] = [];
  #busy = false;

  constructor(
    write: (requests: readonly WriteRequest[]) => Promise<WriteAnswer[]>,
    onBatch: (size: number) => void = () => {},
  ) {
    this.#write = write;
    this.#onBatch = onBatch;
  }

  /** A request whose signal has aborted before it was sent is not sent any more: nobody waits for what it would get. */
  submit<R extends WriteRequest>(request: R, signal?: AbortSignal): Promise<WriteAnswer<R>> {
    return new Promise<WriteAnswer>((resolve, reject) => {
      this.#waiting.push({ request, signal, resolve, reject });
      if (!this.#busy) void this.#run();
    }) as Promise<WriteAnswer<R>>; // the database answers each request as its operation says
  }

  async #run(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, largestBatch).filter(({ signal, reject }) => {
        if (signal?.aborted) reject(signal.reason);
        return !signal?.aborted;
      });
      if (batch.length === 0) continue;
      this.#onBatch(batch.length);
      try {
        const answers = await this.#write(batch.map(({ request }) => request));
        batch.forEach(({ resolve }, i) => {
          resolve(answers[i]);
        });
      } catch (error) {
        if (batch.length === 1 || !isFaultOfARequest(error)) {
          for (const { reject } of batch) reject(error);
          continue;
        }
        // One of them is bad, and took the others' transaction down with it: each on its own now.
        for (const { request, resolve, reject } of batch)
          await this.#write([request]).then(([answer]) => resolve(answer), reject);
      }
    }
    this.#busy = false;
  }
}

/** SQLSTATE classes 22 (data), 23 (integrity) and 20 (case not found): the content of a request, not the state of the server. */
function isFaultOfARequest(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(20|22|23)/.test(code);
}
