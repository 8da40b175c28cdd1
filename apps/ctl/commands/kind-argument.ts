import { factsOf, findKind, type Kind, kindNames } from '@caracal/api/kinds';
import { usageError } from '../io.ts';

/** The kind that a word on the command line means. */
export function kindArgument(word: string): Kind {
  const kind = findKind(word);
  if (kind) return kind;
  const names = kindNames.map((each) => [factsOf(each).plural, ...factsOf(each).shortNames.slice(0, 1)].join(' or '));
  throw usageError(`there is no kind ${word}; there are\n  ${names.join('\n  ')}`);
}

export interface NamespaceOptions {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
}

/** The namespace that a command means: empty for kinds that lie in none, and for all of them. */
export function namespaceOf(kind: Kind, options: NamespaceOptions): string {
  if (!factsOf(kind).namespaced) {
    if (options.namespace) throw usageError(`${kind} lies in no namespace: leave out -n`);
    return '';
  }
  return options.allNamespaces ? '' : (options.namespace ?? 'default');
}
