import { expect, it } from 'vitest';
import { configFromResources } from './resources.ts';

const text = `
apiVersion: caracal.network/v1
kind: BGPConfiguration
metadata: {name: default}
spec:
  asNumber: 65001
  listenPort: 1179
  nodeToNodeMeshEnabled: false
  originate:
    - {cidr: 10.1.0.0/24, communities: ['65001:1', '65001:1:2']}
  aggregates: [{cidr: 10.0.0.0/8, summaryOnly: true}]
---
apiVersion: caracal.network/v1
kind: BGPFilter
metadata: {name: in-only}
spec: {importV4: [{action: Accept}], exportV4: [{action: Reject}], importV6: [{action: Reject}]}
---
apiVersion: caracal.network/v1
kind: BGPPeer
metadata: {name: upstream}
spec: {peerIP: 10.99.1.2, asNumber: 65002, filters: [in-only], passive: true, connectRetrySeconds: 1}
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: bare}
spec: {peerIP: '[2001:db8::2]:1790', asNumber: 65003}
---
apiVersion: caracal.network/v1
kind: BGPPeer
metadata: {name: inside}
spec: {peerIP: 10.99.1.3, asNumber: 65001}
---
apiVersion: caracal.network/v1
kind: BGPPeer
metadata: {name: rack}
spec: {interface: eth1, remoteAS: External, addPaths: {receive: true, send: Best, bestPaths: 3}}
---
apiVersion: caracal.network/v1
kind: BGPPeer
metadata: {name: tors}
spec: {peerPrefix: 10.98.0.0/16, asNumbers: {min: 64512}, sessionLimit: 5}
`;

it('makes a configuration of the resources', () => {
  const parsed = configFromResources(text, { routerId: '10.0.0.1' });
  expect(parsed).toMatchObject({
    ok: true,
    config: {
      localAs: 65001,
      routerId: '10.0.0.1',
      listenPort: 1179,
      originate: [{ prefix: '10.1.0.0/24', communities: ['65001:1', '65001:1:2'] }],
      aggregates: [{ prefix: '10.0.0.0/8', summaryOnly: true }],
      peers: [
        {
          name: 'upstream',
          peerAddress: '10.99.1.2',
          passive: true,
          connectRetrySeconds: 1,
          importAction: { ipv4Unicast: 'Accept', ipv6Unicast: 'Reject' },
          exportAction: { ipv4Unicast: 'Reject', ipv6Unicast: 'Accept' },
        },
        // RFC 8212
        {
          name: 'bare',
          peerAddress: '2001:db8::2',
          peerPort: 1790,
          importAction: { ipv4Unicast: 'Reject', ipv6Unicast: 'Reject' },
        },
        { name: 'inside', importAction: { ipv4Unicast: 'Accept', ipv6Unicast: 'Accept' } },
        {
          name: 'rack',
          interface: 'eth1',
          peerAs: 'External',
          addPaths: { receive: true, send: 'Best', bestPaths: 3 },
          exportAction: { ipv4Unicast: 'Reject', ipv6Unicast: 'Reject' },
        },
        {
          name: 'tors',
          peerPrefix: '10.98.0.0/16',
          peerAs: { min: 64512, max: 4294967295 },
          sessionLimit: 5,
          importAction: { ipv4Unicast: 'Reject', ipv6Unicast: 'Reject' },
        },
      ],
    },
  });
});

it.each([
  { name: 'no router id', text, options: {}, message: 'router id' },
  { name: 'what is no YAML', text: 'a: [', options: { routerId: '10.0.0.1' }, message: 'at line 1' },
  {
    name: 'a wrong field',
    text: text.replace('asNumber: 65002', 'asNumber: 0'),
    options: { routerId: '10.0.0.1' },
    message: 'BGPPeer/upstream: spec.asNumber',
  },
])('refuses $name', ({ text: wrong, options, message }) => {
  const parsed = configFromResources(wrong, options);
  expect(parsed.ok ? 'accepted' : parsed.message).toContain(message);
});
