import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { hexOf, types } from './wire.ts';

/** A message that came, and what is inside. */
export interface Received {
  readonly type: number;
  readonly body: Uint8Array;
}

/** One TCP connection of a test's peer with the process: octets out, messages in. */
export class Connection {
  readonly messages: Received[] = [];
  closed = false;
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0);
  #wake: (() => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    // The reason does not matter: the messages before it do.
    socket.on('error', () => {});
    socket.once('close', () => {
      this.closed = true;
      this.#signal();
    });
    socket.once('end', () => {
      this.closed = true;
      this.#signal();
    });
  }

  static async open(from: string, port: number): Promise<Connection> {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from, noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** Writes the octets, `segment` at a time. */
  async send(bytes: Uint8Array, segment = bytes.length): Promise<void> {
    for (let at = 0; at < bytes.length && !this.closed; at += segment) {
      this.#socket.write(bytes.subarray(at, at + segment));
      if (segment < bytes.length) await turn();
    }
  }

  /** Resolves when the check answers with something, or rejects after `seconds`. */
  async until<T>(check: () => T | undefined, what: string, seconds = 20): Promise<T> {
    const end = performance.now() + 1000 * seconds;
    for (;;) {
      const value = check();
      if (value !== undefined) return value;
      const left = end - performance.now();
      if (left <= 0) throw new Error(`${what}: not within ${seconds} s; came: ${this.summary()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** The first message of the type from place `from` on; undefined when the connection ended without one. */
  async next(type: number, from = 0): Promise<Received | undefined> {
    const found = () => this.messages.slice(from).find((message) => message.type === type);
    const ended = await this.until(() => found() ?? (this.closed ? null : undefined), `message of type ${type}`);
    return ended ?? undefined;
  }

  get notification(): Received | undefined {
    return this.messages.find((message) => message.type === types.notification);
  }

  summary(): string {
    const last = this.messages.slice(-4).map(({ type, body }) => `${type}:${hexOf(body)}`);
    return `${last.join(' ')}${this.closed ? ' closed' : ''}`;
  }

  /** Ends the connection without a NOTIFICATION. */
  close(): void {
    this.closed = true;
    this.#socket.destroy();
    this.#signal();
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.length >= 19) {
      const length = this.#buffer.readUInt16BE(16);
      if (this.#buffer.length < length) break;
      this.messages.push({ type: this.#buffer[18], body: this.#buffer.subarray(19, length) });
      this.#buffer = this.#buffer.subarray(length);
    }
    this.#signal();
  }

  #signal(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}
