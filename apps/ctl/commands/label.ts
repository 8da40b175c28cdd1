import type { Kind } from '@caracal/api/kinds';
import { type ConnectionOptions, withHub } from '../connection.ts';
import { type Io, usageError } from '../io.ts';
import { kindArgument, type NamespaceOptions, namespaceOf } from './kind-argument.ts';

/** The kinds whose labels are in nobody's document. */
const labelled: readonly Kind[] = ['Pod', 'Namespace', 'ServiceAccount', 'Node'];

/** Sets (`k=v`) and removes (`k-`) labels of a pod, namespace, service account or node. */
export async function label(
  word: string,
  name: string,
  changes: readonly string[],
  options: ConnectionOptions & NamespaceOptions,
  io: Io,
): Promise<void> {
  const kind = kindArgument(word);
  if (!labelled.includes(kind)) {
    throw usageError(
      `only pods, namespaces, service accounts and nodes are labelled this way; the labels of a ${kind} are in its document: use apply`,
    );
  }
  const labels = Object.fromEntries(changes.map(parseLabelChange));
  const namespace = namespaceOf(kind, options);
  const { revision } = await withHub(options, io, (hub) => hub.label({ key: { kind, namespace, name }, labels }));
  io.out(`${[kind, namespace, name].filter((part) => part).join('/')} labelled, revision ${revision}\n`);
}

/** `k=v` as [k, v]; `k-` as [k, ''], which removes. */
export function parseLabelChange(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals > 0 && equals < text.length - 1) return [text.slice(0, equals), text.slice(equals + 1)];
  if (equals < 0 && text.length > 1 && text.endsWith('-')) return [text.slice(0, -1), ''];
  throw usageError(`${text} changes no label: use KEY=VALUE to set one and KEY- to remove one`);
}
