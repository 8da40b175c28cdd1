/** Reaching the hubs of a Kubernetes cluster with what kubectl has: certificate and addresses come from the API server. */
import { createServer, type Socket } from 'node:net';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { connect } from 'node:tls';
import { formatHostPort } from '@caracal/net';
import { hubServerName } from '@caracal/protocol';
import { CommandError, exitCodes, usageError } from './io.ts';

export interface ClusterOptions {
  /** A file; what kubectl would take (KUBECONFIG, ~/.kube/config) when absent. */
  readonly kubeconfig?: string;
  readonly context?: string;
  /** Where Caracal is installed. */
  readonly namespace: string;
}

/** How to reach a hub as an administrator. */
export interface ClusterHub {
  /** `host:port` */
  readonly address: string;
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
  close(): void;
}

const adminSecret = 'caracal-admin';
const hubService = 'caracal-hub';
const directTimeoutMs = 1000;
/** Through the API server and a kubelet. */
const tunnelTimeoutMs = 5000;

/**
 * The administrators' certificate from the Secret `caracal-admin`, and a hub from the EndpointSlices of the Service `caracal-hub`: directly
 * where its node is reachable from here, else through the API server, as `kubectl port-forward` goes.
 */
export async function findClusterHub(options: ClusterOptions): Promise<ClusterHub> {
  const { CoreV1Api, DiscoveryV1Api, KubeConfig, PortForward } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const { namespace } = options;
  try {
    if (options.kubeconfig) config.loadFromFile(options.kubeconfig);
    else config.loadFromDefault();
  } catch (error) {
    throw usageError(`${options.kubeconfig ?? 'the kubeconfig'} cannot be read: ${messageOf(error)}`);
  }
  if (options.context) config.setCurrentContext(options.context);
  const server = config.getCurrentCluster()?.server;
  if (!server) throw usageError(`the kubeconfig has no context ${options.context ?? config.getCurrentContext()}`);

  const ask = <T>(what: string, work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw explain(error, what, server);
    });
  const secret = await ask(
    `Secret ${namespace}/${adminSecret}`,
    config.makeApiClient(CoreV1Api).readNamespacedSecret({ namespace, name: adminSecret }),
  );
  const slices = await ask(
    `EndpointSlices of Service ${namespace}/${hubService}`,
    config
      .makeApiClient(DiscoveryV1Api)
      .listNamespacedEndpointSlice({ namespace, labelSelector: `kubernetes.io/service-name=${hubService}` }),
  );
  const [ca, cert, key] = ['ca.crt', 'tls.crt', 'tls.key'].map((name) => {
    const value = secret.data?.[name];
    if (!value) throw new CommandError(`Secret ${namespace}/${adminSecret} has no ${name}`);
    return Buffer.from(value, 'base64');
  }) as [Buffer, Buffer, Buffer]; // of three names

  const hubs = slices.items.flatMap(({ endpoints, ports }) =>
    (endpoints ?? []).flatMap(({ addresses, conditions, targetRef }) => {
      const port = ports?.[0]?.port;
      return port && conditions?.ready !== false ? [{ host: addresses[0]!, port, pod: targetRef?.name }] : [];
    }),
  );
  if (hubs.length === 0) {
    const why = `Service ${namespace}/${hubService} has no ready endpoint. kubectl -n ${namespace} get pods says more`;
    throw new CommandError(`no hub is ready: ${why}`, exitCodes.unreachable);
  }
  const answers = await Promise.all(hubs.map(({ host, port }) => reachable(host, port, ca, directTimeoutMs)));
  const direct = hubs.find((_, index) => answers[index]);
  if (direct) return { address: formatHostPort(direct.host, direct.port), ca, cert, key, close: () => {} };
  const forward = new PortForward(config, true);
  // In turn: the node of a hub that the EndpointSlice still lists may be gone.
  for (const { pod, port } of hubs) {
    if (!pod) continue;
    const tunnel = await openTunnel(async (input, output) => {
      const socket = await forward.portForward(namespace, pod, [port], output, new PassThrough().resume(), input);
      return () => (typeof socket === 'function' ? socket()?.close() : socket.close());
    });
    if (await reachable('127.0.0.1', tunnel.port, ca, tunnelTimeoutMs)) {
      return { address: `127.0.0.1:${tunnel.port}`, ca, cert, key, close: tunnel.close };
    }
    tunnel.close();
  }
  const tried = hubs.map(({ host, pod }) => (pod ? `${pod} (${host})` : host)).join(', ');
  throw new CommandError(
    `no hub can be reached, neither directly nor through the API server: ${tried}. kubectl -n ${namespace} get pods -o wide says where they run`,
    exitCodes.unreachable,
  );
}

/** A listener on the loopback address whose connections go through `carry`: bytes in, bytes out, and how to end it. */
async function openTunnel(
  carry: (input: Readable, output: Writable) => Promise<() => void>,
): Promise<{ port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    carry(socket, socket).then(
      (end) => socket.once('close', end),
      () => socket.destroy(),
    );
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Whether a hub of this authority answers there: on some networks somebody answers for every address. */
function reachable(host: string, port: number, ca: Buffer, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ca, servername: hubServerName, ALPNProtocols: ['h2'] });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => done(false));
    socket.once('secureConnect', () => done(true));
    socket.once('error', () => done(false));
  });
}

function explain(error: unknown, what: string, server: string): CommandError {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  switch (code) {
    case 401:
      return new CommandError(`the API server at ${server} does not accept the kubeconfig's credentials`);
    case 403:
      return new CommandError(`you may not read ${what}: ask for the rights of an administrator of Caracal`);
    case 404:
      return new CommandError(
        `there is no ${what}. Is Caracal installed, and in that namespace (--caracal-namespace)?`,
      );
    default:
      return new CommandError(
        `the API server at ${server} cannot be asked for ${what}: ${messageOf(error)}`,
        exitCodes.unreachable,
      );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n')[0]! : String(error);
}
