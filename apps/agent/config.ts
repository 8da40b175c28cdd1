import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parse } from 'yaml';
import { z } from 'zod';

const absolutePath = z.string().regex(/^\//, 'must be an absolute path');

const schema = z.strictObject({
  /** The node's name; it must be the one in the node's certificate. Or CARACAL_NODE_NAME. */
  nodeName: z
    .string()
    .min(1)
    .default(() => hostname()),
  /** The node's own addresses on the underlay: BGP speaks from them. Or CARACAL_NODE_ADDRESS. */
  nodeAddress: z.ipv4(),
  nodeAddressV6: z.ipv6().optional(),
  /** Journal and last good state; must survive a reboot. */
  stateDirectory: absolutePath.default('/var/lib/caracal'),
  /** Sockets and the spool of the CNI executable; must not survive a reboot. */
  runDirectory: absolutePath.default('/run/caracal'),
  /** What tells this machine from others, also after its disk was written anew; by default the firmware's UUID. */
  machineId: z.string().min(1).optional(),
  hub: z
    .strictObject({
      /** `host:port`, tried in turn. */
      addresses: z.array(z.string()).min(1).optional(),
      /** In place of addresses: a Service of Kubernetes, whose EndpointSlices name the hubs. What they named last is kept on disk. */
      service: z.strictObject({ namespace: z.string().min(1), name: z.string().min(1) }).optional(),
      ca: absolutePath,
      /** A certificate, or a token that is read again as it rotates: who we are. */
      cert: absolutePath.optional(),
      key: absolutePath.optional(),
      tokenFile: absolutePath.optional(),
    })
    .refine(({ addresses, service }) => !addresses !== !service, 'needs one of addresses and service')
    .refine(({ cert, key, tokenFile }) => (cert && key) || (tokenFile && !cert && !key), {
      error: 'needs cert and key, or tokenFile',
    }),
  /** On a node of Kubernetes. */
  kubernetes: z
    .strictObject({
      /** URLs of the API server, tried in turn. By address, never by what this node would have to route itself. */
      apiServers: z.array(z.url()).optional(),
      /** Our own credentials; by default those that kubelet mounts. */
      tokenFile: absolutePath.optional(),
      caFile: absolutePath.optional(),
      /** Written when a pod could start, so that kubelet believes in the network from then on. */
      conflist: absolutePath.default('/etc/cni/net.d/10-caracal.conflist'),
      /** Where the runtime finds plugins, and the installer puts ours. */
      pluginFolder: absolutePath.default('/opt/cni/bin'),
      /** What is chained behind our plugin. */
      chained: z.array(z.looseObject({ type: z.string().min(1) })).default([]),
      /** An ADD waits so long for the API server to tell of its pod. */
      podWaitSeconds: z.number().min(0).max(30).default(3),
    })
    .optional(),
  /** On a node without Kubernetes: where the runtime finds plugins and network configurations, to be watched over; absent: nothing is. */
  cni: z
    .strictObject({
      pluginFolder: absolutePath.default('/opt/cni/bin'),
      configurationFolder: absolutePath.default('/etc/cni/net.d'),
    })
    .optional(),
  /** The socket of `caracal-bgp`; `bgp.sock` in the run directory when absent. */
  bgpSocket: absolutePath.optional(),
  /** Regular expressions, one a line: which sysctls network configurations may set; all of net.… when the file is missing. */
  sysctlAllowList: absolutePath.default('/etc/cni/tuning/allowlist.conf'),
  /** MTU of pod interfaces. */
  mtu: z.number().int().min(1280).max(65535).default(1500),
  ipam: z
    .strictObject({
      restSeconds: z.number().min(0).default(30),
      claimAheadBelow: z.number().int().min(0).default(8),
    })
    .prefault({}),
  /** How often rules and sets are compared with the kernel: half a second of work at 20,000 rules. */
  resyncSeconds: z.number().min(1).default(90),
  /** Where metrics and health are served: a TCP port on the loopback address, or a unix socket. */
  metrics: z.union([z.strictObject({ port: z.number().int() }), z.strictObject({ socket: absolutePath })]).optional(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
});

export type AgentConfig = z.infer<typeof schema>;
export type KubernetesConfig = NonNullable<AgentConfig['kubernetes']>;

/**
 * Reads the agent's YAML configuration; throws an Error that names the file and the field that is wrong. What differs from node to node may
 * come from the environment, so that all nodes can share one file.
 */
export function readAgentConfig(path: string, env: NodeJS.ProcessEnv = process.env): AgentConfig {
  const ofNode = {
    ...(env.CARACAL_NODE_NAME && { nodeName: env.CARACAL_NODE_NAME }),
    ...(env.CARACAL_NODE_ADDRESS && { nodeAddress: env.CARACAL_NODE_ADDRESS }),
  };
  const result = schema
    .refine(({ hub, kubernetes }) => !hub.service || kubernetes, 'hub.service needs kubernetes')
    .refine(({ cni, kubernetes }) => !cni || !kubernetes, 'cni: with kubernetes its pluginFolder and conflist say it')
    .safeParse({ ...ofNode, ...parse(readFileSync(path, 'utf8')) });
  if (result.success) return result.data;
  throw new Error(`${path} is no agent configuration:\n${z.prettifyError(result.error)}`);
}

/** What a re-imaged machine says again and no other does; empty when the machine has no such thing. */
export function machineId(config: AgentConfig): string {
  if (config.machineId) return config.machineId;
  try {
    return readFileSync('/sys/class/dmi/id/product_uuid', 'utf8').trim();
  } catch {
    return ''; // no firmware that says so, as in many virtual machines
  }
}
