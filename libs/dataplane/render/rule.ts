import type { Family } from '@caracal/net';
import type { PeerMatch, Rule, SetDefinition, SetId } from '@caracal/policy';
import { quoteArgument } from 'iptables-wrapper';
import {
  always,
  both,
  type Conjunction,
  conjunctionText,
  icmpProtocol,
  inNet,
  inPorts,
  inSet,
  isIcmp,
  isProtocol,
  type Side,
} from './conditions.ts';
import { everything, netOf } from './family.ts';
import { isClear, isSet, type Marks } from './marks.ts';
import { chains, setName } from './names.ts';
import { coversAllPorts, portGroups, wrongRange } from './ports.ts';

export type SetLookup = (
  id: SetId,
) => { readonly definition: SetDefinition } | { readonly definition?: undefined; readonly problem: string };

/** What a rule needs to know of its surroundings. */
export interface RuleContext {
  readonly family: Family;
  readonly marks: Marks;
  /** The definition of a set, or why it can't be used. */
  readonly set: SetLookup;
  /** What the log prefix says (cut to what iptables takes). */
  readonly logPrefix: string;
}

export type RenderedRule =
  | { readonly ok: true; readonly rules: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** Thrown by the parts below and turned into a value by renderRule: the rule can't be said to iptables. */
class CannotRender extends Error {}

/**
 * A rule's conditions, sorted by what one iptables rule can hold. A packet matches when it matches `base`, one of each
 * list of `alternatives`, and none of `exceptions`.
 */
interface Conditions {
  base: Conjunction;
  readonly alternatives: Conjunction[][];
  readonly exceptions: Conjunction[];
  /** Some condition can't hold for any packet of the family. */
  never: boolean;
}

/**
 * The iptables rules for a rule of a policy, in one family: none if it can't match; one if its conditions fit into one; else a
 * group that works out the match in the scratch marks. A rule that makes no sense (a port without a protocol that has
 * ports, an unknown set) is a message.
 */
export function renderRule(rule: Rule, context: RuleContext): RenderedRule {
  try {
    const conditions = collect(rule, context);
    if (conditions.never) return { ok: true, rules: [] };
    return { ok: true, rules: assemble(conditions, actionText(rule, context.logPrefix), context.marks) };
  } catch (error) {
    if (error instanceof CannotRender) return { ok: false, message: error.message };
    throw error;
  }
}

function actionText(rule: Rule, logPrefix: string): string {
  switch (rule.action) {
    case 'Allow':
      // Not a jump: at the end of cara-accept the packet returns to the endpoint's chain, which sees the mark.
      return `-g ${chains.accept}`;
    case 'Pass':
      return `-g ${chains.pass}`;
    case 'Deny':
      return '-j DROP';
    case 'Log':
      return `-j LOG --log-prefix ${quoteArgument(`${logPrefix.replace(/[^\x20-\x7e]/g, '_').slice(0, 27)}: `)}`;
  }
}

function assemble(conditions: Conditions, action: string, marks: Marks): string[] {
  const { base, alternatives, exceptions } = conditions;
  const rule = (when: string, what: string) => (when === '' ? what : `${when} ${what}`);
  if (alternatives.length === 0 && exceptions.length === 0) return [rule(conjunctionText(base), action)];
  const rules: string[] = [];
  if (alternatives.length === 0) rules.push(`-j ${chains.setMatch}`);
  alternatives.forEach((list, index) => {
    if (index === 0) {
      rules.push(`-j ${chains.clearMatch}`);
      for (const one of list) rules.push(rule(conjunctionText(one), `-j ${chains.setMatch}`));
      return;
    }
    rules.push(`-j ${chains.clearAny}`);
    for (const one of list) rules.push(rule(conjunctionText(one), `-j ${chains.setAny}`));
    rules.push(`${isClear(marks.any)} -j ${chains.clearMatch}`);
  });
  for (const one of exceptions) rules.push(rule(conjunctionText(one), `-j ${chains.clearMatch}`));
  const matched = { ...base, matches: [...base.matches, isSet(marks.match)] };
  rules.push(rule(conjunctionText(matched), action));
  return rules;
}

function collect(rule: Rule, context: RuleContext): Conditions {
  const conditions: Conditions = { base: always, alternatives: [], exceptions: [], never: false };
  collectProtocol(rule, conditions, context.family);
  for (const side of ['source', 'destination'] as const) {
    collectNets(side, rule[side], conditions, context.family);
    collectSets(side, rule[side], conditions, context);
    collectPorts(side, rule[side], rule.protocol, conditions, context);
  }
  return conditions;
}

function collectProtocol(rule: Rule, conditions: Conditions, family: Family): void {
  const own = icmpProtocol[family];
  const { protocol, notProtocol, icmp, notIcmp } = rule;
  for (const number of [protocol, notProtocol]) {
    // To iptables protocol 0 is every protocol.
    if (number !== undefined && !(Number.isInteger(number) && number >= 1 && number <= 255)) {
      throw new CannotRender(`protocol ${number} is not between 1 and 255`);
    }
  }
  if (protocol !== undefined) {
    needs(conditions, { protocol: isProtocol(protocol), matches: [] });
    if (notProtocol === protocol) conditions.never = true;
  } else if (notProtocol !== undefined) {
    needs(conditions, { protocol: isProtocol(notProtocol, true), matches: [] });
  }
  for (const match of [icmp, notIcmp]) {
    // iptables reads type 255 as any type.
    if (match && !(match.type >= 0 && match.type <= 254 && (match.code ?? 0) >= 0 && (match.code ?? 0) <= 255)) {
      throw new CannotRender(`ICMP type ${match.type}, code ${match.code} does not exist`);
    }
  }
  if (icmp) {
    if ((protocol ?? own) !== own || notProtocol === own) conditions.never = true;
    else needs(conditions, isIcmp(family, icmp));
  }
  if (notIcmp && (protocol ?? own) === own) {
    if (protocol === own) needs(conditions, isIcmp(family, notIcmp, true));
    else conditions.exceptions.push(isIcmp(family, notIcmp));
  }
}

function collectNets(side: Side, peer: PeerMatch, conditions: Conditions, family: Family): void {
  if (peer.nets && peer.nets.length > 0) {
    const nets = netsOf(peer.nets, family);
    if (nets.length === 0) conditions.never = true;
    if (!nets.includes(everything[family]))
      oneOf(
        conditions,
        nets.map((net) => inNet(side, net)),
      );
  }
  for (const net of netsOf(peer.notNets ?? [], family)) {
    if (net === everything[family]) conditions.never = true;
    else exclude(conditions, inNet(side, net), inNet(side, net, true));
  }
}

function netsOf(nets: readonly string[], family: Family): string[] {
  return nets.flatMap((text) => {
    const net = netOf(text, family);
    if (net === undefined) throw new CannotRender(`${text} is no address and no CIDR`);
    return net === 'other' ? [] : [net];
  });
}

function collectSets(side: Side, peer: PeerMatch, conditions: Conditions, context: RuleContext): void {
  for (const id of peer.sets ?? []) needs(conditions, inSet(side, kernelSet(id, 'net', context), false));
  for (const id of peer.notSets ?? []) needs(conditions, inSet(side, kernelSet(id, 'net', context), false, true));
  for (const id of peer.notNamedPortSets ?? []) {
    needs(conditions, inSet(side, kernelSet(id, 'ip,port', context), true, true));
  }
}

function kernelSet(id: SetId, type: SetDefinition['type'], context: RuleContext): string {
  const found = context.set(id);
  if (!found.definition) throw new CannotRender(`set ${id}: ${found.problem}`);
  if (found.definition.type !== type)
    throw new CannotRender(`set ${id} is of type ${found.definition.type}, not ${type}`);
  return setName(found.definition);
}

const protocolsWithPorts = new Set([6, 17, 132]);

function collectPorts(
  side: Side,
  peer: PeerMatch,
  protocol: number | undefined,
  conditions: Conditions,
  context: RuleContext,
): void {
  const { ports = [], namedPortSets = [], notPorts = [] } = peer;
  const wrong = wrongRange([...ports, ...notPorts]);
  if (wrong) throw new CannotRender(`${wrong.first}:${wrong.last} is no range of ports`);
  if (ports.length + notPorts.length > 0 && (protocol === undefined || !protocolsWithPorts.has(protocol))) {
    throw new CannotRender(`it names ports, and protocol ${protocol ?? 'any'} has none`);
  }
  // Only to satisfy the type: with ports there is a protocol.
  const carrier = protocol ?? 6;
  if (ports.length + namedPortSets.length > 0 && !coversAllPorts(ports)) {
    oneOf(conditions, [
      ...portGroups(ports).map((group) => inPorts(side, carrier, group)),
      ...namedPortSets.map((id) => inSet(side, kernelSet(id, 'ip,port', context), true)),
    ]);
  }
  if (coversAllPorts(notPorts)) conditions.never = true;
  for (const group of portGroups(notPorts)) needs(conditions, inPorts(side, carrier, group, true));
}

/** The condition must hold as well. Only conditions whose place is free, or repeatable, may be given. */
function needs(conditions: Conditions, condition: Conjunction): void {
  const joined = both(conditions.base, condition);
  if (joined) conditions.base = joined;
  else conditions.alternatives.push([condition]);
}

function oneOf(conditions: Conditions, list: Conjunction[]): void {
  if (list.length === 1) needs(conditions, list[0]);
  else if (list.length > 1) conditions.alternatives.push(list);
}

/** `condition` must not hold: by its negation in the rule itself if the place is free, else as an exception. */
function exclude(conditions: Conditions, condition: Conjunction, negation: Conjunction): void {
  const joined = both(conditions.base, negation);
  if (joined) conditions.base = joined;
  else conditions.exceptions.push(condition);
}
