import { z } from 'zod';
import { cniNamePattern } from './environment.ts';
import { type CniFailure, cniErrorCodes } from './pod-network.ts';

/** The versions of the specification whose results we write. apps/cni/stub.c answers VERSION with the same. */
const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof supportedVersions)[number];

const prevResult = z.object({
  interfaces: z.array(z.object({ name: z.string(), sandbox: z.string().optional() })).default([]),
  ips: z.array(z.object({ address: z.string(), interface: z.number().int().optional() })).default([]),
});

const schema = z.object({
  cniVersion: z.enum(supportedVersions),
  name: z.string().regex(cniNamePattern, 'must start with a letter or digit and hold only those and "_", "." and "-"'),
  type: z.string(),
  mtu: z.int().min(576, 'must be at least 576').max(65535, 'must be at most 65535').optional(),
  /** Only our own addresses: another plugin's would be outside the node's blocks. */
  ipam: z
    .looseObject({ type: z.enum(['caracal-ipam', 'calico-ipam'], 'must be caracal-ipam, or ipam be left out') })
    .optional(),
  args: z
    .looseObject({
      cni: z
        .looseObject({ labels: z.array(z.object({ key: z.string().min(1), value: z.string() })).default([]) })
        .optional(),
    })
    .optional(),
  prevResult: prevResult.optional(),
  /** What GC must leave alone; everything else of this network goes. */
  'cni.dev/valid-attachments': z.array(z.object({ containerID: z.string(), ifname: z.string() })).optional(),
});

/** Whether a version is the other or a later one; both are among those that are supported. */
export function isAtLeast(version: CniVersion, other: CniVersion): boolean {
  return supportedVersions.indexOf(version) >= supportedVersions.indexOf(other);
}

export type NetworkConfiguration = z.infer<typeof schema>;
export type PrevResult = z.infer<typeof prevResult>;

/** Fields that are no business of ours but belong in a configuration: of the specification, the runtime, or libcni. */
const passive = [
  'cniVersions',
  'capabilities',
  'runtimeConfig',
  'dns',
  'disableCheck',
  'disableGC',
  'loadOnlyInlinedPlugins',
];

export type ParsedConfiguration =
  | { readonly ok: true; readonly value: NetworkConfiguration; readonly unknownFields: readonly string[] }
  | (CniFailure & { readonly cniVersion?: string });

/**
 * Reads the network configuration. Unknown fields are reported, not refused; an impossible value is a failure that
 * names its field.
 */
export function parseConfiguration(stdin: string): ParsedConfiguration {
  let document: unknown;
  try {
    document = JSON.parse(stdin);
  } catch (error) {
    const details = error instanceof Error ? error.message : String(error);
    const message = 'the network configuration on standard input is no JSON';
    return { ok: false, code: cniErrorCodes.decodingFailure, message, details };
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    const message = 'the network configuration on standard input is no JSON object';
    return { ok: false, code: cniErrorCodes.decodingFailure, message };
  }
  const version = 'cniVersion' in document ? document.cniVersion : undefined;
  if (!supportedVersions.some((supported) => supported === version)) {
    const given = version === undefined ? 'is missing' : `${JSON.stringify(version)} is not supported`;
    const message = `incompatible CNI versions: cniVersion ${given}`;
    const details = `supported: ${supportedVersions.join(', ')}`;
    const cniVersion = typeof version === 'string' ? version : undefined;
    return { ok: false, code: cniErrorCodes.incompatibleVersion, message, details, cniVersion };
  }
  const parsed = schema.safeParse(document);
  if (!parsed.success) {
    const message = parsed.error.issues.map(({ path, message }) => `${formatPath(path)}: ${message}`).join('; ');
    const code = cniErrorCodes.invalidNetworkConfig;
    return { ok: false, code, message: `network configuration: ${message}`, cniVersion: String(version) };
  }
  const known = [...Object.keys(schema.shape), ...passive];
  return { ok: true, value: parsed.data, unknownFields: Object.keys(document).filter((key) => !known.includes(key)) };
}

/** `args.cni.labels[0].key` */
function formatPath(path: readonly PropertyKey[]): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`)).join('');
}
