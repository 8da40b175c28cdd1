/**
 * What selectors look at: a pod or a network set, with its own labels, those of its namespace (keys prefixed `pcns.`)
 * and of its service account (`pcsa.`), and the labels that every object of its sort has (Calico's names; the prefix
 * `caracal.network/` means the same). The last three cannot be forged: own labels with such keys are not seen.
 */
import type { Labels } from '../updates.ts';

export interface Subject {
  readonly kind: 'pod' | 'networkSet';
  readonly labels: Labels;
  /** Absent for what is in no namespace. */
  readonly namespace?: LabelledParent;
  readonly serviceAccount?: LabelledParent;
}

/** A namespace or a service account, with its own labels as selectors see them: the prefix is part of the key. */
export interface LabelledParent {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
}

export const namespaceKey = 'projectcalico.org/namespace';
export const orchestratorKey = 'projectcalico.org/orchestrator';
export const serviceAccountKey = 'projectcalico.org/serviceaccount';
export const namespacePrefix = 'pcns.';
export const serviceAccountPrefix = 'pcsa.';

const aliases = new Map([
  ['caracal.network/namespace', namespaceKey],
  ['caracal.network/orchestrator', orchestratorKey],
  ['caracal.network/serviceaccount', serviceAccountKey],
]);

/** The one spelling of a label key that has several. */
export function canonicalKey(key: string): string {
  return aliases.get(key) ?? key;
}

/** Reads one label of a subject. */
export type LabelReader = (subject: Subject) => string | undefined;

/** The reader of a label: decides once, not for every subject, where the label comes from. */
export function labelReader(anyKey: string): LabelReader {
  const key = canonicalKey(anyKey);
  if (key === namespaceKey) return (subject) => subject.namespace?.name;
  if (key === orchestratorKey) return (subject) => (subject.kind === 'pod' ? 'k8s' : undefined);
  if (key === serviceAccountKey) return (subject) => subject.serviceAccount?.name;
  if (key.startsWith(namespacePrefix)) return (subject) => subject.namespace?.labels.get(key);
  if (key.startsWith(serviceAccountPrefix)) return (subject) => subject.serviceAccount?.labels.get(key);
  return (subject) => (Object.hasOwn(subject.labels, key) ? subject.labels[key] : undefined);
}

/** Whether a label of this key never comes from the object's own labels. */
function isReserved(key: string): boolean {
  if (!key.startsWith('p')) return false;
  if (key.startsWith(namespacePrefix) || key.startsWith(serviceAccountPrefix)) return true;
  return key === namespaceKey || key === orchestratorKey || key === serviceAccountKey;
}

/** Calls `visit` once with every label of the subject that a selector can see. */
export function forEachLabel(subject: Subject, visit: (key: string, value: string) => void): void {
  for (const key of Object.keys(subject.labels)) if (!isReserved(key)) visit(key, subject.labels[key]);
  if (subject.kind === 'pod') visit(orchestratorKey, 'k8s');
  for (const parent of [subject.namespace, subject.serviceAccount]) {
    if (!parent) continue;
    visit(parent === subject.namespace ? namespaceKey : serviceAccountKey, parent.name);
    for (const [key, value] of parent.labels) visit(key, value);
  }
}

/** A namespace's labels as selectors see them; its name is among them even when nothing else is known of it. */
export function namespaceLabels(name: string, labels: Labels): Map<string, string> {
  const seen = prefixed(namespacePrefix, labels);
  seen.set(`${namespacePrefix}projectcalico.org/name`, name);
  seen.set(`${namespacePrefix}kubernetes.io/metadata.name`, name);
  return seen;
}

/** A service account's labels as selectors see them. */
export function serviceAccountLabels(name: string, labels: Labels): Map<string, string> {
  return prefixed(serviceAccountPrefix, labels).set(`${serviceAccountPrefix}projectcalico.org/name`, name);
}

function prefixed(prefix: string, labels: Labels): Map<string, string> {
  return new Map(Object.entries(labels).map(([key, value]) => [prefix + key, value]));
}
