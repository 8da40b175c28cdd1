import { type Complaint, unknownField } from './explain-issue.ts';
import { nameComplaint } from './fields/text.ts';
import { factsOf, type Kind } from './kinds.ts';
import { isPlainObject, type PlainObject, show } from './plain.ts';
import type { Metadata } from './resource.ts';

const ownFields = ['name', 'namespace', 'uid', 'labels', 'annotations', 'generation'];
/** What API servers add to documents; it is left out, so that what `kubectl get -o yaml` printed can be applied. */
const housekeeping = new Set([
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'ownerReferences',
  'finalizers',
  'selfLink',
]);

/** Checks the metadata of a document: names of RFC 1123, labels as Kubernetes has them, a namespace exactly where the kind has one. */
export function parseMetadata(kind: Kind, value: unknown): { metadata: Metadata; complaints: Complaint[] } {
  const complaints: Complaint[] = [];
  const wrong = (field: string, message: string) =>
    complaints.push({ field: field ? `metadata.${field}` : 'metadata', message });
  const given: PlainObject = isPlainObject(value) ? value : {};
  if (!isPlainObject(value)) wrong('', value === undefined ? 'is missing' : `${show(value)} is no map of fields`);
  for (const key of Object.keys(given)) {
    if (!ownFields.includes(key) && !housekeeping.has(key)) wrong(key, unknownField(key, ownFields));
  }
  const text = (field: string): string | undefined => {
    const found = given[field];
    if (found === undefined || typeof found === 'string') return found;
    wrong(
      field,
      `${show(found)} is no text${typeof found === 'number' || typeof found === 'boolean' ? '; put it in quotes' : ''}`,
    );
    return undefined;
  };
  const name = text('name');
  const complaint = name === undefined ? undefined : nameComplaint(name, kind === 'Namespace' ? 63 : 253);
  if (complaint) wrong('name', complaint);
  if (given.name === undefined && isPlainObject(value)) wrong('name', 'is missing');
  const namespace = namespaceOf(kind, text('namespace'), wrong);
  const labels = stringMap(given.labels, 'labels', wrong);
  for (const [key, label] of Object.entries(labels)) {
    const keyComplaint = labelKeyComplaint(key) ?? labelValueComplaint(label);
    if (keyComplaint) wrong(`labels[${JSON.stringify(key)}]`, keyComplaint);
  }
  const { generation } = given;
  if (generation !== undefined && typeof generation !== 'number')
    wrong('generation', `${show(generation)} is no number`);
  const uid = text('uid');
  const metadata: Metadata = {
    name: name ?? '',
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    labels: kind === 'Namespace' && name ? { ...labels, 'kubernetes.io/metadata.name': name } : labels,
    annotations: stringMap(given.annotations, 'annotations', wrong),
    ...(typeof generation === 'number' && { generation }),
  };
  return { metadata, complaints };
}

type Wrong = (field: string, message: string) => void;

function namespaceOf(kind: Kind, namespace: string | undefined, wrong: Wrong): string | undefined {
  if (!factsOf(kind).namespaced) {
    if (namespace) wrong('namespace', `${show(namespace)} is out of place: ${kind} lies in no namespace`);
    return undefined;
  }
  if (!namespace) return 'default';
  const complaint = nameComplaint(namespace, 63);
  if (complaint) wrong('namespace', complaint);
  return namespace;
}

function stringMap(value: unknown, field: string, wrong: Wrong): Record<string, string> {
  if (value === undefined) return {};
  if (!isPlainObject(value)) {
    wrong(field, `${show(value)} is no map of fields`);
    return {};
  }
  const strings: Record<string, string> = {};
  for (const [key, each] of Object.entries(value)) {
    if (typeof each === 'string') strings[key] = each;
    else wrong(`${field}[${JSON.stringify(key)}]`, `${show(each)} is no text; put it in quotes`);
  }
  return strings;
}

/** Why the text is no key of a label, or undefined when it is one: a name of at most 63 characters, after an optional DNS prefix and slash. */
export function labelKeyComplaint(key: string): string | undefined {
  const slash = key.indexOf('/');
  const name = key.slice(slash + 1);
  if (slash >= 0) {
    const complaint = nameComplaint(key.slice(0, slash));
    if (complaint) return `the prefix ${complaint}`;
  }
  if (name.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(name)) return undefined;
  return `${JSON.stringify(name)} is no key of a label: at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit`;
}

/** Why the text is no value of a label, or undefined when it is one. */
export function labelValueComplaint(value: string): string | undefined {
  if (value === '' || (value.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(value)))
    return undefined;
  return `${show(value)} is no value of a label: at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit`;
}
