import { type Address, comparePrefixes, type Prefix, parsePrefix, prefixContains, prefixCovers } from '@caracal/net';
import {
  type AsPath,
  countInPath,
  formatCommunity,
  formatExtendedCommunity,
  formatLargeCommunity,
  type PathAttributes,
  type RouteFamily,
} from 'bgp-parser';
import { type FilterRule, type Filter as FilterSource, type Policy, type PolicyAction, policyOf } from '../config.ts';
import { applyOperations } from './operations.ts';

/** A route as a filter sees it. */
export interface Candidate {
  readonly prefix: Prefix;
  readonly attributes: PathAttributes;
  readonly nextHop: Address | undefined;
  /** Learned from a peer, not our own. */
  readonly learned: boolean;
}

type Condition = (route: Candidate) => boolean;

interface CompiledRule {
  readonly source: FilterRule;
  readonly conditions: readonly Condition[];
}

/** What a filter makes of a route. */
export interface Verdict {
  readonly action: PolicyAction;
  /** The rule that decided, or −1 when none matched. */
  readonly rule: number;
}

/** The rules of one direction and family, made ready for judging routes. */
export class Filter {
  readonly #rules: readonly CompiledRule[];
  readonly #otherwise: PolicyAction;

  constructor({ rules, otherwise }: FilterSource) {
    this.#rules = rules.map((rule) => ({ source: rule, conditions: conditionsOf(rule) }));
    this.#otherwise = otherwise;
  }

  /** Whether accepted routes may leave it changed. */
  get changes(): boolean {
    return this.#rules.some(({ source }) => (source.operations ?? []).length > 0);
  }

  /** The first rule whose conditions all hold decides. */
  judge(route: Candidate): Verdict {
    const rule = this.#rules.findIndex(({ conditions }) => conditions.every((holds) => holds(route)));
    return { action: rule < 0 ? this.#otherwise : this.#rules[rule].source.action, rule };
  }

  /** The attributes as the operations of a rule leave them. */
  change(rule: number, attributes: PathAttributes): PathAttributes {
    return rule < 0 ? attributes : applyOperations(attributes, this.#rules[rule].source.operations ?? []);
  }

  /** Whether a rule sets MULTI_EXIT_DISC: then it goes to external peers too. */
  setsMed(rule: number): boolean {
    return rule >= 0 && (this.#rules[rule].source.operations ?? []).some(({ setMED }) => setMED !== undefined);
  }
}

const compiled = new WeakMap<FilterSource, Filter>();

/** What a policy does with a family's routes: the same with all of them, or what a filter says. */
export function judgeOf(policy: Policy, family: RouteFamily): PolicyAction | Filter {
  const source = policyOf(policy, family);
  if (typeof source === 'string') return source;
  const known = compiled.get(source) ?? new Filter(source);
  compiled.set(source, known);
  return known;
}

function conditionsOf(rule: FilterRule): Condition[] {
  const list: Condition[] = [];
  const cidr = rule.cidr === undefined ? undefined : parsePrefix(rule.cidr);
  if (cidr && rule.matchOperator) list.push(prefixCondition(cidr, rule.matchOperator));
  const { min = 0, max = 128 } = rule.prefixLength ?? {};
  if (rule.prefixLength) list.push(({ prefix }) => prefix.length >= min && prefix.length <= max);
  if (rule.source === 'RemotePeers') list.push(({ learned }) => learned);
  if (rule.communities) {
    const patterns = rule.communities.values.map((value) => value.split(':'));
    list.push(({ attributes }) => communityTexts(attributes).some((text) => patterns.some((p) => matches(p, text))));
  }
  const { asPathPrefix, asPathContains, asPathOrigin } = rule;
  if (asPathPrefix) {
    list.push(({ attributes }) => {
      const path = flat(attributes.asPath);
      return asPathPrefix.every((asNumber, i) => path[i] === asNumber);
    });
  }
  if (asPathContains) {
    list.push(({ attributes }) => asPathContains.some((one) => countInPath(attributes.asPath ?? [], one) > 0));
  }
  if (asPathOrigin) list.push(({ attributes }) => asPathOrigin.includes(flat(attributes.asPath).at(-1) ?? 0));
  const within = rule.nextHop === undefined ? undefined : parsePrefix(rule.nextHop);
  if (within) list.push(({ nextHop }) => nextHop?.family === within.address.family && prefixContains(within, nextHop));
  return list;
}

function prefixCondition(cidr: Prefix, operator: NonNullable<FilterRule['matchOperator']>): Condition {
  const covers = (prefix: Prefix) => prefix.address.family === cidr.address.family && prefixCovers(cidr, prefix);
  switch (operator) {
    case 'In':
      return ({ prefix }) => covers(prefix);
    case 'NotIn':
      return ({ prefix }) => !covers(prefix);
    case 'Equal':
      return ({ prefix }) => comparePrefixes(cidr, prefix) === 0;
    case 'NotEqual':
      return ({ prefix }) => comparePrefixes(cidr, prefix) !== 0;
  }
}

function flat(path: AsPath = []): number[] {
  return path.flatMap((segment) => segment.asNumbers);
}

/** All communities of a route in the forms in which a rule names them. */
function communityTexts(attributes: PathAttributes): string[][] {
  const { communities = [], largeCommunities = [], extendedCommunities = [] } = attributes;
  // A well-known one can be named by its numbers too.
  const numbers = (value: number) => `${value >>> 16}:${value & 0xffff}`;
  return [
    ...communities.flatMap((value) => [formatCommunity(value), numbers(value)]),
    ...largeCommunities.map(formatLargeCommunity),
    ...extendedCommunities.flatMap((value) => [
      formatExtendedCommunity(value),
      `0x${value.toString(16).padStart(16, '0')}`,
    ]),
  ].map((text) => text.split(':'));
}

/** Part by part; `*` stands for any. */
function matches(pattern: readonly string[], text: readonly string[]): boolean {
  return pattern.length === text.length && pattern.every((part, i) => part === '*' || part === text[i]);
}
