import {
  type AttributeFault,
  createFramer,
  type DecodeContext,
  decodeMessage,
  type Message,
  type MrtRecord,
  type Open,
  type RouteFamily,
  routeFamilyOf,
  type SessionReset,
} from 'bgp-parser';

/** One thing of an input: a message, an error in place of one, or a record that holds no message. */
export interface DecodedItem {
  /** Unix seconds. */
  readonly time?: number;
  /** Who sent it to whom, when the input says so. */
  readonly from?: string;
  readonly to?: string;
  readonly content:
    | { readonly kind: 'message'; readonly message: Message; readonly faults: readonly AttributeFault[] }
    | { readonly kind: 'error'; readonly error: SessionReset }
    | { readonly kind: 'record'; readonly record: MrtRecord }
    | { readonly kind: 'problem'; readonly message: string };
}

type Side = 0 | 1;

/** What both sides of a session have agreed on, learnt from their OPENs as they pass; what is not seen is as assumed. */
export class SessionContext {
  readonly #assumed: DecodeContext;
  readonly #opens: (Open | undefined)[] = [undefined, undefined];

  constructor(assumed: DecodeContext) {
    this.#assumed = assumed;
  }

  learn(side: Side, open: Open): void {
    this.#opens[side] = open;
  }

  /** The context of what `side` sends. An OPEN that was not seen is taken to agree with the other. */
  of(side: Side): DecodeContext {
    const sender = this.#opens[side] ?? this.#opens[1 - side];
    const receiver = this.#opens[1 - side] ?? sender;
    if (!sender || !receiver) return this.#assumed;
    const both = (name: string) => [sender, receiver].every((open) => open.capabilities.some((c) => c.name === name));
    const mode = (open: Open, bit: number) =>
      open.capabilities.flatMap((c) => (c.name === 'addPath' ? c.families.filter((f) => f.mode & bit) : []));
    const families = (list: readonly { afi: number; safi: number }[]) =>
      list
        .map(({ afi, safi }) => routeFamilyOf(afi, safi))
        .filter((family): family is RouteFamily => family !== undefined);
    const received = families(mode(receiver, 1));
    return {
      ...this.#assumed,
      fourOctetAs: both('fourOctetAs'),
      extendedMessage: both('extendedMessage'),
      extendedNextHop: both('extendedNextHop'),
      enhancedRouteRefresh: both('enhancedRouteRefresh'),
      addPath: families(mode(sender, 2)).filter((family) => received.includes(family)),
    };
  }
}

/** Messages of one direction, whatever the pieces that they come in. */
export class StreamDecoder {
  readonly #framer = createFramer();
  readonly #context: SessionContext;
  readonly #side: Side;
  #broken = false;
  /** Octets of a message that is not whole yet. */
  left = 0;

  constructor(context: SessionContext, side: Side) {
    this.#context = context;
    this.#side = side;
  }

  /** The messages that are whole with these octets. After a header that is wrong nothing more can be read. */
  push(bytes: Uint8Array): DecodedItem['content'][] {
    const contents: DecodedItem['content'][] = [];
    if (this.#broken) return contents;
    this.#framer.push(bytes);
    this.left += bytes.length;
    for (;;) {
      const context = this.#context.of(this.#side);
      // A header says its own length: whether longer messages were agreed on is not for a reader to refuse.
      const next = this.#framer.next({ ...context, extendedMessage: true });
      if (!next) return contents;
      if (!(next instanceof Uint8Array)) {
        this.#broken = true;
        contents.push({ kind: 'error', error: next });
        return contents;
      }
      this.left -= next.length;
      contents.push(decodeOne(next, context, (open) => this.#context.learn(this.#side, open)));
    }
  }
}

/** One whole message. */
export function decodeOne(
  bytes: Uint8Array,
  context: DecodeContext,
  learn?: (open: Open) => void,
): DecodedItem['content'] {
  const decoded = decodeMessage(bytes, { ...context, extendedMessage: true });
  if (!decoded.ok) return { kind: 'error', error: decoded.error };
  if (decoded.message.type === 'open') learn?.(decoded.message);
  return { kind: 'message', message: decoded.message, faults: decoded.faults };
}
