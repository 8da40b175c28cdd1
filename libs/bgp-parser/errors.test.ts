import { describe, expect, it } from 'vitest';
import { formatHex } from './bytes.ts';
import { initialContext } from './context.ts';
import { decodeMessage } from './message.ts';

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
const framed = (type: number, body: string) => {
  const octets = bytesOf(body);
  return Uint8Array.of(
    ...new Array(16).fill(255),
    (octets.length + 19) >> 8,
    (octets.length + 19) & 255,
    type,
    ...octets,
  );
};
const update = (attributes: string, announced = '18 0a0000') =>
  framed(2, `0000 ${bytesOf(attributes).length.toString(16).padStart(4, '0')} ${attributes} ${announced}`);

const origin = '40 01 01 00';
const asPath = '40 02 06 0201 0000fde9';
const nextHop = '40 03 04 0a000001';
const mandatory = origin + asPath + nextHop;
const internal = { ...initialContext, external: false };

/** The NOTIFICATION as `code/subcode data`. */
const resets: { name: string; bytes: Uint8Array; answer: string }[] = [
  // RFC 4271 section 6.1
  { name: 'marker', bytes: bytesOf(`${'ff'.repeat(15)}fe 0013 04`), answer: '1/1 ' },
  { name: 'length below 19', bytes: bytesOf(`${'ff'.repeat(16)} 0012 04`), answer: '1/2 0012' },
  { name: 'length above 4096', bytes: bytesOf(`${'ff'.repeat(16)} 1001 02`), answer: '1/2 1001' },
  { name: 'long KEEPALIVE', bytes: framed(4, '00'), answer: '1/2 0014' },
  { name: 'short OPEN', bytes: framed(1, '04 fde9 005a 0a000001'), answer: '1/2 001c' },
  { name: 'unknown type', bytes: framed(9, ''), answer: '1/3 09' },
  // section 6.2
  { name: 'version 3', bytes: framed(1, '03 fde9 005a 0a000001 00'), answer: '2/1 0004' },
  { name: 'AS 0 (RFC 7607)', bytes: framed(1, '04 0000 005a 0a000001 00'), answer: '2/2 ' },
  { name: 'BGP Identifier 0', bytes: framed(1, '04 fde9 005a 00000000 00'), answer: '2/3 ' },
  { name: 'unknown optional parameter', bytes: framed(1, '04 fde9 005a 0a000001 03 01 01 00'), answer: '2/4 ' },
  { name: 'hold time of 2 s', bytes: framed(1, '04 fde9 0002 0a000001 00'), answer: '2/6 ' },
  { name: 'parameters cut off', bytes: framed(1, '04 fde9 005a 0a000001 04 02 02'), answer: '2/0 ' },
  { name: 'capability past its parameter', bytes: framed(1, '04 fde9 005a 0a000001 04 02 02 02 01'), answer: '2/0 ' },
  { name: 'capability of a wrong length', bytes: framed(1, '04 fde9 0000 0a000001 05 02 03 4101fb'), answer: '2/0 ' },
  // section 6.3, RFC 7606 sections 3 and 5
  { name: 'withdrawn routes past the message', bytes: framed(2, '0005 0000'), answer: '3/1 ' },
  { name: 'attributes past the message', bytes: framed(2, '0000 0005'), answer: '3/1 ' },
  { name: 'IPv4 prefix of 33 bits', bytes: update(mandatory, '21 0a000001 00'), answer: '3/10 ' },
  { name: 'IPv4 prefix cut off', bytes: update(mandatory, '18 0a00'), answer: '3/10 ' },
  { name: 'withdrawn prefix of 33 bits', bytes: framed(2, '0001 21 0000'), answer: '3/10 ' },
  { name: 'unknown well-known attribute', bytes: update(`${mandatory} 40 63 01 aa`), answer: '3/2 406301aa' },
  { name: 'MP_REACH twice', bytes: update(`${'80 0e 05 0001 80 00 00'.repeat(2)}`), answer: '3/1 ' },
  {
    name: 'MP_REACH with a next hop of 5 octets',
    bytes: update('80 0e 0a 0002 01 05 0000000000 00'),
    answer: '3/9 800e0a000201050000000000' + '00',
  },
  {
    name: 'MP_REACH prefix of 129 bits',
    bytes: update(`80 0e 16 0002 01 10 ${'00'.repeat(16)} 00 81`),
    answer: `3/9 800e1600020110${'00'.repeat(17)}81`,
  },
  { name: 'MP_UNREACH cut off', bytes: update('80 0f 02 0002'), answer: '3/9 800f020002' },
  { name: 'malformed attribute without routes', bytes: update('40 01 02 0000', ''), answer: '3/1 ' },
  // RFC 2918, RFC 7313
  { name: 'short ROUTE-REFRESH', bytes: framed(5, '0001 00'), answer: '1/2 0016' },
];

describe('session resets', () => {
  it.each(resets)('$name', ({ bytes, answer }) => {
    const decoded = decodeMessage(bytes, initialContext);
    expect(
      decoded.ok ? 'accepted' : `${decoded.error.code}/${decoded.error.subcode} ${formatHex(decoded.error.data)}`,
    ).toBe(answer);
  });
});

