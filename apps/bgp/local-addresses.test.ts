import type { NetworkInterfaceInfo } from 'node:os';
import { formatAddress } from '@caracal/net';
import { expect, it } from 'vitest';
import { localAddresses } from './local-addresses.ts';

// Only the address is read.
const info = (address: string) => ({ address }) as NetworkInterfaceInfo;
const interfaces = {
  lo: [info('127.0.0.1'), info('::1')],
  eth0: [info('10.0.0.1'), info('10.0.0.2'), info('fe80::1'), info('2001:db8::1')],
  eth1: [info('10.1.0.1'), info('fe80::2')],
};

it.each([
  { address: '10.0.0.1', ipv4: '10.0.0.1', ipv6: '2001:db8::1' },
  { address: '10.0.0.2', ipv4: '10.0.0.2', ipv6: '2001:db8::1' },
  { address: '2001:db8:0::1', ipv4: '10.0.0.1', ipv6: '2001:db8::1' },
  { address: '10.1.0.1', ipv4: '10.1.0.1', ipv6: undefined },
  { address: '192.0.2.1', ipv4: '192.0.2.1', ipv6: undefined },
])('finds next hops for a session from $address', ({ address, ipv4, ipv6 }) => {
  const found = localAddresses(address, interfaces);
  expect(found.ipv4 && formatAddress(found.ipv4)).toBe(ipv4);
  expect(found.ipv6 && formatAddress(found.ipv6)).toBe(ipv6);
});
