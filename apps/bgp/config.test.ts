import { expect, it } from 'vitest';
import { parseConfig } from './config.ts';

const peer = { name: 'tor', peerAddress: '10.0.0.1', peerAs: 64512 };
const base = { localAs: 65001, routerId: '10.0.0.2', peers: [peer] };

it('fills in the defaults', () => {
  expect(parseConfig(base)).toEqual({
    ok: true,
    config: {
      ...base,
      listenPort: 179,
      originate: [],
      kernel: { enabled: true, protocol: 201 },
      peers: [
        {
          ...peer,
          holdTimeSeconds: 90,
          connectRetrySeconds: 5,
          passive: false,
          families: ['ipv4Unicast', 'ipv6Unicast'],
          importAction: 'Accept',
          exportAction: 'Accept',
        },
      ],
    },
  });
});

it.each([
  { config: { ...base, localAs: 0 }, field: 'localAs' },
  { config: { ...base, routerId: '::1' }, field: 'routerId' },
  { config: { ...base, surprise: 1 }, field: 'surprise' },
  { config: { ...base, originate: [{ prefix: '10.0.0.1/24' }] }, field: 'originate.0.prefix' },
  {
    config: { ...base, originate: [{ prefix: '10.0.0.0/24', communities: ['1:70000'] }] },
    field: 'originate.0.communities.0',
  },
  { config: { ...base, peers: [{ ...peer, holdTimeSeconds: 2 }] }, field: 'peers.0.holdTimeSeconds' },
  { config: { ...base, peers: [peer, { ...peer, peerAddress: '10.0.0.3' }] }, field: 'peers.1.name' },
  { config: { ...base, kernel: { importCidrs: ['x'] } }, field: 'kernel.importCidrs.0' },
  { config: 'text', field: 'configuration' },
])('refuses a wrong $field by name', ({ config, field }) => {
  const parsed = parseConfig(config);
  expect(parsed.ok ? 'accepted' : parsed.message).toContain(field);
});
