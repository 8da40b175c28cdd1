import {
  type NamedPortSource,
  type PeerSource,
  type PolicySource,
  type RuleSource,
  reasonOf,
} from '../conversion/policy-source.ts';
import type { CompiledPolicy, PeerMatch, Rule, SetId } from '../model.ts';
import type { SetNode } from './nodes.ts';
import type { SetTable } from './sets.ts';

/** A policy compiled, the sets acquired for it, and what is wrong with it, if anything. */
export interface Compilation {
  readonly policy: CompiledPolicy;
  readonly sets: readonly SetNode[];
  readonly problem?: string;
}

const denyAll: readonly Rule[] = [{ action: 'Deny', source: {}, destination: {}, index: 0 }];

/**
 * The question of this node: what are a policy's rules, with sets for selectors? A policy whose rules are wrong denies
 * everything in its directions: nobody knows what it was meant to allow.
 */
export function compileRules(source: PolicySource, table: SetTable): Compilation {
  const { id, directions } = source;
  let rules: ReturnType<PolicySource['rules']>;
  try {
    rules = source.rules();
  } catch (error) {
    const policy = {
      id,
      ingress: directions.ingress ? denyAll : [],
      egress: directions.egress ? denyAll : [],
    };
    return { policy, sets: [], problem: `${id}: ${reasonOf(error)}; what it selects is closed until it is corrected` };
  }
  const sets: SetNode[] = [];
  const acquire: Acquire = (selector, port) => {
    const set = table.acquire(selector, port);
    sets.push(set);
    return set.definition.id;
  };
  const compile = (rule: RuleSource): Rule => {
    const { source: from, destination: to, ...rest } = rule;
    return { ...rest, source: compilePeer(from, acquire), destination: compilePeer(to, acquire) };
  };
  const policy = {
    id,
    ingress: directions.ingress ? rules.ingress.map(compile) : [],
    egress: directions.egress ? rules.egress.map(compile) : [],
  };
  return { policy, sets };
}

type Acquire = (selector: NamedPortSource['selector'], port?: SetNode['port']) => SetId;

function compilePeer(peer: PeerSource, acquire: Acquire): PeerMatch {
  const { selector, notSelector, namedPorts, notNamedPorts, ...rest } = peer;
  const namedSets = (named: readonly NamedPortSource[]): SetId[] =>
    named.map((each) => acquire(each.selector, { name: each.name, protocol: each.protocol }));
  return {
    ...rest,
    ...(selector && { sets: [acquire(selector)] }),
    ...(notSelector && { notSets: [acquire(notSelector)] }),
    ...(namedPorts && { namedPortSets: namedSets(namedPorts) }),
    ...(notNamedPorts && { notNamedPortSets: namedSets(notNamedPorts) }),
  };
}
