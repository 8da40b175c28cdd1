/**
 * Fields of Calico's schemas that ours lack. One that means nothing here is left out with a warning; one that would change which traffic flows, or
 * how well a session is protected, is refused with the reason.
 */
import type { Kind } from './kinds.ts';
import { formatPath, isPlainObject, type PlainObject } from './plain.ts';

interface CalicoField {
  /** From the spec on; `[]` stands for every item of a list. */
  readonly path: string;
  readonly effect: 'ignored' | 'refused';
  readonly why: string;
  /** Values that ask for what happens anyway, beside false, 0 and the empty text, list and map. */
  readonly harmless?: readonly unknown[];
}

export interface FieldFinding {
  readonly field: string;
  readonly effect: 'ignored' | 'refused';
  readonly message: string;
}

const ignored = (path: string, why: string): CalicoField => ({ path, effect: 'ignored', why });
const refused = (path: string, why: string, harmless?: readonly unknown[]): CalicoField => ({
  path,
  effect: 'refused',
  why,
  harmless,
});

const filterConditions = 'the rule would match all routes without it';
const ruleFields = ['ingress[]', 'egress[]'].flatMap((rule) => [
  refused(`${rule}.http`, 'the rule would match more than HTTP requests of that form'),
  ...['source', 'destination'].flatMap((side) => [
    refused(`${rule}.${side}.services`, 'name the addresses or a selector in place of the service'),
    refused(`${rule}.${side}.domains`, 'name the addresses in place of the domain'),
  ]),
]);
const policyFields = [...ruleFields, ignored('performanceHints', 'it has no effect on the verdict')];

const calicoFields: Partial<Record<Kind, readonly CalicoField[]>> = {
  NetworkPolicy: policyFields,
  GlobalNetworkPolicy: policyFields,
  NetworkSet: [refused('allowedEgressDomains', 'name the addresses in place of the domain')],
  GlobalNetworkSet: [refused('allowedEgressDomains', 'name the addresses in place of the domain')],
  HostEndpoint: [ignored('profiles', 'there are no profiles')],
  BGPConfiguration: [
    ignored('logSeverityScreen', 'each process has its own log level'),
    ignored('ignoredInterfaces', 'the address of a node is configured, not searched for on its interfaces'),
    ignored('bindMode', 'sessions are accepted on all addresses of the node'),
    ignored('nodeMeshMaxRestartTime', 'use gracefulRestart.restartTimeSeconds'),
    ignored('programClusterRoutes', 'routes to other nodes are always those that BGP brings'),
    refused('nodeMeshPassword', 'sessions would be made without it'),
    refused('serviceLoadBalancerAggregation', 'addresses of load balancers are announced as their CIDR', ['Enabled']),
    refused('localWorkloadPeeringIPV4', 'nodes do not peer with their pods'),
    refused('localWorkloadPeeringIPV6', 'nodes do not peer with their pods'),
  ],
  BGPPeer: [
    ignored('maxRestartTime', 'use gracefulRestart.restartTimeSeconds'),
    ignored('keepaliveTime', 'keepalives are sent every third of the hold time'),
    refused('password', 'use passwordFile: passwords never enter the store'),
    refused('localASNumber', 'set the AS number of the node in its NodeConfiguration'),
    refused('localWorkloadSelector', 'nodes do not peer with their pods'),
    refused('reachableBy', 'add the route to the peer outside of Caracal'),
    refused('reversePeering', 'both ends of a peering between nodes are always configured', ['Auto']),
  ],
  BGPFilter: ['importV4', 'importV6', 'exportV4', 'exportV6'].flatMap((list) => [
    refused(`${list}[].interface`, filterConditions),
    refused(`${list}[].priority`, 'routes of BGP have one metric in the kernel'),
    refused(`${list}[].operations[].setPriority`, 'routes of BGP have one metric in the kernel'),
  ]),
};

/**
 * Takes those fields out of a spec. In a document of Calico's group what is ignored becomes a warning; in one of ours nothing is ignored in silence,
 * so that it is refused too.
 */
export function takeCalicoFields(
  kind: Kind,
  spec: PlainObject,
  calico: boolean,
): { spec: PlainObject; findings: FieldFinding[] } {
  const findings: FieldFinding[] = [];
  let rest: PlainObject = spec;
  for (const field of calicoFields[kind] ?? []) rest = takeField(rest, field, calico, findings);
  return { spec: rest, findings };
}

function takeField(spec: PlainObject, field: CalicoField, calico: boolean, findings: FieldFinding[]): PlainObject {
  const taken = take(spec, field.path.split('.'), ['spec'], (path, value) => {
    if (calico && (isEmpty(value) || field.harmless?.includes(value))) return;
    const effect = calico ? field.effect : 'refused';
    const message =
      field.effect === 'refused'
        ? `is not supported yet: ${field.why}`
        : `means nothing here${calico ? ' and was left out' : '; remove it'}: ${field.why}`;
    findings.push({ field: formatPath(path), effect, message });
  });
  return isPlainObject(taken) ? taken : spec;
}

/** A copy of `value` without the field at the path, which is shown to `found` wherever there is one; `value` itself when there is none. */
function take(
  value: unknown,
  path: readonly string[],
  at: readonly PropertyKey[],
  found: (path: readonly PropertyKey[], value: unknown) => void,
): unknown {
  if (!isPlainObject(value)) return value;
  const [part, ...deeper] = path;
  const key = part.replace('[]', '');
  const child = value[key];
  if (child === undefined) return value;
  if (deeper.length === 0) {
    found([...at, key], child);
    const { [key]: _, ...others } = value;
    return others;
  }
  const inside =
    Array.isArray(child) && part.endsWith('[]')
      ? child.map((item, i) => take(item, deeper, [...at, key, i], found))
      : take(child, deeper, [...at, key], found);
  return { ...value, [key]: inside };
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isPlainObject(value)) return Object.keys(value).length === 0;
  return !value;
}
