import { addressFromBytes, parseAddress, parsePrefix } from '@caracal/net';
import { decodeMessage, initialContext, type Nlri, type PathAttributes } from 'bgp-parser';
import { expect, it } from 'vitest';
import { announcements, endOfRib, withdrawals } from './update-out.ts';

const attributes: PathAttributes = { origin: 0, asPath: [{ type: 'sequence', asNumbers: [65001] }] };

function prefixes(family: 4 | 6, count: number): Nlri[] {
  return Array.from({ length: count }, (_, i) => {
    const bytes = new Uint8Array(family === 4 ? 4 : 16);
    bytes[0] = family === 4 ? 10 : 0x20;
    bytes[1] = i >> 8;
    bytes[2] = i & 255;
    return { prefix: { address: addressFromBytes(bytes), length: 24 } };
  });
}

const decoded = (messages: Uint8Array[]) =>
  messages.map((message) => {
    expect(message.length).toBeLessThanOrEqual(4096);
    const result = decodeMessage(message, initialContext);
    if (!result.ok || result.message.type !== 'update') throw new Error('no UPDATE');
    expect(result.faults).toEqual([]);
    return result.message;
  });

/** The prefixes of an MP attribute. */
const ipv6 = (attribute: PathAttributes['mpReach'] | PathAttributes['mpUnreach']): readonly Nlri[] =>
  attribute && attribute.family !== 'other' ? attribute.nlri : [];

it('fills messages with IPv4 prefixes and loses none', () => {
  const list = prefixes(4, 2500);
  const updates = decoded(announcements('ipv4Unicast', attributes, parseAddress('10.0.0.1')!, list, initialContext));
  expect(updates.flatMap((update) => update.announced)).toEqual(list);
  expect(updates).toHaveLength(3);
  expect(decoded(withdrawals('ipv4Unicast', list, initialContext)).flatMap((update) => update.withdrawn)).toEqual(list);
});

it('fills messages with IPv6 prefixes and loses none', () => {
  const list = prefixes(6, 2500);
  const updates = decoded(announcements('ipv6Unicast', attributes, parseAddress('2001:db8::1')!, list, initialContext));
  expect(updates.flatMap((update) => ipv6(update.attributes.mpReach))).toEqual(list);
  const gone = decoded(withdrawals('ipv6Unicast', list, initialContext));
  expect(gone.flatMap((update) => ipv6(update.attributes.mpUnreach))).toEqual(list);
});

it('says nothing of routes whose attributes fill a message', () => {
  const long = { ...attributes, communities: Array.from({ length: 1020 }, (_, i) => i) };
  const list = [{ prefix: parsePrefix('10.0.0.0/24')! }];
  expect(announcements('ipv4Unicast', long, parseAddress('10.0.0.1')!, list, initialContext)).toEqual([]);
});

it('marks the end of each family', () => {
  expect(decoded([endOfRib('ipv4Unicast', initialContext), endOfRib('ipv6Unicast', initialContext)])).toEqual([
    { type: 'update', withdrawn: [], attributes: {}, announced: [] },
    { type: 'update', withdrawn: [], attributes: { mpUnreach: { family: 'ipv6Unicast', nlri: [] } }, announced: [] },
  ]);
});
