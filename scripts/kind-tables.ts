/** What a page about a kind says of its fields, as Markdown tables made from its CustomResourceDefinition. */
import { markdownTable } from './markdown-table.ts';

/** OpenAPI as in a definition. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly [keyword: string]: unknown;
}

interface Column {
  readonly name: string;
  readonly priority?: number;
}

export interface Definition {
  readonly spec: {
    readonly scope: string;
    readonly names: { readonly kind: string; readonly plural: string; readonly shortNames?: readonly string[] };
    readonly versions: readonly [
      {
        readonly additionalPrinterColumns: readonly Column[];
        readonly schema: { readonly openAPIV3Schema: Schema };
      },
    ];
  };
}

/** Names, columns, fields of `spec` and of `status`. */
export function kindTables({ spec }: Definition): string {
  const { names, scope, versions } = spec;
  const { additionalPrinterColumns, schema } = versions[0];
  const { spec: wanted, status } = schema.openAPIV3Schema.properties ?? {};
  const short = names.shortNames ?? [];
  return [
    `\`${[names.plural, ...short].join('`, `')}\`: ${scope === 'Namespaced' ? 'in a namespace' : 'of the whole cluster'}. \`kubectl get\` shows ${additionalPrinterColumns
      .filter(({ priority = 0 }) => priority === 0)
      .map(({ name }) => name.toLowerCase())
      .join(', ')}.`,
    ...(wanted ? [table('spec', wanted)] : []),
    // Its conditions are those of every object of Kubernetes.
    ...(status ? [table('status', withoutDepth(status))] : []),
  ].join('\n\n');
}

function withoutDepth({ properties = {} }: Schema): Schema {
  const flat = Object.entries(properties).map(([name, { type, description, items }]) => [
    name,
    { type, description, ...(items && { items: { type: items.type } }) },
  ]);
  return { properties: Object.fromEntries(flat) };
}

function table(title: string, schema: Schema): string {
  const rows = [[`\`${title}\``, 'type', 'default', 'meaning'], ...fieldRows('', schema, new Map())];
  return markdownTable(rows.map((row) => row.map(cell))).join('\n');
}

/** `seen`: by what the fields below a path are, the first path that had them; they are told once. */
function fieldRows(path: string, schema: Schema, seen: Map<string, string>): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const below = field.items ?? field;
    const here = `${path}${name}`;
    const inside = field.items ? `${here}[]` : here;
    const same = below.properties && seen.get(JSON.stringify(below.properties));
    if (below.properties && !same) seen.set(JSON.stringify(below.properties), inside);
    const required = schema.required?.includes(name) === true && field.default === undefined;
    const texts = [field.description, field.items?.description, limits(below), same && `Fields as of \`${same}\`.`];
    const row = [
      `\`${here}\``,
      typeOf(field),
      required ? 'required' : defaultOf(field),
      texts.filter(Boolean).join(' '),
    ];
    return [row, ...(same ? [] : fieldRows(`${inside}.`, below, seen))];
  });
}

function typeOf({ type, items, additionalProperties, ...rest }: Schema): string {
  if (rest['x-kubernetes-int-or-string'] === true) return 'integer or string';
  if (type === 'array') return `list of ${items ? typeOf(items) : 'anything'}`;
  if (additionalProperties) return `map to ${typeOf(additionalProperties as Schema)}`; // never `true` in a structural schema of ours
  return type ?? '';
}

function defaultOf(field: Schema): string {
  return field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``;
}

function limits({ enum: values, minimum, maximum }: Schema): string {
  if (values) return `One of ${values.map((value) => `\`${value}\``).join(', ')}.`;
  if (minimum !== undefined && maximum !== undefined) return `From ${minimum} to ${maximum}.`;
  return '';
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
