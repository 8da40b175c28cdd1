import {
  createCompiler,
  type LocalEndpoint,
  type Pod,
  type PolicyDelta,
  type StoredResource,
  type Update,
} from '@caracal/policy';

/**
 * Times the policy compiler on a fleet: 50,000 pods in 500 namespaces, 60 of them on this node, 10,000 policies that
 * each select the pods of one application in one namespace, and 10 that select across namespaces. First a snapshot of
 * all, in one flush; then updates, one flush each. Inputs are made before the clock starts; parsing of selectors is
 * inside it.
 */

/** Microseconds, or milliseconds where the name says so. */
interface Timing {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
}

export interface PolicyBenchResult {
  readonly snapshotMs: readonly number[];
  /** What the snapshot compiled to. */
  readonly compiled: Readonly<Record<'sets' | 'members' | 'policies' | 'endpoints', number>>;
  /** Heap in use after the snapshot and a collection, without the inputs; undefined without `--expose-gc`. */
  readonly liveHeapMB: number | undefined;
  readonly residentMB: number;
  readonly updates: Readonly<Record<string, Timing>>;
}

/** What the snapshot must compile to, or the compiler is wrong and its time means nothing. */
const expected = { sets: 155, members: 46_600, policies: 70, endpoints: 60 };

const tiers = ['frontend', 'backend', 'cache', 'db'];
const environments = ['dev', 'stage', 'prod'];
const orchestrated = 'projectcalico.org/orchestrator == "k8s"';

/** Measures; `snapshots` is how often the snapshot is taken (the last one is updated). Throws when a check fails. */
export function run(
  options: { readonly snapshots?: number; readonly onProgress?: (line: string) => void } = {},
): PolicyBenchResult {
  const { snapshots = 3, onProgress = () => {} } = options;
  const times: number[] = [];
  let compiler = createCompiler();
  let compiled = expected;
  for (let i = 0; i < snapshots; i++) {
    const inputs = snapshot();
    compiler = createCompiler();
    globalThis.gc?.();
    const start = performance.now();
    for (const update of inputs) compiler.apply(update);
    const delta = compiler.flush();
    times.push(performance.now() - start);
    compiled = check(delta);
    onProgress(`snapshot ${i + 1} of ${snapshots}: ${times[i].toFixed(0)} ms`);
  }
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return {
    snapshotMs: times,
    compiled,
    liveHeapMB: globalThis.gc ? heapUsed / 1e6 : undefined,
    residentMB: rss / 1e6,
    updates: measureUpdates((updates) => {
      for (const update of updates) compiler.apply(update);
      return compiler.flush();
    }, onProgress),
  };
}

/** The figures as a table. */
export function formatPolicyBench(result: PolicyBenchResult): string {
  const { snapshotMs, compiled, liveHeapMB, residentMB, updates } = result;
  const { sets, members, policies, endpoints } = compiled;
  const lines = [
    `snapshot  ${snapshotMs.map((ms) => ms.toFixed(0)).join(', ')} ms`,
    `          ${sets} sets, ${members} members, ${policies} policies, ${endpoints} endpoints`,
    `memory    ${liveHeapMB === undefined ? 'heap unknown (node --expose-gc)' : `${liveHeapMB.toFixed(0)} MB live heap`}, ${residentMB.toFixed(0)} MB resident`,
    '',
    `${'update'.padEnd(34)}${'count'.padStart(7)}${'min'.padStart(12)}${'p50'.padStart(12)}${'p99'.padStart(12)}`,
  ];
  for (const [name, { count, min, p50, p99 }] of Object.entries(updates)) {
    const figures = [min, p50, p99].map((each) => `${each.toFixed(each < 100 ? 1 : 0)} µs`.padStart(12)).join('');
    lines.push(`${name.padEnd(34)}${String(count).padStart(7)}${figures}`);
  }
  return lines.join('\n');
}

function check(delta: PolicyDelta): typeof expected {
  const compiled = {
    sets: delta.sets.length,
    members: delta.sets.reduce((sum, { added }) => sum + added.length, 0),
    policies: delta.policies.length,
    endpoints: delta.endpoints.length,
  };
  if (JSON.stringify(compiled) !== JSON.stringify(expected)) {
    throw new Error(`the snapshot compiled to ${JSON.stringify(compiled)}, not to ${JSON.stringify(expected)}`);
  }
  return compiled;
}

