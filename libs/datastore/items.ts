/** A resource as stored: configuration, or a mirrored object. */
export interface StoredResource {
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: unknown;
  readonly generation: bigint;
  readonly revision: bigint;
}

export interface ResourceName {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface StoredEndpoint {
  readonly node: string;
  readonly containerId: string;
  readonly interface: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly podUid: string;
  /** As text, without prefix length. */
  readonly addresses: readonly string[];
}

export interface StoredBlock {
  readonly cidr: string;
  readonly pool: string;
  readonly node: string;
  readonly incarnation: string;
}

/** One object of the feed, as it is after a revision; without a value it is gone. */
export type StoredItem =
  | {
      readonly item: 'resource';
      readonly key: readonly [kind: string, namespace: string, name: string];
      readonly value?: StoredResource;
    }
  | {
      readonly item: 'endpoint';
      readonly key: readonly [node: string, containerId: string, iface: string];
      readonly value?: StoredEndpoint;
    }
  | { readonly item: 'block'; readonly key: readonly [cidr: string]; readonly value?: StoredBlock };

/** A place in the feed. The nonce tells revisions of one number from different histories apart. */
export interface Position {
  readonly revision: bigint;
  readonly nonce: bigint;
}

/** What one revision changed, in order. */
export interface Revision extends Position {
  readonly items: readonly StoredItem[];
}

/** From the three columns that describe an object in `change` and in the snapshot's queries. */
export function storedItem(row: { item: StoredItem['item']; key: string[]; body: unknown }): StoredItem {
  if (row.item !== 'resource' || !row.body) {
    // The body was made by endpoint_body or block_body in SQL, or is absent: its shape is theirs.
    return { item: row.item, key: row.key, value: row.body ?? undefined } as unknown as StoredItem;
  }
  const body = row.body as StoredResource & { generation: string; revision: string }; // made by resource_body in SQL
  const value = { ...body, generation: BigInt(body.generation), revision: BigInt(body.revision) };
  return { item: 'resource', key: [body.kind, body.namespace, body.name], value };
}
