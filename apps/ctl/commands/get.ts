import { documentOf } from '@caracal/api/document';
import { factsOf } from '@caracal/api/kinds';
import { type ConnectionOptions, withHub } from '../connection.ts';
import { CommandError, type Io, usageError } from '../io.ts';
import { columnsOf } from '../output/columns.ts';
import { type OutputFormat, writeStructured } from '../output/structured.ts';
import { formatTable } from '../output/table.ts';
import { kindArgument, type NamespaceOptions, namespaceOf } from './kind-argument.ts';

export interface GetOptions extends ConnectionOptions, NamespaceOptions {
  readonly output: OutputFormat;
}

export async function get(word: string, name: string | undefined, options: GetOptions, io: Io): Promise<void> {
  const kind = kindArgument(word);
  const namespace = namespaceOf(kind, options);
  if (name !== undefined && options.allNamespaces && factsOf(kind).namespaced) {
    throw usageError('a name needs its namespace: use -n in place of -A');
  }
  const { resources } = await withHub(options, io, (hub) => hub.get({ kind, namespace, name: name ?? '' }));
  const place = namespace === '' ? '' : ` in namespace ${namespace}`;
  if (resources.length === 0 && name !== undefined) throw new CommandError(`there is no ${kind} ${name}${place}`);
  const shown = resources.map((resource) => {
    const { uid, labels, annotations, generation } = resource;
    const metadata = {
      name: resource.name,
      ...(resource.namespace && { namespace: resource.namespace }),
      ...(uid && { uid }),
      ...(generation > 0n && { generation: Number(generation) }),
      labels,
      annotations,
    };
    // The hub stores specs as objects.
    return { metadata, spec: JSON.parse(resource.specJson) as Record<string, unknown> };
  });
  if (options.output === 'json' || options.output === 'yaml') {
    const documents = shown.map(({ metadata, spec }) => documentOf({ kind, metadata, spec }));
    const list = options.output === 'json' ? { apiVersion: 'v1', kind: 'List', items: documents } : documents;
    await writeStructured(io, options.output, name === undefined ? list : documents[0]);
    return;
  }
  if (resources.length === 0) {
    io.err(`there is no ${kind}${place}${namespace === '' ? '' : ' (-A shows all namespaces)'}\n`);
    return;
  }
  const wide = options.output === 'wide';
  const rows = shown.sort((a, b) => compare(a.metadata, b.metadata));
  const columns = columnsOf(kind, { namespace: factsOf(kind).namespaced && namespace === '' });
  io.out(
    formatTable(
      rows,
      columns.filter((column) => wide || !column.wide),
    ),
  );
}

function compare(a: { namespace?: string; name: string }, b: { namespace?: string; name: string }): number {
  return (a.namespace ?? '').localeCompare(b.namespace ?? '') || a.name.localeCompare(b.name, 'en', { numeric: true });
}
