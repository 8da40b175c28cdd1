/** Which workspace may import which: DESIGN's arrows, as data. `npm run check` holds every import against it. */
export const layers: Readonly<Record<string, readonly string[]>> = {
  'libs/net': [],
  'libs/api': ['libs/net'],
  'libs/protocol': ['libs/net'],
  'libs/kube': [],
  'libs/bgp-parser': ['libs/net'],
  'libs/netlink': ['libs/net'],
  'libs/iptables-wrapper': ['libs/net'],
  'libs/policy': ['libs/api', 'libs/net'],
  'libs/ipam': ['libs/api', 'libs/net'],
  'libs/bgp-speaker': ['libs/bgp-parser', 'libs/net'],
  'libs/dataplane': ['libs/policy', 'libs/iptables-wrapper', 'libs/net'],
  'libs/datastore': ['libs/api', 'libs/protocol', 'libs/net', 'libs/ipam'],
  'apps/agent': [
    'apps/cni',
    'libs/api',
    'libs/bgp-speaker',
    'libs/dataplane',
    'libs/ipam',
    'libs/kube',
    'libs/net',
    'libs/netlink',
    'libs/policy',
    'libs/protocol',
  ],
  'apps/bgp': ['libs/api', 'libs/bgp-parser', 'libs/bgp-speaker', 'libs/net', 'libs/netlink'],
  'apps/cni': [],
  'apps/ctl': ['apps/cni', 'libs/api', 'libs/datastore', 'libs/net', 'libs/policy', 'libs/protocol'],
  operator: ['libs/api', 'libs/datastore', 'libs/ipam', 'libs/kube', 'libs/net', 'libs/policy', 'libs/protocol'],
  'apps/hub': ['libs/api', 'libs/datastore', 'libs/ipam', 'libs/kube', 'libs/net', 'libs/protocol'],
};

/** Workspaces that take bytes or values in and give values out: no node: module that does I/O. */
export const pure: readonly string[] = ['libs/net', 'libs/bgp-parser', 'libs/policy'];

/** The node: modules that a pure workspace may still use. */
export const pureModules: readonly string[] = ['node:zlib', 'node:crypto', 'node:assert', 'node:util'];
