/**
 * What one change costs, kernel included, on a node with 1,000 or 20,000 rules of ours. Needs root. Changes come at once after each other, and then with 50 ms between them: the kernel lets a transaction
 * that has compat matches (sets, multiport, MARK) wait for the clearing up of the one before.
 */
import { createDataplane } from '@caracal/dataplane';
import { type CompiledEndpoint, type CompiledPolicy, noChange, type PolicyDelta, type Rule } from '@caracal/policy';
import { systemProcesses } from 'iptables-wrapper';
import { createNetns } from '../support/netns.ts';

const rulesAPolicy = 10;
const endpointCount = 100;
const repeats = 100;

function rule(n: number): Rule {
  const destination = { ports: [{ first: n + 1, last: n + 1 }] };
  return { action: 'Allow', protocol: 6, source: { sets: [`s${n % 50}`] }, destination, index: n };
}

function policy(n: number, salt = 0): CompiledPolicy {
  return {
    id: `np/bench/p${n}`,
    ingress: Array.from({ length: rulesAPolicy }, (_, i) => rule(n * rulesAPolicy + i + salt)),
    egress: [],
  };
}

function endpoint(n: number, policies: readonly string[]): CompiledEndpoint {
  return {
    id: `c${n}/eth0`,
    // Spread over the tree as hashes are.
    interfaceName: `cara${((n * 2654435761) % 2 ** 32).toString(16).padStart(8, '0')}000`,
    addresses: [`10.65.${n >> 8}.${n & 255}`],
    ingress: [{ name: 'default', policies, defaultAction: 'Deny' }],
    egress: [],
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds that a change took until the kernel held it. */
export interface ChangeTimes {
  readonly change: string;
  readonly pauseMs: number;
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
}

export interface DataplaneBench {
  /** Rules of policies; sets and endpoints are as many for each size. */
  readonly rules: number;
  readonly completeStateMs: number;
  readonly resyncMs: number;
  readonly changes: readonly ChangeTimes[];
}

async function measure(change: string, pauseMs: number, apply: (i: number) => Promise<void>): Promise<ChangeTimes> {
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    if (pauseMs > 0) await pause(pauseMs);
    const start = performance.now();
    await apply(i);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor((times.length - 1) * share)];
  return { change, pauseMs, min: at(0), p50: at(0.5), p99: at(0.99) };
}

async function timed(job: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await job();
  return performance.now() - start;
}

/** A complete state with that many rules: every endpoint has its share of the policies, every rule a set. */
function completeState(ruleCount: number): PolicyDelta {
  const policies = Array.from({ length: ruleCount / rulesAPolicy }, (_, n) => policy(n));
  const share = policies.length / endpointCount;
  const policiesOf = (n: number) => policies.slice(Math.floor(n * share), Math.floor((n + 1) * share));
  const endpoints = Array.from({ length: endpointCount }, (_, n) =>
    endpoint(
      n,
      policiesOf(n).map(({ id }) => id),
    ),
  );
  const sets = Array.from({ length: 50 }, (_, n) => ({
    ...firstSet,
    definition: { ...firstSet.definition, id: `s${n}` },
    added: Array.from({ length: 300 }, (_, i) => `10.${n}.${i >> 8}.${i & 255}`),
  }));
  return { ...noChange, sets, policies, endpoints };
}

const firstSet = { definition: { id: 's0', type: 'net' as const, family: 4 as const }, added: [], removed: [] };

async function benchSize(ruleCount: number): Promise<DataplaneBench> {
  const netns = await createNetns('bench');
  const errors: string[] = [];
  const quiet = () => {};
  const logger = { info: quiet, warn: quiet, error: (_: object, message: string) => void errors.push(message) };
  const dataplane = createDataplane({ logger, processes: systemProcesses(['nsenter', `--net=${netns.path}`]) });
  try {
    await dataplane.start();
    const completeStateMs = await timed(() => dataplane.update(completeState(ruleCount)));
    const resyncMs = await timed(() => dataplane.resync());
    const changes: ChangeTimes[] = [];
    for (const pauseMs of [0, 50]) {
      const update = async (change: string, delta: (i: number) => Partial<PolicyDelta>) => {
        changes.push(await measure(change, pauseMs, (i) => dataplane.update({ ...noChange, ...delta(i) })));
      };
      await update('one set member', (i) => ({ sets: [{ ...firstSet, added: [`11.0.${pauseMs}.${i}`] }] }));
      await update(`one chain of ${rulesAPolicy} rules`, (i) => ({ policies: [policy(0, 1 + (i % 2))] }));
      await update('an endpoint, its policy active', (i) => ({ endpoints: [endpoint(1000 + i, ['np/bench/p1'])] }));
      await update('an endpoint gone', (i) => ({ removedEndpoints: [`c${1000 + i}/eth0`] }));
      await update('an endpoint with a new policy', (i) => {
        const fresh = { ...policy(i), id: `np/bench/fresh${pauseMs}-${i}` };
        return { policies: [fresh], endpoints: [endpoint(2000 + i, [fresh.id])] };
      });
    }
    if (errors.length > 0) throw new Error(errors[0]);
    return { rules: ruleCount, completeStateMs, resyncMs, changes };
  } finally {
    await dataplane.stop();
    await netns.remove();
  }
}

/** Measures both sizes, each in a namespace of its own; about a minute. */
export async function benchDataplane(options: { onProgress: (line: string) => void }): Promise<DataplaneBench[]> {
  const results: DataplaneBench[] = [];
  for (const rules of [1000, 20_000]) {
    options.onProgress(`dataplane: ${rules} rules`);
    results.push(await benchSize(rules));
  }
  return results;
}

export function formatDataplaneBench(results: readonly DataplaneBench[]): string {
  const number = (value: number) => value.toFixed(2).padStart(9);
  return results
    .flatMap(({ rules, completeStateMs, resyncMs, changes }) => [
      `${rules} rules of policies, ${endpointCount} endpoints; milliseconds`,
      `  ${'complete state written'.padEnd(46)}${number(completeStateMs)}`,
      `  ${'resync without drift'.padEnd(46)}${number(resyncMs)}`,
      `  ${''.padEnd(46)}${'min'.padStart(9)}${'p50'.padStart(9)}${'p99'.padStart(9)}`,
      ...changes.map(({ change, pauseMs, min, p50, p99 }) => {
        const name = `${change}, ${pauseMs === 0 ? 'at once' : `every ${pauseMs} ms`}`;
        return `  ${name.padEnd(46)}${number(min)}${number(p50)}${number(p99)}`;
      }),
    ])
    .join('\n');
}