// ---- the fleet ----

function* range(count: number): Iterable<number> {
  for (let i = 0; i < count; i++) yield i;
}

const isLocal = (i: number) => i % 833 === 0 && i / 833 < 60;

/** Policies, namespaces, pods of other nodes, pods of this one. */
function snapshot(): Update[] {
  const updates: Update[] = [];
  for (const n of range(500)) for (const a of range(20)) updates.push(resource(applicationPolicy(n, a)));
  for (const g of range(10)) updates.push(resource(fleetPolicy(g)));
  for (const n of range(500)) updates.push(resource(namespace(n, n % 25)));
  for (const i of range(50_000)) if (!isLocal(i)) updates.push(...remotePod(i));
  for (const i of range(50_000)) if (isLocal(i)) updates.push(localPod(i));
  return updates;
}

function pod(i: number, changes: { readonly region?: number; readonly tier?: string } = {}): Pod {
  const n = i % 500;
  const j = Math.floor(i / 500);
  const a = j % 20;
  return {
    key: `ns-${n}/pod-${i}`,
    uid: `uid-${i}`,
    namespace: `ns-${n}`,
    labels: {
      app: `app-${a}`,
      tier: changes.tier ?? tiers[a % 4],
      version: `v${j % 3}`,
      region: `region-${(changes.region ?? i) % 5}`,
      'pod-template-hash': `h${n}x${a}`,
    },
    serviceAccount: 'default',
    ports: [],
  };
}

function addressOf(i: number): string {
  const value = 0x0a400000 + i + 1;
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');
}

function remotePod(i: number): Update[] {
  const { uid } = pod(i);
  const endpoint = { ...endpointKey(i), podUid: uid, addresses: [addressOf(i)] };
  return [
    { type: 'pod', pod: pod(i) },
    { type: 'endpoint', endpoint },
  ];
}

function endpointKey(i: number) {
  return { node: `node-${i % 833}`, containerId: `container-${i}`, interface: 'eth0' };
}

function localPod(i: number): Update {
  const endpoint: LocalEndpoint = {
    id: `container-${i}/eth0`,
    interfaceName: `cara${i}`,
    addresses: [addressOf(i)],
    pod: pod(i),
  };
  return { type: 'localEndpoint', endpoint };
}

function namespace(n: number, team: number): StoredResource {
  const labels = { team: `team-${team}`, env: environments[n % 3] };
  return { kind: 'Namespace', metadata: { name: `ns-${n}`, labels }, spec: {} };
}

const application = (n: number, a: number) =>
  `${orchestrated} && app == "app-${a % 20}" && projectcalico.org/namespace == "ns-${n}"`;

function applicationPolicy(n: number, a: number): StoredResource {
  const from = (selector: string, port: number) => allow('TCP', { selector }, { ports: [port] });
  return policy(`ns-${n}.app-${a}`, 1000, application(n, a), {
    ingress: [
      from(application(n, a + 1), 8080),
      from(`pcns.team == "team-${(n + 1) % 25}" && ${orchestrated} && tier == "frontend"`, 9090),
    ],
    egress: [
      allow('UDP', {}, { nets: ['10.96.0.10/32'], ports: [53] }),
      allow('TCP', {}, { selector: application(n, a + 2), ports: [5432] }),
    ],
  });
}

function fleetPolicy(g: number): StoredResource {
  const selector = g < 4 ? `tier == "${tiers[g]}"` : g < 9 ? `region == "region-${g - 4}"` : 'all()';
  const scraper = `pcns.env == "${environments[g % 3]}" && region == "region-${g % 5}"`;
  return policy(`fleet-${g}`, 100 + g, selector, {
    ingress: [allow('TCP', { selector: scraper }, { ports: [9100] })],
    egress: [{ action: 'Deny', source: {}, destination: { nets: ['169.254.169.254/32'] } }],
  });
}

function allow(protocol: string, source: object, destination: object): object {
  return { action: 'Allow', protocol, source, destination };
}

function policy(
  name: string,
  order: number,
  selector: string,
  rules: { readonly ingress: readonly object[]; readonly egress: readonly object[] },
): StoredResource {
  const types = rules.egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  const spec = { tier: 'default', order, selector, enforcement: 'Enforced', types, ...rules };
  return { kind: 'GlobalNetworkPolicy', metadata: { name, labels: {} }, spec };
}

