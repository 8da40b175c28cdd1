import { parseResource, type ResourceOf } from '@caracal/api';
import { describe, expect, it } from 'vitest';
import { type ServiceInputs, serviceRanges, serviceRoutes } from './service-routes.ts';

const groups = {
  BGPConfiguration: 'caracal.network/v1',
  EndpointSlice: 'discovery.k8s.io/v1',
  Node: 'v1',
  Service: 'v1',
};

function resource<K extends keyof typeof groups>(kind: K, name: string, spec: object, labels = {}): ResourceOf<K> {
  const namespace = kind === 'Service' || kind === 'EndpointSlice' ? 'shop' : undefined;
  const parsed = parseResource({ apiVersion: groups[kind], kind, metadata: { name, namespace, labels }, spec });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  // The kind is the one that was asked for.
  return parsed.resource as ResourceOf<K>;
}

const range = (cidr: string) => [{ cidr }];
const announcing = resource('BGPConfiguration', 'default', {
  serviceClusterIPs: range('10.96.0.0/12'),
  serviceExternalIPs: range('192.0.2.0/24'),
  serviceLoadBalancerIPs: range('198.51.100.0/24'),
});
const ranges = ['10.96.0.0/12', '192.0.2.0/24', '198.51.100.0/24'];
const web = {
  clusterIPs: ['10.96.1.1'],
  externalIPs: ['192.0.2.5', '203.0.113.5'],
  loadBalancerIPs: ['198.51.100.5'],
};
const ofWeb = ['10.96.1.1/32', '192.0.2.5/32', '198.51.100.5/32'];
const slice = (name: string, nodes: string[], service = 'web') => resource('EndpointSlice', name, { service, nodes });
const excluded = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' };

/** What each of n1, n2 and n3 announces. */
function routes(inputs: Partial<ServiceInputs>): string[][] {
  const given = {
    bgpConfiguration: announcing,
    nodes: ['n1', 'n2', 'n3'].map((name) => resource('Node', name, {})),
    services: [],
    slices: [],
    ...inputs,
  };
  return ['n1', 'n2', 'n3'].map((name) => serviceRoutes({ ...given, node: { name } }));
}

describe('the routes of services', () => {
  it('are none without a range', () => {
    const local = resource('Service', 'web', { ...web, externalTrafficPolicy: 'Local' });
    const nothing = { services: [local], slices: [slice('web-1', ['n1'])] };
    expect(routes({ ...nothing, bgpConfiguration: undefined })).toEqual([[], [], []]);
    expect(routes({ ...nothing, bgpConfiguration: resource('BGPConfiguration', 'default', {}) })).toEqual([[], [], []]);
    expect(serviceRanges(undefined)).toEqual([]);
    expect(serviceRanges(announcing)).toEqual(ranges);
  });

  it('are the ranges, from every node, where traffic may go on to another node', () => {
    const cluster = resource('Service', 'web', web);
    const inputs = { services: [cluster], slices: [slice('web-1', ['n1'])] };
    expect(routes(inputs)).toEqual([ranges, ranges, ranges]);
  });

  it('are also each address within the ranges, from nodes with ready endpoints, where traffic must stay', () => {
    const local = resource('Service', 'web', { ...web, externalTrafficPolicy: 'Local' });
    const slices = [slice('web-1', ['n1']), slice('web-2', ['n2', 'n1']), slice('other-1', ['n3'], 'other')];
    const both = [...ofWeb, ...ranges].sort();
    expect(routes({ services: [local], slices })).toEqual([both, both, ranges]);
    expect(routes({ services: [local], slices: [slice('web-1', [])] })).toEqual([ranges, ranges, ranges]);
  });

  it('follow the service where a range is its one address', () => {
    const bgpConfiguration = resource('BGPConfiguration', 'default', { serviceExternalIPs: range('192.0.2.5/32') });
    const local = resource('Service', 'web', { ...web, externalTrafficPolicy: 'Local' });
    const slices = [slice('web-1', ['n2'])];
    expect(routes({ bgpConfiguration, services: [local], slices })).toEqual([[], ['192.0.2.5/32'], []]);
    const all = [['192.0.2.5/32'], ['192.0.2.5/32'], ['192.0.2.5/32']];
    expect(routes({ bgpConfiguration, services: [resource('Service', 'web', web)], slices })).toEqual(all);
  });

  it('leave a cordoned node while another one can take the traffic', () => {
    const local = resource('Service', 'web', { ...web, externalTrafficPolicy: 'Local' });
    const nodes = (cordoned: string[]) =>
      ['n1', 'n2', 'n3'].map((name) => resource('Node', name, cordoned.includes(name) ? { unschedulable: true } : {}));
    const slices = [slice('web-1', ['n1', 'n2'])];
    const both = [...ofWeb, ...ranges].sort();
    const of = (...cordoned: string[]) => routes({ services: [local], slices, nodes: nodes(cordoned) });
    expect(of('n1')).toEqual([[], both, ranges]);
    // Nobody else has an endpoint.
    expect(of('n1', 'n2')).toEqual([ofWeb, ofWeb, ranges]);
    expect(of('n1', 'n2', 'n3')).toEqual([both, both, ranges]);
  });

  it('never come from a node that balancers should leave out', () => {
    const local = resource('Service', 'web', { ...web, externalTrafficPolicy: 'Local' });
    const nodes = ['n1', 'n2', 'n3'].map((name) => resource('Node', name, {}, name === 'n1' ? excluded : {}));
    expect(routes({ services: [local], slices: [slice('web-1', ['n1'])], nodes })).toEqual([[], ranges, ranges]);
  });
});
