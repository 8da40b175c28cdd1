import { type Outcome, succeeded } from './errors.ts';
import { deleteLinkGroup, findLink, setLink } from './links.ts';
import { type Netns, threadPoolSize } from './netns.ts';
import { openNetlinkSocket } from './route-socket.ts';
import type { NetlinkSocket } from './socket.ts';

/**
 * Deletes links without waiting for the kernel to free them.
 *
 * RTM_DELLINK takes a link out of its namespace in a millisecond or two, with its addresses and routes, and then waits
 * for an RCU grace period (netdev_run_todo: rcu_barrier), 20 ms and more, before it answers. The request therefore runs
 * on a thread of libuv's pool, while this thread watches for the link to be gone from view: that is the moment at which
 * `delete` resolves. As many as there are threads to wait go on beside each other; those that come beyond that are gathered and
 * go out together as one link group, so that they share the next grace period.
 */
export class LinkReaper {
  readonly #watcher: NetlinkSocket;
  /** Each holds a thread of the pool while it waits; those that are left are for files. */
  readonly #idle: NetlinkSocket[];
  #waiting: Deletion[] = [];
  #group = firstGroup;
  #closed = false;

  constructor(netns?: Netns) {
    this.#watcher = openNetlinkSocket(netns);
    this.#idle = Array.from({ length: Math.max(2, threadPoolSize() - threadsForFiles) }, () =>
      openNetlinkSocket(netns),
    );
  }

  /** Resolves when the link, and with veth its peer, is no longer there; a link that was not there is a success. */
  delete(name: string): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#waiting.push({ name, resolve });
    // Deferred, so that deletions of one turn of the event loop go together.
    queueMicrotask(() => this.#start());
    return promise;
  }

  /** Frees the sockets; deletions under way are finished by the kernel. */
  close(): void {
    this.#closed = true;
    this.#watcher.close();
    for (const socket of this.#idle) socket.close();
  }

  #start(): void {
    if (this.#waiting.length === 0 || this.#closed) return;
    const socket = this.#idle.pop();
    if (!socket) return;
    const deletions = this.#waiting;
    this.#waiting = [];
    const group = this.#group++;
    const present = deletions.filter(({ name, resolve }) => {
      const marked = this.#watcher.request(setLink(name, { group }));
      if (!marked.ok) resolve(marked.error.code === 'ENODEV' ? succeeded : marked);
      return marked.ok;
    });
    if (present.length === 0) {
      this.#idle.push(socket);
      return;
    }
    let outcome: Outcome | undefined;
    void socket
      .requestInBackground(deleteLinkGroup(group))
      .then(
        (answer) => {
          outcome = answer;
        },
        (error: unknown) => {
          outcome = { ok: false, error: { code: 'EIO', errno: 5, message: `cannot delete links: ${String(error)}` } };
        },
      )
      .finally(() => {
        // Whoever is still to be seen has failed, or is answered here at the latest.
        for (const { name, resolve } of present) resolve(this.#isGone(name) ? succeeded : (outcome ?? succeeded));
        if (this.#closed) socket.close();
        else this.#idle.push(socket);
        this.#start();
      });
    this.#watch(present);
  }

  /** Sleeps in short steps until the links are gone; gives up early and leaves the rest to the kernel's answer. */
  #watch(deletions: readonly Deletion[]): void {
    let rest = deletions;
    for (let step = 0; step < watchSteps; step++) {
      rest = rest.filter(({ name, resolve }) => {
        const gone = this.#isGone(name);
        if (gone) resolve(succeeded);
        return !gone;
      });
      if (rest.length === 0) return;
      Atomics.wait(sleeper, 0, 0, watchStepMs);
    }
  }

  #isGone(name: string): boolean {
    if (this.#closed) return false;
    const found = findLink(this.#watcher, name);
    return found.ok && found.value === undefined;
  }
}

interface Deletion {
  readonly name: string;
  readonly resolve: (outcome: Outcome) => void;
}

/** Beside those that wait: the journal above all. */
const threadsForFiles = 4;
/** Link groups of their own, far from the small numbers that administrators give. */
const firstGroup = 0x4ca20000;
const watchStepMs = 0.1;
const watchSteps = 100;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
