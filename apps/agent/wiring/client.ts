import { Worker } from 'node:worker_threads';
import type { WiringAnswer } from './messages.ts';
import type { WiringOperation, WiringOperations } from './types.ts';

type Answer<O extends WiringOperation> = Promise<WiringOperations[O]['answer']>;
type Request<O extends WiringOperation> = WiringOperations[O]['request'];

/** The wiring of this node's pods. Every failure is a value; a worker that dies fails what it was asked, and is replaced. */
export interface Wiring {
  /** Makes a pod's interface. A failure leaves nothing behind. */
  wire(request: Request<'wire'>): Answer<'wire'>;
  /** Removes the interface from both namespaces, with its routes; one that is not there is a success. */
  unwire(hostInterface: string): Answer<'unwire'>;
  /** Says what of a pod's interface is not as `wire` left it. */
  inspect(request: Request<'inspect'>): Answer<'inspect'>;
  /** Our interfaces in the kernel, for recovery. */
  listOwnInterfaces(): Answer<'listOwnInterfaces'>;
  /** Makes the blackhole routes exactly those of these blocks (`10.65.0.0/26`). */
  setBlocks(blocks: readonly string[]): Answer<'setBlocks'>;
  /** Host-wide settings that pods need; to be called once, before the first pod. */
  prepareHost(): Answer<'prepareHost'>;
  /** Ends the worker; calls under way fail. */
  close(): Promise<void>;
}

interface Pending {
  readonly operation: WiringOperation;
  readonly hostInterface?: string;
  readonly settle: (answer: unknown) => void;
}

/** Sources run as .ts, the image as .js: the compiler does not rewrite URLs. */
const workerUrl = import.meta.url.endsWith('.ts')
  ? new URL('./worker.ts', import.meta.url)
  : new URL('./worker.js', import.meta.url);

/** Starts the worker thread. */
export function createWiring(): Wiring {
  const pending = new Map<number, Pending>();
  /** The last call for each interface, so that calls for one interface follow each other. */
  const tails = new Map<string, Promise<unknown>>();
  let worker: Worker | undefined;
  let lastId = 0;
  let closed = false;

  function start(): Worker {
    const started = new Worker(workerUrl);
    started.on('message', ({ id, answer }: WiringAnswer) => {
      pending.get(id)?.settle(answer);
      pending.delete(id);
      if (pending.size === 0) started.unref();
    });
    started.on('error', (error) => lose(started, error instanceof Error ? error.message : String(error)));
    started.on('exit', (code) => lose(started, `it ended with code ${code}`));
    // Only calls under way keep the process alive.
    started.unref();
    return started;
  }

  /** Fails what the worker was asked, and has the next one remove what an interrupted `wire` may have left. */
  function lose(lost: Worker, reason: string): void {
    if (worker !== lost) return;
    worker = undefined;
    const interrupted = [...pending.values()];
    pending.clear();
    const answer = { ok: false, reason: 'kernel', message: `the wiring worker was lost: ${reason}` };
    for (const { operation, hostInterface, settle } of interrupted) {
      if (operation !== 'wire' || !hostInterface || closed) settle(answer);
      else send('unwire', { hostInterface }).then(() => settle(answer));
    }
  }

  function send<O extends WiringOperation>(operation: O, request: Request<O>, hostInterface?: string): Answer<O> {
    if (closed) return Promise.reject(new Error('the wiring is closed'));
    worker ??= start();
    const id = ++lastId;
    const { promise, resolve } = Promise.withResolvers<WiringOperations[O]['answer']>();
    // The worker answers each call with the type of its operation.
    const settle = (answer: unknown) => resolve(answer as WiringOperations[O]['answer']);
    pending.set(id, { operation, hostInterface, settle });
    worker.ref();
    worker.postMessage({ id, operation, request });
    return promise;
  }

  async function inOrder<T>(hostInterface: string, call: () => Promise<T>): Promise<T> {
    const before = tails.get(hostInterface);
    const current = before ? before.then(call, call) : call();
    tails.set(hostInterface, current);
    try {
      return await current;
    } finally {
      if (tails.get(hostInterface) === current) tails.delete(hostInterface);
    }
  }

  worker = start();
  return {
    wire: (request) => inOrder(request.hostInterface, () => send('wire', request, request.hostInterface)),
    unwire: (hostInterface) => inOrder(hostInterface, () => send('unwire', { hostInterface }, hostInterface)),
    inspect: (request) => inOrder(request.hostInterface, () => send('inspect', request, request.hostInterface)),
    listOwnInterfaces: () => send('listOwnInterfaces', {}),
    setBlocks: (blocks) => send('setBlocks', { blocks }),
    prepareHost: () => send('prepareHost', {}),
    close: async () => {
      const ending = worker;
      closed = true;
      if (ending) {
        lose(ending, 'the agent stops');
        await ending.terminate();
      }
    },
  };
}
