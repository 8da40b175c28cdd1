import type { MessageInitShape } from '@bufbuild/protobuf';
import { create, toBinary } from '@bufbuild/protobuf';
import type { StoredItem } from '@caracal/datastore';
import { parseAddress } from '@caracal/net';
import {
  EndpointSchema,
  type FeedFrame,
  FeedFrameSchema,
  type FeedItem,
  FeedItemSchema,
  FeedMessageSchema,
  type Resource,
  ResourceSchema,
} from '@caracal/protocol';

type StoredResource = NonNullable<Extract<StoredItem, { item: 'resource' }>['value']>;
type StoredEndpoint = NonNullable<Extract<StoredItem, { item: 'endpoint' }>['value']>;

export function resourceMessage(resource: StoredResource): Resource {
  const { spec, ...rest } = resource;
  return create(ResourceSchema, { ...rest, specJson: JSON.stringify(spec) });
}

export function endpointMessage(endpoint: StoredEndpoint): MessageInitShape<typeof EndpointSchema> {
  const addresses = endpoint.addresses.map((text) => parseAddress(text)?.bytes ?? new Uint8Array());
  return create(EndpointSchema, { ...endpoint, addresses });
}

function feedItem(stored: StoredItem): FeedItem['item'] | MessageInitShape<typeof FeedItemSchema>['item'] {
  switch (stored.item) {
    case 'resource': {
      if (stored.value) return { case: 'resource', value: resourceMessage(stored.value) };
      const [kind, namespace, name] = stored.key;
      return { case: 'resourceDeleted', value: { kind, namespace, name } };
    }
    case 'endpoint': {
      if (stored.value) return { case: 'endpoint', value: endpointMessage(stored.value) };
      const [node, containerId, name] = stored.key;
      return { case: 'endpointDeleted', value: { node, containerId, interface: name } };
    }
    case 'block': {
      if (!stored.value) return { case: 'blockDeleted', value: stored.key[0] };
      const { cidr, pool, node } = stored.value;
      return { case: 'block', value: { cidr, pool, node } };
    }
  }
}

/**
 * An item as it lies inside an `Items` message: field 1, length-delimited. Made once; whatever frames it ends up in, for however
 * many agents, its bytes are only copied.
 */
export function encodeItem(stored: StoredItem): Uint8Array {
  const item = feedItem(stored) as MessageInitShape<typeof FeedItemSchema>['item']; // a message is its own init shape
  return delimited(itemsField, [toBinary(FeedItemSchema, create(FeedItemSchema, { item }))]);
}

/** Encoded items as one frame: FeedMessage.items (field 2), its content being the items one after another. */
function itemsFrame(pieces: readonly Uint8Array[]): FeedFrame {
  return create(FeedFrameSchema, { payload: delimited(feedMessageItems, pieces) });
}

/** Any other message as a frame. */
export function frameOf(message: MessageInitShape<typeof FeedMessageSchema>['message']): FeedFrame {
  return create(FeedFrameSchema, { payload: toBinary(FeedMessageSchema, create(FeedMessageSchema, { message })) });
}

/** Frames hold at least one item, and else no more than this. */
const largestFrame = 64 * 1024;

/** Packs encoded items into as few frames as their size allows. */
export function* packFrames(pieces: Iterable<Uint8Array>): Generator<FeedFrame> {
  let pending: Uint8Array[] = [];
  let size = 0;
  for (const piece of pieces) {
    if (size > 0 && size + piece.length > largestFrame - 16) {
      yield itemsFrame(pending);
      pending = [];
      size = 0;
    }
    pending.push(piece);
    size += piece.length;
  }
  if (size > 0) yield itemsFrame(pending);
}

// Protobuf's wire format: a field is its number and wire type 2 in one byte, a varint of the length, the bytes.
const itemsField = (1 << 3) | 2; // Items.items
const feedMessageItems = (2 << 3) | 2; // FeedMessage.items

function delimited(tag: number, parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  let prefix = 2;
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) prefix++;
  const bytes = new Uint8Array(prefix + length);
  bytes[0] = tag;
  let at = 1;
  for (let rest = length; ; rest >>>= 7) {
    bytes[at++] = rest > 127 ? (rest & 127) | 128 : rest;
    if (rest <= 127) break;
  }
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
