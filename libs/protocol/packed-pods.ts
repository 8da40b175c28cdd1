/**
 * Pods and endpoints as a snapshot carries them: what many share (namespace, labels, service account, ports; nodes, names of interfaces)
 * is said once, the rest lies in columns. A packer and an unpacker live for one snapshot: numbers given in one message count in the later ones.
 */
import { create } from '@bufbuild/protobuf';
import { type NamedPort, type PackedPods, PackedPodsSchema } from './gen/caracal/v1/hub_pb.ts';
import { ByteReader, ByteWriter } from './words.ts';

/** What an agent is told of a pod. */
export interface PodRow {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Where it was scheduled to; empty when nowhere. */
  readonly node: string;
  /** Empty when it has none. */
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Those that have a name. */
  readonly ports: readonly PodPort[];
}

export interface PodPort {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
}

/** What agents are told of a Pod; its spec was written by the hub or the operator from a validated value. */
export function podRow(pod: Pick<PodRow, 'namespace' | 'name' | 'uid' | 'labels'>, spec: unknown): PodRow {
  const { nodeName, serviceAccountName, ports } = spec as {
    nodeName?: string;
    serviceAccountName?: string;
    ports?: Array<{ name?: string; protocol?: string; containerPort: number }>;
  };
  return {
    namespace: pod.namespace,
    name: pod.name,
    uid: pod.uid,
    node: nodeName ?? '',
    serviceAccount: serviceAccountName ?? '',
    labels: pod.labels,
    ports: (ports ?? []).flatMap((port) => podPort(port.name, port.protocol ?? 'TCP', port.containerPort) ?? []),
  };
}

