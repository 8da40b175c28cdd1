import * as k from './constants.ts';
import { type NetlinkError, netlinkError, type Outcome, succeeded } from './errors.ts';
import { layout } from './layout.ts';
import { lastErrno, libc } from './libc.ts';
import { forEachAttribute, type Message, readString } from './reader.ts';
import { MessageWriter } from './writer.ts';

/**
 * A raw netlink socket. The kernel works a request off inside `send`, so the answers are there when it returns;
 * several messages in one send are worked off in order, and one that fails does not stop those after it. Failures are
 * always answered, successes only when asked: so only the last message of a batch asks (NLM_F_ACK), and its answer ends
 * the exchange.
 */

/** One message to the kernel. */
export interface Request {
  /** For error messages: reads after "cannot", such as `delete link cara0`. */
  readonly operation: () => string;
  readonly encode: (writer: MessageWriter) => void;
}

export interface BatchFailure {
  /** Which request of the batch. */
  readonly index: number;
  readonly error: NetlinkError;
}

const header = layout.nlmsghdr;
/** A kernel that does not answer for so long is reported as EAGAIN instead of holding the thread for ever. */
const timeoutSeconds = 5;
/** Well below the send buffer's default of 208 KiB, so that a batch is always one datagram. */
const flushBytes = 64 * 1024;
/** Failures are queued on the socket until read; so many fit into the default receive buffer. */
const flushMessages = 128;
const maxDumpAttempts = 10;

/** What a socket writes into and receives into. */
interface Buffers {
  readonly writer: MessageWriter;
  readonly receive: Uint8Array;
  readonly view: DataView;
}

/**
 * Buffers of closed sockets, for the next one: each pod has a socket of its own for a millisecond, and 192 KiB anew for each cost more
 * than opening it.
 */
const spare: Buffers[] = [];
const mostSpare = 4;

function takeBuffers(): Buffers {
  const kept = spare.pop();
  if (kept) return kept;
  const receive = new Uint8Array(64 * 1024);
  return { writer: new MessageWriter(), receive, view: new DataView(receive.buffer) };
}

export class NetlinkSocket {
  readonly #fd: number;
  readonly #writer: MessageWriter;
  readonly #receive: Uint8Array;
  readonly #view: DataView;
  readonly #buffers: Buffers;
  /** The kernel may still read the buffers. */
  #inBackground = false;
  #sequence = 0;
  #closed = false;

