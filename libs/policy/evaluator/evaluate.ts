/**
 * The reference evaluator: policies read as they are written, for one flow. It is slow and plain on purpose: it tells
 * people why a flow is allowed or denied, and tests whether the compiler means the same.
 *
 * A flow is allowed when the source's egress and the destination's ingress allow it. For a pod and a direction: the
 * policies that select the pod, by tiers in order; in a tier the first rule that matches decides (Pass: the next tier;
 * Log: go on), and when none does, the tier's default action. No policy, or all tiers passed: allowed.
 */
import { type AnyResource, defaultTier } from '@caracal/api';
import type { Direction } from '../model.ts';
import type { Packet } from './conditions.ts';
import { type End, findEnds, type Holder, isIn } from './ends.ts';
import { type PolicyReading, readPolicy, UnreadableError } from './readings.ts';
import type { Decision, Evaluation, Explanation, Flow, NearMiss, Verdict, World } from './types.ts';

/** The verdict for a flow. */
export function evaluate(world: World, flow: Flow): Evaluation<Verdict> {
  const protocol = protocolOf(flow.protocol);
  if (protocol === undefined) return { ok: false, message: `${flow.protocol} is no protocol` };
  const sources = findEnds(world, flow.source);
  if (!sources.ok) return sources;
  const destinations = findEnds(world, flow.destination);
  if (!destinations.ok) return destinations;
  for (const source of sources.ends) {
    const destination = destinations.ends.find(({ family }) => family === source.family);
    if (!destination) continue;
    const egress = decide(world, 'egress', source, { ...flow, protocol, source, destination });
    const ingress = decide(world, 'ingress', destination, { ...flow, protocol, source, destination });
    const verdict = { allowed: egress.allowed && ingress.allowed, egress, ingress };
    return { ok: true, verdict: { ...verdict, source: resolved(source), destination: resolved(destination) } };
  }
  return { ok: false, message: 'source and destination have no addresses of one family' };
}

/** The verdict together with the question, as `formatExplanation` takes it. */
export function explain(world: World, flow: Flow): Evaluation<Explanation> {
  const evaluation = evaluate(world, flow);
  return evaluation.ok ? { ok: true, verdict: { flow, ...evaluation.verdict } } : evaluation;
}

function decide(world: World, direction: Direction, end: End, packet: Packet): Decision {
  const { pod } = end;
  const open = (reason: Decision['reason']): Decision => ({ direction, allowed: true, reason });
  if (!pod) return open({ type: 'notAPod' });
  if (packet.source.pod === packet.destination.pod) return open({ type: 'itself' });
  if (direction === 'ingress' && pod.node && isNode(world, pod.node, packet.source.address)) {
    return open({ type: 'host', node: pod.node });
  }
  const tiers = tiersOf(world, end, direction);
  if (tiers.length === 0) return open({ type: 'notSelected' });

  const tried: NearMiss[] = [];
  const deny = (reason: Decision['reason']): Decision => {
    const nearest = nearestOf(tried);
    return { direction, allowed: false, reason, ...(nearest && { nearest }) };
  };
  for (const { name: tier, defaultAction, policies } of tiers) {
    const outcome = tryTier(tier, policies, direction, packet, tried);
    if (outcome === 'Pass' || (outcome === 'Nothing' && defaultAction === 'Pass')) continue;
    if (outcome === 'Nothing') {
      return deny({ type: 'tierDefault', tier, policies: policies.map(({ reference }) => reference) });
    }
    return outcome.type === 'rule' && outcome.action === 'Allow' ? open(outcome) : deny(outcome);
  }
  return open({ type: 'passed', tiers: tiers.map(({ name }) => name) });
}

type Outcome = 'Pass' | 'Nothing' | Extract<Decision['reason'], { type: 'rule' | 'unreadable' }>;

