import { Connection } from './connection.ts';
import { hexOf, keepalive, octets, open, types } from './wire.ts';

/** An attribute as it was sent: its flags and value in hexadecimal, such as `c0 fdea0001`. */
type Told = ReadonlyMap<number, string>;

/** A neighbour of AS 65003 that is told every best IPv4 route: it hears when a row's octets have been worked off. */
export class Collector {
  static readonly address = '127.9.0.1';
  readonly #connection: Connection;
  readonly #routes = new Map<string, Told>();
  #read = 0;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  static async start(port: number): Promise<Collector> {
    const connection = await Connection.open(Collector.address, port);
    await connection.send(octets(open({ asNumber: 65003, identifier: 0x0a090001, holdTime: 0 })));
    await connection.next(types.open);
    await connection.send(octets(keepalive));
    await connection.next(types.keepalive);
    return new Collector(connection);
  }

  /** What the collector holds of a prefix, given as its NLRI in hexadecimal. */
  route(nlri: string): Told | undefined {
    for (; this.#read < this.#connection.messages.length; this.#read++) {
      const { type, body } = this.#connection.messages[this.#read];
      if (type === types.update) this.#apply(Buffer.from(body));
    }
    return this.#routes.get(nlri);
  }

  /** Resolves once the check holds of what was told. */
  async until(check: () => boolean, what: string): Promise<void> {
    await this.#connection.until(() => check() || undefined, `collector: ${what}`);
  }

  close(): void {
    this.#connection.close();
  }

  #apply(body: Buffer): void {
    const withdrawnEnd = 2 + body.readUInt16BE(0);
    const attributesEnd = withdrawnEnd + 2 + body.readUInt16BE(withdrawnEnd);
    for (const nlri of prefixes(body.subarray(2, withdrawnEnd))) this.#routes.delete(nlri);
    const told = attributes(body.subarray(withdrawnEnd + 2, attributesEnd));
    for (const nlri of prefixes(body.subarray(attributesEnd))) this.#routes.set(nlri, told);
  }
}

function prefixes(bytes: Buffer): string[] {
  const list: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + ((bytes[at] + 7) >> 3);
    list.push(hexOf(bytes.subarray(at, end)));
    at = end;
  }
  return list;
}

function attributes(bytes: Buffer): Told {
  const told = new Map<number, string>();
  for (let at = 0; at < bytes.length; ) {
    const extended = (bytes[at] & 0x10) !== 0;
    const start = at + (extended ? 4 : 3);
    const end = start + (extended ? bytes.readUInt16BE(at + 2) : bytes[at + 2]);
    told.set(bytes[at + 1], `${hexOf(bytes.subarray(at, at + 1))} ${hexOf(bytes.subarray(start, end))}`);
    at = end;
  }
  return told;
}
