// What a kubelet asks of a container runtime, as far as networks are concerned: gRPC of runtime.v1.RuntimeService over a unix socket.
// The numbers of the fields are those of k8s.io/cri-api/pkg/apis/runtime/v1/api.proto.
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

export interface SandboxName {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

export interface SandboxStatus {
  readonly ready: boolean;
  readonly address: string;
  /** Of the sandbox's own process. */
  readonly pid: number;
}

export interface CriClient {
  /** Whether the runtime says that pods could have a network. */
  networkReady(): Promise<boolean>;
  runSandbox(name: SandboxName): Promise<string>;
  sandboxes(): Promise<string[]>;
  status(id: string): Promise<SandboxStatus>;
  stop(id: string): Promise<void>;
  remove(id: string): Promise<void>;
}

const callTimeoutMs = 120_000;
/** enum PodSandboxState: SANDBOX_READY. */
const ready = 0;

export function createCriClient(socket: string, cgroupParent: string): CriClient {
  const byId = (id: string) => new BinaryWriter().tag(1, WireType.LengthDelimited).string(id).finish();
  const call = (method: string, request: Uint8Array) => callUnary(socket, method, request);
  return {
    async networkReady() {
      // StatusResponse.status (1) .conditions (1): type (1), status (2).
      const status = fields(await call('Status', new Uint8Array())).bytes(1)[0];
      const conditions = fields(status).bytes(1).map(fields);
      return conditions.some((each) => each.text(1) === 'NetworkReady' && each.number(2) === 1);
    },
    async runSandbox({ name, namespace, uid }) {
      // RunPodSandboxRequest.config (1): metadata (1): name, uid, namespace, attempt; linux (8): cgroup_parent (1).
      const request = new BinaryWriter().tag(1, WireType.LengthDelimited).fork();
      request.tag(1, WireType.LengthDelimited).fork();
      for (const [i, text] of [name, uid, namespace].entries())
        request.tag(i + 1, WireType.LengthDelimited).string(text);
      request.join();
      request.tag(8, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(cgroupParent).join();
      return fields(await call('RunPodSandbox', request.join().finish())).text(1);
    },
    async sandboxes() {
      // ListPodSandboxResponse.items (1): id (1).
      const items = fields(await call('ListPodSandbox', new Uint8Array())).bytes(1);
      return items.map((item) => fields(item).text(1));
    },
    async status(id) {
      const verbose = new BinaryWriter().raw(byId(id)).tag(2, WireType.Varint).bool(true).finish();
      const answer = fields(await call('PodSandboxStatus', verbose));
      // PodSandboxStatusResponse.status (1): state (3), network (5): ip (1); .info (2), a map: "info" holds JSON.
      const status = fields(answer.bytes(1)[0]);
      const network = status.bytes(5)[0];
      const info = answer
        .bytes(2)
        .map(fields)
        .find((entry) => entry.text(1) === 'info');
      return {
        ready: status.number(3) === ready,
        address: network ? fields(network).text(1) : '',
        pid: info ? JSON.parse(info.text(2)).pid : 0,
      };
    },
    async stop(id) {
      await call('StopPodSandbox', byId(id));
    },
    async remove(id) {
      await call('RemovePodSandbox', byId(id));
    },
  };
}

/** One call on a connection of its own; rejects with gRPC's status and message, or when the connection breaks. */
async function callUnary(path: string, method: string, request: Uint8Array): Promise<Uint8Array> {
  const session = connectHttp2('http://localhost', { createConnection: () => connectSocket(path) });
  const failed = once(session, 'error').then(([error]) => {
    throw error;
  });
  failed.catch(() => {});
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/runtime.v1.RuntimeService/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let status: Record<string, unknown> = {};
    const note = (headers: Record<string, unknown>) => {
      status = { ...status, ...headers };
    };
    stream.on('response', note).on('trailers', note);
    stream.setTimeout(callTimeoutMs, () => stream.destroy(new Error(`${method}: no answer in ${callTimeoutMs} ms`)));
    const header = Buffer.alloc(5); // not compressed; the length
    header.writeUInt32BE(request.length, 1);
    stream.end(Buffer.concat([header, request]));
    const received = (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      return Buffer.concat(chunks);
    })();
    const answer = await Promise.race([received, failed]);
    if (status['grpc-status'] !== '0') {
      throw new Error(
        `${method}: ${status['grpc-status'] ?? 'cut off'} ${decodeURIComponent(String(status['grpc-message'] ?? ''))}`,
      );
    }
    return answer.subarray(5);
  } finally {
    session.destroy();
  }
}

/** The fields of a message by their numbers. */
function fields(message: Uint8Array) {
  const found = new Map<number, (Uint8Array | number)[]>();
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const values = found.get(number) ?? [];
    found.set(number, values);
    if (wireType === WireType.LengthDelimited) values.push(reader.bytes());
    else if (wireType === WireType.Varint) values.push(Number(reader.int64()));
    else reader.skip(wireType);
  }
  const bytes = (number: number) => (found.get(number) ?? []).filter((value) => typeof value !== 'number');
  return {
    bytes,
    text: (number: number) => Buffer.from(bytes(number)[0] ?? []).toString(),
    /** Zero is not written. */
    number: (number: number) => Number(found.get(number)?.find((value) => typeof value === 'number') ?? 0),
  };
}
