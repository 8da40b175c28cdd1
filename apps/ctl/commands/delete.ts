import { kindOf } from '@caracal/api/kinds';
import { type ConnectionOptions, withHub } from '../connection.ts';
import type { SourceDocument } from '../documents.ts';
import { CommandError, type Io, usageError } from '../io.ts';
import { kindArgument, type NamespaceOptions, namespaceOf } from './kind-argument.ts';

export interface DeleteOptions extends ConnectionOptions, NamespaceOptions {
  readonly filename?: readonly string[];
}

interface Key {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Deletes one resource, or all that the files name, in one call: all or none. */
export async function deleteResources(
  word: string | undefined,
  name: string | undefined,
  options: DeleteOptions,
  io: Io,
): Promise<void> {
  const keys = await keysOf(word, name, options, io);
  const response = await withHub(options, io, (hub) => hub.delete({ keys: [...keys] }));
  if (response.problems.length > 0) {
    const lines = response.problems.map(({ object, field, message }) =>
      [object, field, message].filter((part) => part).join(': '),
    );
    throw new CommandError([...lines, 'nothing was deleted'].join('\n'));
  }
  for (const key of keys) io.out(`${[key.kind, key.namespace, key.name].filter((part) => part).join('/')} deleted\n`);
}

async function keysOf(
  word: string | undefined,
  name: string | undefined,
  options: DeleteOptions,
  io: Io,
): Promise<readonly Key[]> {
  if (options.filename?.length) {
    if (word !== undefined) throw usageError('give a kind and a name, or -f, not both');
    const { readDocuments } = await import('../documents.ts');
    return (await readDocuments(options.filename, io)).map(keyOf);
  }
  if (word === undefined || name === undefined) throw usageError('give a kind and a name, or -f FILE');
  const kind = kindArgument(word);
  return [{ kind, namespace: namespaceOf(kind, options), name }];
}

function keyOf({ value, where }: SourceDocument): Key {
  // Looked at field by field.
  const {
    apiVersion,
    kind: kindText,
    metadata,
  } = value as { apiVersion?: unknown; kind?: unknown; metadata?: { name?: unknown; namespace?: unknown } };
  const kind = kindOf(String(apiVersion), String(kindText));
  if (!kind) throw new CommandError(`${where}: there is no kind ${kindText} in ${apiVersion}`);
  if (typeof metadata?.name !== 'string') throw new CommandError(`${where}: metadata.name is missing`);
  const namespace = typeof metadata.namespace === 'string' ? metadata.namespace : undefined;
  return { kind, namespace: namespaceOf(kind, { namespace }), name: metadata.name };
}