  /** `protocol` is the kernel's side: NETLINK_ROUTE or NETLINK_NETFILTER. Throws Error when the kernel has no such side. */
  constructor(protocol: number = k.NETLINK_ROUTE) {
    this.#buffers = takeBuffers();
    this.#writer = this.#buffers.writer;
    this.#receive = this.#buffers.receive;
    this.#view = this.#buffers.view;
    this.#fd = libc.socket(k.AF_NETLINK, k.SOCK_RAW | k.SOCK_CLOEXEC, protocol);
    if (this.#fd < 0) throw new Error(netlinkError('open a netlink socket', lastErrno()).message);
    const time = new Uint8Array(layout.timeval.size);
    time[layout.timeval.tv_sec] = timeoutSeconds;
    const on = Uint8Array.of(1, 0, 0, 0);
    const options: [number, number, Uint8Array][] = [
      [k.SOL_SOCKET, k.SO_RCVTIMEO, time],
      [k.SOL_SOCKET, k.SO_SNDTIMEO, time],
      [k.SOL_NETLINK, k.NETLINK_EXT_ACK, on],
      [k.SOL_NETLINK, k.NETLINK_CAP_ACK, on],
      [k.SOL_NETLINK, k.NETLINK_GET_STRICT_CHK, on],
    ];
    for (const [level, name, value] of options) {
      if (libc.setsockopt(this.#fd, level, name, value, value.length) < 0) {
        const error = netlinkError(`set netlink socket option ${level}/${name}`, lastErrno());
        this.close();
        throw new Error(error.message);
      }
    }
  }

  /** Sends one request and waits for its acknowledgement; `visit` gets messages that the kernel answers besides. */
  request(request: Request, visit?: (message: Message) => void): Outcome {
    return this.batch([request], visit);
  }

  /**
   * Sends the requests together and waits until the kernel has worked off all of them. Answers with the first failure.
   * Requests after a failed one are still carried out: put together only what may then be undone together.
   */
  batch(requests: readonly Request[], visit?: (message: Message) => void): Outcome {
    let first: BatchFailure | undefined;
    this.batchEach(
      requests,
      (failure) => {
        first ??= failure;
      },
      visit,
    );
    return first ? { ok: false, error: first.error } : succeeded;
  }

  /** Like `batch`, for any number of requests: reports every failure. */
  batchEach(
    requests: readonly Request[],
    onFailure: (failure: BatchFailure) => void,
    visit?: (message: Message) => void,
  ): void {
    let from = 0;
    while (from < requests.length) {
      this.#writer.reset();
      const firstSequence = this.#sequence + 1;
      let to = from;
      while (to < requests.length && to - from < flushMessages && this.#writer.length < flushBytes) {
        requests[to].encode(this.#writer);
        this.#writer.end(++this.#sequence);
        to++;
      }
      this.#writer.addFlags(k.NLM_F_ACK);
      const start = from;
      const failed = this.#exchange(firstSequence, this.#sequence, visit, (sequence, errno, detail) => {
        const index = start + sequence - firstSequence;
        onFailure({ index, error: netlinkError(requests[index].operation(), errno, detail) });
      });
      // The exchange itself broke off: what of the rest was carried out is unknown.
      if (failed) {
        for (let index = from; index < requests.length; index++) {
          onFailure({ index, error: netlinkError(requests[index].operation(), failed, 'no answer from the kernel') });
        }
        return;
      }
      from = to;
    }
  }

  /**
   * Lists: `visit` gets every message of the dump. When the kernel's tables change meanwhile, the dump is inconsistent
   * and starts again after `restart`.
   */
  dump(request: Request, restart: () => void, visit: (message: Message) => void): Outcome {
    for (let attempt = 1; ; attempt++) {
      restart();
      this.#writer.reset();
      request.encode(this.#writer);
      this.#writer.addFlags(k.NLM_F_DUMP);
      this.#writer.end(++this.#sequence);
      let interrupted = false;
      let error: NetlinkError | undefined;
      const failed = this.#exchange(
        this.#sequence,
        this.#sequence,
        (message) => {
          if (message.flags & k.NLM_F_DUMP_INTR) interrupted = true;
          visit(message);
        },
        (_sequence, errno, detail) => {
          error = netlinkError(request.operation(), errno, detail);
        },
      );
      if (failed) error ??= netlinkError(request.operation(), failed, 'no answer from the kernel');
      if (error) return { ok: false, error };
      if (!interrupted || attempt === maxDumpAttempts) return succeeded;
    }
  }

  /**
   * Like `request`, for what the kernel takes long over (deleting links): a thread of libuv's pool waits meanwhile. The
   * socket must not be used until the answer is there.
   */
  async requestInBackground(request: Request): Promise<Outcome> {
    if (!(await this.#sendInBackground(request, k.NLM_F_ACK))) return lost(request, 'send failed');
    let error: NetlinkError | undefined;
    const failed = this.#receiveUntil(this.#sequence, this.#sequence, undefined, (_sequence, errno, detail) => {
      error = netlinkError(request.operation(), errno, detail);
    });
    if (failed) error ??= netlinkError(request.operation(), failed, 'no answer from the kernel');
    return error ? { ok: false, error } : succeeded;
  }

  /**
   * Like `dump`, for tables that the kernel walks for long; what is answered may be out of date when a table changes meanwhile, and is
   * not asked for again. The socket must not be used until the answer is there.
   */
  async dumpInBackground(request: Request, visit: (message: Message) => void): Promise<Outcome> {
    if (!(await this.#sendInBackground(request, k.NLM_F_DUMP))) return lost(request, 'send failed');
    let error: NetlinkError | undefined;
    const onError = (_sequence: number, errno: number, detail: string | undefined) => {
      error = netlinkError(request.operation(), errno, detail);
    };
    for (;;) {
      const received = await inPool((done) => libc.recv.async(this.#fd, this.#receive, this.#receive.length, 0, done));
      if (received < 0) return lost(request, 'no answer from the kernel');
      if (this.#readMessages(received, this.#sequence, this.#sequence, visit, onError)) break;
    }
    return error ? { ok: false, error } : succeeded;
  }

  async #sendInBackground(request: Request, flags: number): Promise<boolean> {
    this.#writer.reset();
    request.encode(this.#writer);
    this.#writer.addFlags(flags);
    this.#writer.end(++this.#sequence);
    this.#inBackground = true;
    return (await inPool((done) => libc.send.async(this.#fd, this.#writer.bytes, this.#writer.length, 0, done))) >= 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    libc.close(this.#fd);
    if (!this.#inBackground && spare.length < mostSpare) spare.push(this.#buffers);
  }

  /**
   * Sends what the writer holds and receives until `lastSequence` is answered. Returns an errno when sending or
   * receiving itself failed, else 0.
   */
  #exchange(
    firstSequence: number,
    lastSequence: number,
    visit: ((message: Message) => void) | undefined,
    onError: (sequence: number, errno: number, detail: string | undefined) => void,
  ): number {
    if (libc.send(this.#fd, this.#writer.bytes, this.#writer.length, 0) < 0) return lastErrno();
    return this.#receiveUntil(firstSequence, lastSequence, visit, onError);
  }

  #receiveUntil(
    firstSequence: number,
    lastSequence: number,
    visit: ((message: Message) => void) | undefined,
    onError: (sequence: number, errno: number, detail: string | undefined) => void,
  ): number {
    for (;;) {
      const received = libc.recv(this.#fd, this.#receive, this.#receive.length, 0);
      if (received < 0) return lastErrno();
      if (this.#readMessages(received, firstSequence, lastSequence, visit, onError)) return 0;
    }
  }

  /** Reads what was received; true when `lastSequence` is answered. */
  #readMessages(
    received: number,
    firstSequence: number,
    lastSequence: number,
    visit: ((message: Message) => void) | undefined,
    onError: (sequence: number, errno: number, detail: string | undefined) => void,
  ): boolean {
    const bytes = this.#receive;
    const view = this.#view;
    let at = 0;
    while (at + header.size <= received) {
      const length = view.getUint32(at + header.nlmsg_len, true);
      const type = view.getUint16(at + header.nlmsg_type, true);
      const flags = view.getUint16(at + header.nlmsg_flags, true);
      const sequence = view.getUint32(at + header.nlmsg_seq, true);
      const start = at + header.size;
      const end = at + length;
      if (sequence < firstSequence) {
        // An answer that came after its exchange had timed out.
      } else if (type === k.NLMSG_ERROR) {
        const errno = -view.getInt32(start + layout.nlmsgerr.error, true);
        if (errno) onError(sequence, errno, this.#extendedMessage(start, end, flags));
        if (sequence === lastSequence) return true;
      } else if (type === k.NLMSG_DONE) {
        const errno = length >= header.size + 4 ? -view.getInt32(start, true) : 0;
        if (errno > 0) onError(sequence, errno, undefined);
        if (sequence === lastSequence) return true;
      } else {
        visit?.({ bytes, view, type, flags, sequence, start, end });
      }
      at += (length + 3) & ~3;
    }
    return false;
  }

  /** The kernel's own words about a failure (NETLINK_EXT_ACK). */
  #extendedMessage(start: number, end: number, flags: number): string | undefined {
    if (!(flags & k.NLM_F_ACK_TLVS)) return undefined;
    const original = this.#view.getUint32(start + layout.nlmsgerr.msg + header.nlmsg_len, true);
    const skipped = flags & k.NLM_F_CAPPED ? 0 : original - header.size;
    let text: string | undefined;
    forEachAttribute(this.#view, start + layout.nlmsgerr.size + ((skipped + 3) & ~3), end, (type, offset, size) => {
      if (type === k.NLMSGERR_ATTR_MSG) text = readString(this.#receive, offset, size);
    });
    return text;
  }
}

/** The result of a call that a thread of libuv's pool makes. Its errno cannot be read from here. */
function inPool(call: (done: (error: unknown, result: number) => void) => void): Promise<number> {
  return new Promise((resolve, reject) => call((error, result) => (error ? reject(error) : resolve(result))));
}

function lost(request: Request, detail: string): Outcome {
  return { ok: false, error: netlinkError(request.operation(), EIO, detail) };
}

const EIO = 5;
