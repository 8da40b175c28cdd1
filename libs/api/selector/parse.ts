/**
 * The grammar, `||` weaker than `&&` weaker than `!`:
 *
 *     selector  = and { "||" and }
 *     and       = unary { "&&" unary }
 *     unary     = { "!" } ( "(" selector ")" | "all()" | "global()" | "has(" label ")" | condition )
 *     condition = label ( ( "==" | "!=" | "contains" | "starts with" | "ends with" ) value | ( "in" | "not in" ) "{" [ value { "," value } ] "}" )
 *
 * An empty text is `all()`.
 */
import type { ParsedSelector, Selector } from './ast.ts';
import { type Token, type TokenKind, tokenize } from './tokens.ts';

/** Deeper nesting than any person writes; keeps the parser's stack bounded. */
const maxDepth = 100;

const valueOperators: Partial<Record<TokenKind, 'eq' | 'ne' | 'contains' | 'startsWith' | 'endsWith'>> = {
  '==': 'eq',
  '!=': 'ne',
  contains: 'contains',
  'starts with': 'startsWith',
  'ends with': 'endsWith',
};

class SelectorSyntaxError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/**
 * Parses a selector of Calico's grammar. Never throws on text: what does not parse comes back with a message that says what would be right
 * and the offset of the first character that cannot stand there. The tree is normal: no `and` directly within `and` (nor `or` in `or`), no
 * double negation, values of `in` sorted and distinct.
 */
export function parseSelector(text: string): ParsedSelector {
  const tokenized = tokenize(text);
  if (!tokenized.ok) return tokenized;
  const { tokens } = tokenized;
  if (tokens[0].kind === 'end') return { ok: true, selector: { op: 'all' } };
  try {
    const parser = new Parser(tokens);
    const selector = parser.selector(0);
    parser.expect('end', 'expected && or || or the end');
    return { ok: true, selector };
  } catch (error) {
    if (!(error instanceof SelectorSyntaxError)) throw error;
    return { ok: false, message: error.message, offset: error.offset };
  }
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  selector(depth: number): Selector {
    return this.#chain('||', 'or', () => this.#chain('&&', 'and', () => this.#unary(depth)));
  }

  expect(kind: TokenKind, complaint: string): Token {
    const token = this.#tokens[this.#next];
    if (token.kind !== kind) throw new SelectorSyntaxError(`${complaint}, not ${describe(token)}`, token.offset);
    this.#next++;
    return token;
  }

  #accept(kind: TokenKind): boolean {
    if (this.#tokens[this.#next].kind !== kind) return false;
    this.#next++;
    return true;
  }

  #chain(separator: TokenKind, op: 'and' | 'or', operand: () => Selector): Selector {
    const operands = [operand()];
    while (this.#accept(separator)) operands.push(operand());
    if (operands.length === 1) return operands[0];
    return { op, of: operands.flatMap((each) => (each.op === op ? each.of : [each])) };
  }

  #unary(depth: number): Selector {
    let negated = false;
    while (this.#accept('!')) negated = !negated;
    const operand = this.#operand(depth);
    if (!negated) return operand;
    return operand.op === 'not' ? operand.of : { op: 'not', of: operand };
  }

  #operand(depth: number): Selector {
    const token = this.#tokens[this.#next];
    if (this.#accept('(')) {
      if (depth >= maxDepth) throw new SelectorSyntaxError(`more than ${maxDepth} nested parentheses`, token.offset);
      const inner = this.selector(depth + 1);
      this.expect(')', `expected ) for the ( at character ${token.offset + 1}`);
      return inner;
    }
    if (this.#accept('all(')) {
      this.expect(')', 'expected ) after all(');
      return { op: 'all' };
    }
    if (this.#accept('global(')) {
      this.expect(')', 'expected ) after global(');
      return { op: 'global' };
    }
    if (this.#accept('has(')) {
      const key = this.expect('label', 'expected a label name in has()').text;
      this.expect(')', `expected ) after has(${key}`);
      return { op: 'has', key };
    }
    return this.#condition(this.expect('label', 'expected a label, has(…), all(), ! or ('));
  }

  #condition(label: Token): Selector {
    const operator = this.#tokens[this.#next];
    const valueOperator = valueOperators[operator.kind];
    if (valueOperator) {
      this.#next++;
      return { op: valueOperator, key: label.text, value: this.#value(`after ${operator.kind}`) };
    }
    if (this.#accept('in')) return { op: 'in', key: label.text, values: this.#set('in') };
    if (this.#accept('not in')) return { op: 'notIn', key: label.text, values: this.#set('not in') };
    throw new SelectorSyntaxError(
      `the label ${label.text} needs a condition: has(${label.text}), ${label.text} == "value", ${label.text} in {"a", "b"}`,
      operator.offset,
    );
  }

  #value(where: string): string {
    const token = this.#tokens[this.#next];
    if (token.kind === 'label') {
      throw new SelectorSyntaxError(`a value stands in quotes: write "${token.text}"`, token.offset);
    }
    return this.expect('string', `expected a value in quotes ${where}`).text;
  }

  #set(operator: string): readonly string[] {
    this.expect('{', `expected { after ${operator}`);
    const values = new Set<string>();
    while (this.#tokens[this.#next].kind !== '}') {
      values.add(this.#value('or }'));
      if (!this.#accept(',')) break;
    }
    this.expect('}', 'expected , or }');
    return [...values].sort();
  }
}

function describe(token: Token): string {
  if (token.kind === 'end') return 'the end of the text';
  if (token.kind === 'label') return token.text;
  if (token.kind === 'string') return JSON.stringify(token.text);
  return token.kind;
}
