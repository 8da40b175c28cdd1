/**
 * A selector as a tree. The meaning is Calico's: an object has labels (a map of strings), and
 * - `ne` and `notIn` hold when the label is absent; `eq`, `in`, `contains`, `startsWith` and `endsWith` do not;
 * - `global` holds for what lies in no namespace (only in a namespaceSelector it means anything);
 * - `and` of nothing holds, `or` of nothing does not.
 */
export type Selector =
  | { readonly op: 'all' }
  | { readonly op: 'global' }
  | { readonly op: 'has'; readonly key: string }
  | { readonly op: 'eq' | 'ne' | 'contains' | 'startsWith' | 'endsWith'; readonly key: string; readonly value: string }
  | { readonly op: 'in' | 'notIn'; readonly key: string; readonly values: readonly string[] }
  | { readonly op: 'not'; readonly of: Selector }
  | { readonly op: 'and' | 'or'; readonly of: readonly Selector[] };

/** A parsed selector, or what is wrong and where: `offset` counts UTF-16 units from the start of the text. */
export type ParsedSelector =
  | { readonly ok: true; readonly selector: Selector }
  | { readonly ok: false; readonly message: string; readonly offset: number };
