/**
 * The words of a selector. As in Calico a label needs no quotes, a value needs them (single or double, without escapes), and `in`, `contains` and
 * the like are operators only directly after a label, so that labels may bear these names.
 */

export type TokenKind =
  | 'label'
  | 'string'
  | 'has('
  | 'all('
  | 'global('
  | '('
  | ')'
  | '{'
  | '}'
  | ','
  | '!'
  | '&&'
  | '||'
  | '=='
  | '!='
  | 'in'
  | 'not in'
  | 'contains'
  | 'starts with'
  | 'ends with'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** The label or the value; empty for the other kinds. */
  readonly text: string;
  readonly offset: number;
}

export type Tokens =
  | { readonly ok: true; readonly tokens: readonly Token[] }
  | { readonly ok: false; readonly message: string; readonly offset: number };

const maxLabelLength = 512;
const symbols = ['&&', '||', '==', '!=', '(', ')', '{', '}', ',', '!'] as const;
const wordOperators: readonly (readonly [RegExp, TokenKind])[] = [
  [/contains/y, 'contains'],
  [/starts\s*with/y, 'starts with'],
  [/ends\s*with/y, 'ends with'],
  [/not\s*in/y, 'not in'],
  [/in/y, 'in'],
];
const calls: readonly (readonly [RegExp, TokenKind])[] = [
  [/has\(/y, 'has('],
  [/all\(/y, 'all('],
  [/global\(/y, 'global('],
];

/** Cuts a selector into tokens; the last one is always `end`. */
export function tokenize(text: string): Tokens {
  const tokens: Token[] = [];
  let at = 0;
  while (true) {
    at += matchAt(/\s*/y, text, at).length;
    if (at === text.length) return { ok: true, tokens: [...tokens, { kind: 'end', text: '', offset: at }] };
    const previous = tokens.at(-1);
    const next = previous?.kind === 'label' ? afterLabel(text, at, previous) : tokenAt(text, at);
    if (!next.ok) return next;
    tokens.push(next.token);
    at += next.length;
  }
}

type OneToken =
  | { readonly ok: true; readonly token: Token; readonly length: number }
  | { readonly ok: false; readonly message: string; readonly offset: number };

function tokenAt(text: string, offset: number): OneToken {
  const symbol = symbols.find((candidate) => text.startsWith(candidate, offset));
  if (symbol) return taken(symbol, '', offset, symbol.length);
  const first = text[offset];
  if (first === '"' || first === "'") return stringAt(text, offset, first);
  if (first === '=') return wrong(offset, 'a single = is no operator; write ==');
  if (first === '&' || first === '|') return wrong(offset, `a single ${first} is no operator; write ${first}${first}`);
  for (const [pattern, kind] of calls) {
    const call = matchAt(pattern, text, offset);
    if (call) return taken(kind, '', offset, call.length);
  }
  const label = matchAt(/[a-zA-Z0-9_./-]+/y, text, offset);
  if (label.length > maxLabelLength) return wrong(offset, `a label name has at most ${maxLabelLength} characters`);
  if (label) return taken('label', label, offset, label.length);
  return wrong(offset, `${JSON.stringify(String.fromCodePoint(text.codePointAt(offset)!))} cannot stand here`);
}

function afterLabel(text: string, offset: number, label: Token): OneToken {
  for (const [pattern, kind] of wordOperators) {
    const operator = matchAt(pattern, text, offset);
    if (operator) return taken(kind, '', offset, operator.length);
  }
  if (!/[a-zA-Z0-9_./'"-]/.test(text[offset])) return tokenAt(text, offset);
  const found = matchAt(/[^\s(){},]+/y, text, offset) || text[offset];
  return wrong(
    offset,
    `expected an operator after the label ${label.text} (==, !=, in, not in, contains, starts with, ends with), not ${found}`,
  );
}

function stringAt(text: string, offset: number, quote: string): OneToken {
  const end = text.indexOf(quote, offset + 1);
  if (end < 0) return wrong(offset, `the value that begins here has no closing ${quote}`);
  return taken('string', text.slice(offset + 1, end), offset, end + 1 - offset);
}

function taken(kind: TokenKind, text: string, offset: number, length: number): OneToken {
  return { ok: true, token: { kind, text, offset }, length };
}

function wrong(offset: number, message: string): OneToken {
  return { ok: false, message, offset };
}

/** What a sticky pattern matches at the offset; empty when nothing. */
function matchAt(pattern: RegExp, text: string, offset: number): string {
  pattern.lastIndex = offset;
  return pattern.exec(text)?.[0] ?? '';
}
