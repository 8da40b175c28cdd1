import { parseAddress, parsePrefix } from '@caracal/net';
import { z } from 'zod';
import { cniNamePattern, mac, requestedAddress } from './fields.ts';
import { sysctlPath } from './sysctls.ts';
import { supportedVersions } from './versions.ts';

/** The network configuration (specification 1.1.0, section 1, and CONVENTIONS.md), with the fields that Calico's users have. */

/** Section 1: names of executables "must not contain characters disallowed in file paths". */
const executable = z.string().regex(/^[^/\\\0]+$/, 'must be the name of an executable, without "/" and "\\"');

/** Calico writes booleans as text in some places. */
const flag = z
  .union([z.boolean(), z.enum(['true', 'false'])], 'must be true or false')
  .transform(String)
  .pipe(z.enum(['true', 'false']).transform((text) => text === 'true'));

/** A pool is named by its name or by its CIDR. */
const poolReference = z
  .string()
  .refine(
    (text) => (text.includes('/') ? parsePrefix(text) !== undefined : /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text)),
    {
      error: 'must be the name or the CIDR of an IPPool',
    },
  );

const port = z.int().min(1, 'must be 1 to 65535').max(65_535, 'must be 1 to 65535');

const portMapping = z.object({
  /** The runtime passes the ports that a container only declares with 0: nothing of the host. */
  hostPort: z.int().min(0, 'must be 0 to 65535').max(65_535, 'must be 0 to 65535'),
  containerPort: port,
  protocol: z
    .string()
    .default('tcp')
    .transform((text) => text.toLowerCase())
    .pipe(z.enum(['tcp', 'udp', 'sctp'], 'must be tcp, udp or sctp')),
  hostIP: z
    .string()
    .refine((text) => text === '' || parseAddress(text) !== undefined, 'must be an IP address')
    .optional(),
});

/** Bits per second, as CONVENTIONS.md and the `bandwidth` plugin have them; 0 is no limit. Bursts are in bits. */
const rate = z.int().min(0, 'must not be negative').max(1e15, 'is beyond any interface');
const bandwidth = z.object({
  ingressRate: rate.default(0),
  ingressBurst: rate.default(0),
  egressRate: rate.default(0),
  egressBurst: rate.default(0),
});

const dns = z.looseObject({
  nameservers: z.array(z.string()).optional(),
  domain: z.string().optional(),
  search: z.array(z.string()).optional(),
  options: z.array(z.string()).optional(),
});

/** What capabilities bring (section 3, "Deriving runtimeConfig"). */
const runtimeConfig = z.looseObject({
  ips: z.array(requestedAddress).optional(),
  mac: mac.optional(),
  portMappings: z.array(portMapping).nullish(),
  bandwidth: bandwidth.nullish(),
  dns: z
    .looseObject({
      servers: z.array(z.string()).nullish(),
      searches: z.array(z.string()).nullish(),
      options: z.array(z.string()).nullish(),
    })
    .nullish(),
  'io.kubernetes.cri.pod-annotations': z.record(z.string(), z.string()).nullish(),
});

const args = z.looseObject({
  cni: z
    .looseObject({
      labels: z.array(z.object({ key: z.string().min(1), value: z.string() })).default([]),
      ips: z.array(requestedAddress).optional(),
    })
    .optional(),
});

/** A runtime in Go without containers writes its empty list as null. */
const attachments = z
  .array(z.object({ containerID: z.string(), ifname: z.string() }))
  .nullable()
  .transform((list) => list ?? []);

export const configurationSchema = z.object({
  cniVersion: z.enum(supportedVersions),
  name: z.string().regex(cniNamePattern, 'must start with a letter or digit and hold only those and "_", "." and "-"'),
  type: executable,
  /** 0 is the node's own choice, as with Calico. */
  mtu: z
    .int()
    .refine((mtu) => mtu === 0 || (mtu >= 576 && mtu <= 65_535), 'must be 0 (the node chooses) or 576 to 65535')
    .optional(),
  ipam: z
    .looseObject({
      type: executable,
      ipv4_pools: z.array(poolReference).optional(),
      ipv6_pools: z.array(poolReference).optional(),
      assign_ipv4: flag.optional(),
      assign_ipv6: flag.optional(),
      routes: z.array(z.looseObject({ dst: z.string(), gw: z.string().optional() })).optional(),
    })
    .optional(),
  dns: dns.optional(),
  /** Pools say what is masqueraded, for all their pods alike. */
  ipMasq: z.literal(false, 'must be false').optional(),
  args: args.optional(),
  runtimeConfig: runtimeConfig.optional(),
  policy: z.looseObject({ type: z.literal('k8s', 'must be k8s: policy is always enforced').optional() }).optional(),
  kubernetes: z.looseObject({ kubeconfig: z.string().optional(), k8s_api_root: z.string().optional() }).optional(),
  nodename: z.string().optional(),
  /** Of each end of the interface: with one, which is the fastest to make, one processor at a time sends. */
  num_queues: z.int().min(1, 'must be 1 to 256').max(256, 'must be 1 to 256').optional(),
  log_level: z
    .string()
    .transform((text) => text.toLowerCase())
    .pipe(
      z.enum(['debug', 'info', 'warning', 'error', 'fatal', 'none'], 'must be debug, info, warning, error or fatal'),
    )
    .optional(),
  container_settings: z.looseObject({ allow_ip_forwarding: z.boolean().default(false) }).optional(),
  feature_control: z
    .looseObject({
      ip_addrs_no_ipam: z.literal(false, 'must be false').optional(),
      floating_ips: z.literal(false, 'must be false').optional(),
    })
    .optional(),
  /** Of the container's network namespace, as the `tuning` plugin has them. */
  sysctl: z
    .record(z.string(), z.union([z.string(), z.int()]).transform(String))
    .superRefine((sysctl, context) => {
      for (const name of Object.keys(sysctl)) {
        if (sysctlPath(name)) continue;
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'is no sysctl of a container, which are those of net.…',
        });
      }
    })
    .optional(),
  /** Read by the operations that need it: a DEL must not fail for it. */
  prevResult: z.unknown().optional(),
  /** What GC must leave alone; everything else of this network goes. */
  'cni.dev/valid-attachments': attachments.optional(),
  'cni.dev/attachments': attachments.optional(),
});