/** The first rule of the tier that decides; those that could have let the flow go on and missed are added to `tried`. */
function tryTier(
  tier: string,
  policies: readonly PolicyReading[],
  direction: Direction,
  packet: Packet,
  tried: NearMiss[],
): Outcome {
  for (const policy of policies) {
    const { reference } = policy;
    let rules: ReturnType<PolicyReading['rules']>;
    try {
      // All of a policy's rules must be readable for any of them to count.
      rules = { ingress: policy.rules('ingress'), egress: policy.rules('egress') }[direction];
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      return { type: 'unreadable', tier, policy: reference, message: error.message };
    }
    for (const [rule, { action, misses }] of rules.entries()) {
      const missed = misses(packet);
      if (missed.length > 0) {
        if (action === 'Allow' || action === 'Pass') tried.push({ tier, policy: reference, rule, action, missed });
      } else if (action === 'Pass') return 'Pass';
      else if (action !== 'Log') return { type: 'rule', tier, policy: reference, rule, action };
    }
  }
  return 'Nothing';
}

/** Fewest conditions missed, then the order in which the rules were tried. */
function nearestOf(tried: readonly NearMiss[]): NearMiss | undefined {
  return tried.reduce<NearMiss | undefined>(
    (best, each) => (best && best.missed.length <= each.missed.length ? best : each),
    undefined,
  );
}

interface TierReading {
  readonly name: string;
  readonly order: number;
  readonly defaultAction: 'Deny' | 'Pass';
  readonly policies: readonly PolicyReading[];
}

/** The tiers that have policies for the pod in this direction, in order, with those policies in order. */
function tiersOf(world: World, end: End, direction: Direction): TierReading[] {
  const holder = end.holders.find(({ kind }) => kind === 'pod');
  // The hub stores nothing that is not valid for its kind.
  const resources = world.resources.map((resource) => resource as AnyResource);
  const selecting = resources.flatMap((resource) => {
    const policy = readPolicy(resource);
    return policy && holder && selects(policy, holder, direction) ? [policy] : [];
  });
  const names = [...new Set(selecting.map(({ tier }) => tier))];
  const tiers = names.map((name): TierReading => {
    const policies = selecting.filter(({ tier }) => tier === name).sort(byPlace);
    const tier = resources.find((resource) => resource.kind === 'Tier' && resource.metadata.name === name);
    const implied = name === defaultTier.name ? defaultTier.order : Number.POSITIVE_INFINITY;
    if (tier?.kind !== 'Tier') return { name, order: implied, defaultAction: 'Deny', policies };
    return { name, order: tier.spec.order ?? implied, defaultAction: tier.spec.defaultAction, policies };
  });
  return tiers.sort((a, b) => compare(a.order, b.order) || compare(a.name, b.name));
}

/** A policy whose own selectors cannot be read selects nobody, for nobody knows whom it should. */
function selects(policy: PolicyReading, pod: Holder, direction: Direction): boolean {
  try {
    return policy.selects(pod, direction);
  } catch (error) {
    if (error instanceof UnreadableError) return false;
    throw error;
  }
}

function byPlace(a: PolicyReading, b: PolicyReading): number {
  const parts = ({ order, reference }: PolicyReading) => [order, reference.name, reference.namespace, reference.id];
  const [left, right] = [parts(a), parts(b)];
  return left.map((part, i) => compare(part, right[i])).find((order) => order !== 0) ?? 0;
}

function compare<T extends number | string>(a: T, b: T): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function isNode(world: World, node: string, address: string): boolean {
  return world.resources.some((stored) => {
    // The hub stores nothing that is not valid for its kind.
    const resource = stored as AnyResource;
    if (resource.kind !== 'Node' || resource.metadata.name !== node) return false;
    const { ipv4Address, ipv6Address } = resource.spec;
    return [ipv4Address, ipv6Address].some((each) => each !== undefined && isIn(address, each));
  });
}

function resolved({ address, pod }: End): Verdict['source'] {
  return { address, ...(pod && { pod: pod.key }) };
}

function protocolOf(protocol: string | number): number | undefined {
  const known: Record<string, number> = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132, udplite: 136 };
  const number = known[String(protocol).toLowerCase()] ?? Number(protocol);
  return Number.isInteger(number) && number >= 0 && number <= 255 ? number : undefined;
}