function resource(stored: StoredResource): Update {
  return { type: 'resource', resource: stored };
}

function policyRemoved(name: string): Update {
  return { type: 'resourceRemoved', kind: 'GlobalNetworkPolicy', name };
}

// ---- updates ----

type Flush = (updates: readonly Update[]) => PolicyDelta;

function measureUpdates(flush: Flush, onProgress: (line: string) => void): Record<string, Timing> {
  const timings: Record<string, Timing> = {};
  const measure = (name: string, batches: Iterable<readonly Update[]>): void => {
    const inputs = [...batches];
    const times = inputs.map((updates) => {
      const start = performance.now();
      flush(updates);
      return (performance.now() - start) * 1000;
    });
    times.sort((a, b) => a - b);
    const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
    timings[name] = { count: times.length, min: times[0], p50: at(0.5), p99: at(0.99) };
    onProgress(`${name}: p50 ${timings[name].p50.toFixed(1)} µs`);
  };
  const each = function* (count: number, make: (k: number) => readonly Update[]): Iterable<readonly Update[]> {
    for (const k of range(count)) yield make(k);
  };
  const remote = (i: number) => (isLocal(i) ? i + 1 : i);
  const relabelled = (i: number, region: number, tier?: string): Update => ({
    type: 'pod',
    pod: pod(i, { region, tier }),
  });
  const gone = (i: number): Update => ({ type: 'localEndpointRemoved', id: `container-${i}/eth0` });

  measure(
    'U1 add a remote pod',
    each(1000, (k) => remotePod(50_000 + k)),
  );
  measure(
    'U2 delete a remote pod',
    each(1000, (k) => [
      { type: 'podRemoved', key: pod(50_000 + k).key },
      { type: 'endpointRemoved', endpoint: endpointKey(50_000 + k) },
    ]),
  );
  measure(
    'U3 relabel a remote pod',
    each(2000, (k) => {
      const i = remote(7 * (k % 1000) + 1);
      return [relabelled(i, k < 1000 ? i + 1 : i)];
    }),
  );
  measure(
    'U4 add a local pod, new policy',
    each(200, (k) => [localPod(60_000 + 7 * k)]),
  );
  measure(
    'U5 delete a local pod',
    each(200, (k) => [gone(60_000 + 7 * k)]),
  );
  measure(
    'U4b add a local pod, same policy',
    each(60, (k) => [localPod(100_000 + 833 * k)]),
  );
  measure(
    'U5b delete such a local pod',
    each(60, (k) => [gone(100_000 + 833 * k)]),
  );
  measure(
    'U6 relabel 1,000 pods at once',
    each(20, (batch) =>
      [...range(1000)].map((q) => {
        const i = remote(13 * q + 2);
        return batch % 2 === 0 ? relabelled(i, i + 1, 'frontend') : relabelled(i, i);
      }),
    ),
  );
  measure(
    'U7 relabel a namespace, 100 pods',
    each(100, (k) => {
      const n = 10 * (k % 50);
      return [resource(namespace(n, (k < 50 ? n + 1 : n) % 25))];
    }),
  );
  measure(
    'U8 add a policy on all',
    each(20, (k) => {
      const selector = `tier in {"db", "cache"} && version == "v${k % 3}" && region != "zz-${k}"`;
      const ingress = [allow('TCP', { selector }, {})];
      return [resource(policy(`new-${k}`, 500 + k, 'all()', { ingress, egress: [] }))];
    }),
  );
  measure(
    'U8b delete it',
    each(20, (k) => [policyRemoved(`new-${k}`)]),
  );
  const { spec } = applicationPolicy(0, 0);
  measure(
    'U9 add a policy that is not local',
    each(500, (k) => {
      const selector = `${orchestrated} && app == "none-${k}" && projectcalico.org/namespace == "ns-1"`;
      return [
        resource({
          kind: 'GlobalNetworkPolicy',
          metadata: { name: `elsewhere-${k}`, labels: {} },
          spec: { ...(spec as object), selector }, // a policy's spec, as applicationPolicy made it
        }),
      ];
    }),
  );
  return timings;
}