const { cniVersion, name, type, ipam, policy, kubernetes, container_settings, feature_control } =
  configurationSchema.shape;

/** What DEL and GC need of it: what an ADD was refused for, such as a value that the pod asked for, must not keep the pod from going. */
export const takingBackSchema = z.object({
  cniVersion,
  name,
  type,
  ipam: z.object({ type: executable }).optional().catch(undefined),
  'cni.dev/valid-attachments': configurationSchema.shape['cni.dev/valid-attachments'],
  'cni.dev/attachments': configurationSchema.shape['cni.dev/attachments'],
});

/** Types of `ipam` that are ours. */
export const ownIpamTypes: readonly string[] = ['caracal-ipam', 'calico-ipam'];

/** The fields of the sections that are ours to read, with those of Calico's that do nothing here. */
export const fieldsOfSections: ReadonlyMap<string, readonly string[]> = new Map([
  ['ipam', [...Object.keys(ipam.unwrap().shape), 'name']],
  [
    'policy',
    [
      ...Object.keys(policy.unwrap().shape),
      'k8s_api_root',
      'k8s_auth_token',
      'k8s_certificate_authority',
      'k8s_client_certificate',
      'k8s_client_key',
    ],
  ],
  ['kubernetes', [...Object.keys(kubernetes.unwrap().shape), 'node_name']],
  ['container_settings', Object.keys(container_settings.unwrap().shape)],
  ['feature_control', Object.keys(feature_control.unwrap().shape)],
]);

/** Fields that are true or false in general, of which we can do one. */
export const unsupportedWhenTrue: ReadonlyMap<string, string> = new Map([
  ['ipMasq', 'set natOutgoing on the IPPool'],
  ['feature_control.ip_addrs_no_ipam', 'every address comes from a pool'],
  ['feature_control.floating_ips', 'there are no floating addresses'],
]);

/** The result of plugins before us in the chain, or of our own ADD (section 5). What we do not know in it is passed through. */
export const resultSchema = z.looseObject({
  interfaces: z
    .array(
      z.looseObject({
        name: z.string(),
        mac: z.string().optional(),
        mtu: z.number().optional(),
        sandbox: z.string().optional(),
      }),
    )
    .nullish()
    .transform((list) => list ?? []),
  ips: z
    .array(z.looseObject({ address: z.string(), interface: z.int().nullish(), gateway: z.string().nullish() }))
    .nullish()
    .transform((list) => list ?? []),
  routes: z
    .array(z.looseObject({ dst: z.string(), gw: z.string().nullish() }))
    .nullish()
    .transform((list) => list ?? []),
  dns: dns.nullish(),
});

export type NetworkConfiguration = z.infer<typeof configurationSchema>;
export type CniResult = z.infer<typeof resultSchema>;

/**
 * What GC must not remove; undefined when it is not said. The text of 1.1.0 called the key `cni.dev/attachments` when it was released, libcni
 * calls it `cni.dev/valid-attachments` and later sends both (containernetworking/cni #1101, #1103). What either of them lists stays.
 */
export function validAttachments(
  configuration: NetworkConfiguration,
): { readonly containerId: string; readonly ifname: string }[] | undefined {
  const lists = [configuration['cni.dev/valid-attachments'], configuration['cni.dev/attachments']];
  if (lists.every((list) => list === undefined)) return undefined;
  return lists.flatMap((list) => list ?? []).map(({ containerID, ifname }) => ({ containerId: containerID, ifname }));
}

/** Fields of the top level that are no business of ours but belong in a configuration: of the specification, the runtime, or Calico. */
export const passiveFields: readonly string[] = [
  'cniVersions',
  'capabilities',
  'disableCheck',
  'disableGC',
  'loadOnlyInlinedPlugins',
  'plugins',
  'datastore_type',
  'include_default_routes',
  'log_file_path',
  'log_file_max_size',
  'log_file_max_age',
  'log_file_max_count',
  'nodename_file',
  'nodename_file_optional',
];