it('says to which family the damage of a multiprotocol attribute is confined (RFC 7606 section 2)', () => {
  const familyOf = (attributes: string) => {
    const decoded = decodeMessage(update(attributes), initialContext);
    return decoded.ok ? 'accepted' : decoded.error.family;
  };
  expect(familyOf('80 0f 05 0002 01 81 00')).toEqual({ afi: 2, safi: 1 });
  expect(familyOf('80 0e 0a 0001 01 05 0000000000 00')).toEqual({ afi: 1, safi: 1 });
  expect(familyOf('80 0f 02 0002')).toBeUndefined();
});

const withdraw = 'treatAsWithdraw';
const discard = 'attributeDiscard';
/** The faults as `kind code`, RFC 7606 section 7 unless said otherwise. */
const faults: { name: string; attributes: string; faults: string[]; internal?: true }[] = [
  { name: 'none', attributes: mandatory, faults: [] },
  { name: 'ORIGIN of value 3', attributes: `40 01 01 03 ${asPath} ${nextHop}`, faults: [`${withdraw} 1`] },
  { name: 'ORIGIN of 2 octets', attributes: `40 01 02 0000 ${asPath} ${nextHop}`, faults: [`${withdraw} 1`] },
  { name: 'ORIGIN flagged optional', attributes: `c0 01 01 00 ${asPath} ${nextHop}`, faults: [`${withdraw} 1`] },
  {
    name: 'AS_PATH segment of type 5',
    attributes: `${origin} 40 02 06 0501 0000fde9 ${nextHop}`,
    faults: [`${withdraw} 2`],
  },
  {
    name: 'AS_PATH segment cut off',
    attributes: `${origin} 40 02 06 0202 0000fde9 ${nextHop}`,
    faults: [`${withdraw} 2`],
  },
  { name: 'AS_PATH segment without ASes', attributes: `${origin} 40 02 02 0200 ${nextHop}`, faults: [`${withdraw} 2`] },
  {
    name: 'AS_PATH with one octet left',
    attributes: `${origin} 40 02 07 0201 0000fde9 02 ${nextHop}`,
    faults: [`${withdraw} 2`],
  },
  {
    name: 'AS 0 in AS_PATH (RFC 7607)',
    attributes: `${origin} 40 02 06 0201 00000000 ${nextHop}`,
    faults: [`${withdraw} 2`],
  },
  { name: 'NEXT_HOP of 3 octets', attributes: `${origin} ${asPath} 40 03 03 0a0000`, faults: [`${withdraw} 3`] },
  { name: 'no ORIGIN', attributes: asPath + nextHop, faults: [`${withdraw} 1`] },
  { name: 'no AS_PATH', attributes: origin + nextHop, faults: [`${withdraw} 2`] },
  { name: 'no NEXT_HOP', attributes: origin + asPath, faults: [`${withdraw} 3`] },
  { name: 'MED of 3 octets', attributes: `${mandatory} 80 04 03 000000`, faults: [`${withdraw} 4`] },
  { name: 'LOCAL_PREF from outside', attributes: `${mandatory} 40 05 04 00000064`, faults: [`${discard} 5`] },
  {
    name: 'LOCAL_PREF of 3 octets from inside',
    attributes: `${mandatory} 40 05 03 000000`,
    faults: [`${withdraw} 5`],
    internal: true,
  },
  { name: 'ATOMIC_AGGREGATE of 1 octet', attributes: `${mandatory} 40 06 01 00`, faults: [`${discard} 6`] },
  { name: 'AGGREGATOR of 6 octets', attributes: `${mandatory} c0 07 06 fde90a000001`, faults: [`${discard} 7`] },
  { name: 'COMMUNITIES of 0 octets', attributes: `${mandatory} c0 08 00`, faults: [`${withdraw} 8`] },
  { name: 'COMMUNITIES of 5 octets', attributes: `${mandatory} c0 08 05 0000000000`, faults: [`${withdraw} 8`] },
  { name: 'ORIGINATOR_ID from outside', attributes: `${mandatory} 80 09 04 0a000001`, faults: [`${discard} 9`] },
  {
    name: 'CLUSTER_LIST of 3 octets from inside',
    attributes: `${mandatory} 80 0a 03 000000`,
    faults: [`${withdraw} 10`],
    internal: true,
  },
  {
    name: 'EXTENDED COMMUNITIES of 4 octets',
    attributes: `${mandatory} c0 10 04 00000000`,
    faults: [`${withdraw} 16`],
  },
  {
    name: 'AS4_PATH from a four-octet peer (RFC 6793)',
    attributes: `${mandatory} c0 11 06 0201 0000fde9`,
    faults: [`${discard} 17`],
  },
  { name: 'LARGE COMMUNITIES of 4 octets', attributes: `${mandatory} c0 20 04 00000000`, faults: [`${withdraw} 32`] },
  { name: 'ORIGIN twice (section 3 g)', attributes: `${mandatory} 40 01 01 02`, faults: [`${discard} 1`] },
  {
    name: 'an attribute past the list (section 4)',
    attributes: `${mandatory} 80 04 05 00000000`,
    faults: [`${withdraw} 4`],
  },
  { name: 'two octets after the list (section 4)', attributes: `${mandatory} 80 04`, faults: [`${withdraw} 0`] },
  { name: 'unknown optional attribute', attributes: `${mandatory} 80 63 01 aa`, faults: [] },
];

describe('attribute faults', () => {
  it.each(faults)('$name', ({ attributes, faults: expected, internal: inside }) => {
    const decoded = decodeMessage(update(attributes), inside ? internal : initialContext);
    expect(
      decoded.ok ? decoded.faults.map((fault) => `${fault.kind} ${fault.attribute}`) : decoded.error.message,
    ).toEqual(expected);
  });
});