/** Undefined for a protocol that is none of the three, or a port without a name: nothing can refer to it. */
function podPort(name: string | undefined, protocol: string, port: number): PodPort | undefined {
  if (!name || (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP')) return undefined;
  return { name, protocol, port };
}

/** A pod's interface, as its node reported it. */
export interface EndpointRow {
  readonly node: string;
  readonly containerId: string;
  readonly interface: string;
  readonly podUid: string;
  /** 4 or 16 bytes each. */
  readonly addresses: readonly Uint8Array[];
}

/** Well under 64 KiB with one more pod; one that is larger is a message by itself. */
const fullAtBytes = 32 * 1024;

/** Collects pods into messages. */
export class PodPacker {
  readonly #texts = new Map<string, number>();
  readonly #identities = new Map<string, number>();
  readonly #names = new ByteWriter();
  readonly #uids = new ByteWriter();
  readonly #containerIds = new ByteWriter();
  readonly #endpointUids = new ByteWriter();
  readonly #addresses = new ByteWriter();
  #message = create(PackedPodsSchema);
  #bytes = 0;

  /** Whether enough is collected for a message. */
  get full(): boolean {
    const written = [this.#names, this.#uids, this.#containerIds, this.#endpointUids, this.#addresses];
    return written.reduce((sum, { length }) => sum + length, this.#bytes) >= fullAtBytes;
  }

  /** A pod with its endpoints, or endpoints whose pod is unknown. */
  add(pod: PodRow | undefined, endpoints: readonly EndpointRow[]): void {
    const message = this.#message;
    if (pod) {
      message.podIdentity.push(this.#identity(pod));
      message.podNode.push(this.#text(pod.node));
      this.#names.word(pod.name);
      this.#uids.word(pod.uid);
      this.#bytes += 8;
    }
    for (const endpoint of endpoints) {
      const belongs = pod !== undefined && pod.uid === endpoint.podUid;
      message.endpointPod.push(belongs ? message.podIdentity.length : 0);
      if (!belongs) this.#endpointUids.word(endpoint.podUid);
      message.endpointNode.push(this.#text(endpoint.node));
      message.endpointInterface.push(this.#text(endpoint.interface));
      this.#containerIds.word(endpoint.containerId);
      this.#addresses.byte(endpoint.addresses.length);
      for (const address of endpoint.addresses) {
        this.#addresses.byte(address.length);
        this.#addresses.bytes(address);
      }
      this.#bytes += 8;
    }
  }

  /** What was collected since the last call; undefined when that is nothing. */
  take(): PackedPods | undefined {
    const message = this.#message;
    if (message.podIdentity.length + message.endpointPod.length === 0) return undefined;
    message.podNames = this.#names.take();
    message.podUids = this.#uids.take();
    message.endpointContainerIds = this.#containerIds.take();
    message.endpointPodUids = this.#endpointUids.take();
    message.endpointAddresses = this.#addresses.take();
    this.#message = create(PackedPodsSchema);
    this.#bytes = 0;
    return message;
  }

  #text(text: string): number {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    this.#message.texts.push(text);
    this.#bytes += 3 * text.length + 4;
    const number = this.#texts.size;
    this.#texts.set(text, number);
    return number;
  }

  #identity({ namespace, serviceAccount, labels, ports }: PodRow): number {
    const numbers = [this.#text(namespace), this.#text(serviceAccount)];
    for (const key of Object.keys(labels).sort()) numbers.push(this.#text(key), this.#text(labels[key]));
    const key = `${numbers.join()} ${ports.length > 0 ? JSON.stringify(ports) : ''}`;
    const known = this.#identities.get(key);
    if (known !== undefined) return known;
    const [ofNamespace, ofServiceAccount, ...ofLabels] = numbers;
    this.#message.identities.push({
      $typeName: 'caracal.v1.PodIdentity',
      namespace: ofNamespace,
      serviceAccount: ofServiceAccount,
      labels: ofLabels,
      ports: ports.map((port): NamedPort => ({ $typeName: 'caracal.v1.NamedPort', ...port })),
    });
    this.#bytes += 3 * numbers.length + ports.reduce((sum, { name }) => sum + 3 * name.length + 16, 16);
    const number = this.#identities.size;
    this.#identities.set(key, number);
    return number;
  }
}

/**
 * Whether the messages of one snapshot can be unpacked, found without making what they hold: a reader that keeps them until the snapshot is
 * whole learns at once that one makes no sense.
 */
export class PackedPodsCheck {
  #texts = 0;
  #identities = 0;

  /** Throws RangeError on a message that {@link PodUnpacker.unpack} would refuse. */
  check(message: PackedPods): void {
    this.#texts += message.texts.length;
    for (const { namespace, serviceAccount, labels } of message.identities) {
      if (labels.length % 2 !== 0) throw new RangeError('a label of a packed identity has no value');
      below(this.#texts, 'text', [namespace, serviceAccount]);
      below(this.#texts, 'text', labels);
    }
    this.#identities += message.identities.length;
    const pods = message.podIdentity.length;
    sameLength('pods', pods, message.podNode);
    below(this.#identities, 'identity', message.podIdentity);
    below(this.#texts, 'text', message.podNode);
    skipWords('pods', pods, message.podNames);
    skipWords('pods', pods, message.podUids);
    const { endpointPod, endpointNode, endpointInterface } = message;
    sameLength('endpoints', endpointPod.length, endpointNode, endpointInterface);
    below(pods + 1, 'pod', endpointPod);
    below(this.#texts, 'text', endpointNode);
    below(this.#texts, 'text', endpointInterface);
    skipWords('endpoints', endpointPod.length, message.endpointContainerIds);
    skipWords('endpoints', endpointPod.filter((pod) => pod === 0).length, message.endpointPodUids);
    const addresses = new ByteReader(message.endpointAddresses);
    for (const _ of endpointPod)
      for (let left = addresses.byte(); left > 0; left--) addresses.skip(addressLength(addresses));
    ended('endpoints', addresses);
  }
}

type SharedByPods = Omit<PodRow, 'name' | 'uid' | 'node'>;

/** The rows of the messages of one snapshot, in order. Pods of one identity share its labels and ports as objects. */
export class PodUnpacker {
  readonly #texts: string[] = [];
  readonly #identities: SharedByPods[] = [];

  /** The rows of a message; throws RangeError when it refers to what was not said, or its columns do not fit together. */
  *unpack(message: PackedPods): Generator<{ readonly pod?: PodRow; readonly endpoint?: EndpointRow }> {
    for (const text of message.texts) this.#texts.push(text);
    for (const { namespace, serviceAccount, labels, ports } of message.identities) {
      const ofPods: Record<string, string> = {};
      if (labels.length % 2 !== 0) throw new RangeError('a label of a packed identity has no value');
      for (let i = 0; i < labels.length; i += 2) ofPods[this.#text(labels[i])] = this.#text(labels[i + 1]);
      this.#identities.push({
        namespace: this.#text(namespace),
        serviceAccount: this.#text(serviceAccount),
        labels: ofPods,
        ports: ports.flatMap(({ name, protocol, port }) => podPort(name, protocol, port) ?? []),
      });
    }
    const uids = yield* this.#pods(message);
    yield* this.#endpoints(message, uids);
  }

  *#pods(message: PackedPods): Generator<{ readonly pod: PodRow }, string[]> {
    const { podIdentity, podNode } = message;
    sameLength('pods', podIdentity.length, podNode);
    const names = new ByteReader(message.podNames);
    const uidColumn = new ByteReader(message.podUids);
    const uids: string[] = [];
    for (let i = 0; i < podIdentity.length; i++) {
      const shared = this.#identities[podIdentity[i]];
      if (!shared) throw new RangeError(`there is no packed identity ${podIdentity[i]}`);
      const { namespace, serviceAccount, labels, ports } = shared;
      const uid = uidColumn.word();
      uids.push(uid);
      const node = this.#text(podNode[i]);
      yield { pod: { namespace, name: names.word(), uid, node, serviceAccount, labels, ports } };
    }
    ended('pods', names, uidColumn);
    return uids;
  }

  *#endpoints(message: PackedPods, uids: readonly string[]): Generator<{ readonly endpoint: EndpointRow }> {
    const { endpointPod, endpointNode, endpointInterface } = message;
    sameLength('endpoints', endpointPod.length, endpointNode, endpointInterface);
    const containerIds = new ByteReader(message.endpointContainerIds);
    const otherUids = new ByteReader(message.endpointPodUids);
    const column = new ByteReader(message.endpointAddresses);
    for (let i = 0; i < endpointPod.length; i++) {
      const podUid = endpointPod[i] === 0 ? otherUids.word() : uids[endpointPod[i] - 1];
      if (podUid === undefined) throw new RangeError(`there is no packed pod ${endpointPod[i]}`);
      const addresses: Uint8Array[] = [];
      for (let left = column.byte(); left > 0; left--) {
        addresses.push(column.bytes(addressLength(column)));
      }
      const containerId = containerIds.word();
      const node = this.#text(endpointNode[i]);
      yield { endpoint: { node, containerId, interface: this.#text(endpointInterface[i]), podUid, addresses } };
    }
    ended('endpoints', containerIds, otherUids, column);
  }

  #text(number: number): string {
    const text = this.#texts[number];
    if (text === undefined) throw new RangeError(`there is no packed text ${number}`);
    return text;
  }
}

function addressLength(column: ByteReader): number {
  const length = column.byte();
  if (length !== 4 && length !== 16) throw new RangeError(`an address has 4 or 16 bytes, not ${length}`);
  return length;
}

function below(limit: number, of: string, numbers: readonly number[]): void {
  for (const number of numbers) if (number >= limit) throw new RangeError(`there is no packed ${of} ${number}`);
}

function skipWords(of: string, count: number, column: Uint8Array): void {
  const words = new ByteReader(column);
  for (let i = 0; i < count; i++) words.skipWord();
  ended(of, words);
}

function sameLength(of: string, length: number, ...columns: readonly (readonly number[])[]): void {
  if (columns.some((column) => column.length !== length))
    throw new RangeError(`the columns of packed ${of} differ in length`);
}

function ended(of: string, ...columns: readonly ByteReader[]): void {
  if (columns.some((column) => !column.ended)) throw new RangeError(`the columns of packed ${of} differ in length`);
}
