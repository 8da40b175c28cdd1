import type { z } from 'zod';
import {
  type CniResult,
  configurationSchema,
  fieldsOfSections,
  type NetworkConfiguration,
  ownIpamTypes,
  passiveFields,
  resultSchema,
  takingBackSchema,
  unsupportedWhenTrue,
} from './configuration-schema.ts';
import { type CniFailure, cniErrorCodes } from './pod-network.ts';
import { supportedVersions } from './versions.ts';

export type ParsedConfiguration =
  | { readonly ok: true; readonly value: NetworkConfiguration; readonly unknownFields: readonly string[] }
  | (CniFailure & { readonly cniVersion?: string });

/** What was read last for an ADD: the pods of a node bring the same, and to check it takes longer than to find them an address. */
let last: { readonly stdin: string; readonly parsed: ParsedConfiguration } | undefined;
/** In characters: what a chain of plugins hands on is longer, and another one for each pod. */
const longestKept = 16_384;

/**
 * Reads the network configuration for an operation (ADD unless given). Unknown fields are reported, not refused; an impossible value is a
 * failure that names its field, and carries the version that was asked wherever it can be read. Of DEL and GC only what they need is read.
 */
export function parseConfiguration(stdin: string, command?: string): ParsedConfiguration {
  // DEL and CHECK bring what ADD has answered (prevResult), so that no two are alike.
  if (command !== undefined && command !== 'ADD') return parse(stdin, command === 'DEL' || command === 'GC');
  if (last?.stdin === stdin) return last.parsed;
  const parsed = parse(stdin, false);
  last = stdin.length <= longestKept ? { stdin, parsed } : undefined;
  return parsed;
}

function parse(stdin: string, takesBack: boolean): ParsedConfiguration {
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
  const parsed = (takesBack ? takingBackSchema : configurationSchema).safeParse(document);
  if (parsed.success) {
    return { ok: true, value: parsed.data, unknownFields: unknownFields(document) };
  }
  return { ...refusal(document, parsed.error.issues), cniVersion: String(version) };
}

/** Reads a result: `prevResult`, or what a delegated plugin printed. `name` is what an error calls it. */
export function parseResult(
  value: unknown,
  name: string,
): { readonly ok: true; readonly result: CniResult } | CniFailure {
  const parsed = resultSchema.safeParse(value);
  if (parsed.success) return { ok: true, result: parsed.data };
  return { ok: false, code: cniErrorCodes.invalidNetworkConfig, message: explain(parsed.error.issues, [name]) };
}

/** Section 5, code 2: "The error message must contain the key and value of the unsupported field." */
function refusal(document: object, issues: readonly z.core.$ZodIssue[]): CniFailure {
  for (const { path } of issues) {
    const field = formatPath(path);
    const instead = unsupportedWhenTrue.get(field);
    // Another value is none that anybody supports.
    if (instead === undefined || valueAt(document, path) !== true) continue;
    const message = `network configuration: unsupported field ${field}: true (${instead})`;
    return { ok: false, code: cniErrorCodes.unsupportedField, message };
  }
  const message = `network configuration: ${explain(issues)}`;
  return { ok: false, code: cniErrorCodes.invalidNetworkConfig, message };
}

function valueAt(document: object, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    document,
  );
}

function explain(issues: readonly z.core.$ZodIssue[], prefix: readonly PropertyKey[] = []): string {
  return issues.map(({ path, message }) => `${formatPath([...prefix, ...path])}: ${message}`).join('; ');
}

/** At the top, and in the sections that are ours to read: `ipam.ipv4_pool`. */
function unknownFields(document: object): string[] {
  return Object.entries(document).flatMap(([key, value]) => {
    if (isUnknown(key)) return [key];
    const known = fieldsOfSections.get(key);
    if (!known || typeof value !== 'object' || value === null) return [];
    if (key === 'ipam' && !ownIpamTypes.includes(value.type)) return [];
    return Object.keys(value).flatMap((field) => (known.includes(field) ? [] : [`${key}.${field}`]));
  });
}

/** Keys under `cni.dev/` are the protocol's own (section 1, "Reserved keys"). */
function isUnknown(key: string): boolean {
  return !(key in configurationSchema.shape) && !passiveFields.includes(key) && !key.startsWith('cni.dev/');
}

/** `args.cni.labels[0].key` */
function formatPath(path: readonly PropertyKey[]): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`)).join('');
}
