import { type Address, formatAddress, formatPrefix, type Prefix } from '@caracal/net';
import { dumpedNextHop, formatAsPath, formatAttributes, formatMessage, type MrtRecord } from 'bgp-parser';
import type { DecodedItem } from './decode-stream.ts';

/** One thing as a router's debug prints it: a head line, and its parts below. */
export function printItem(item: DecodedItem): string {
  const time = item.time === undefined ? '' : `${new Date(1000 * item.time).toISOString()} `;
  const ends = item.from === undefined ? '' : `${item.from} > ${item.to} `;
  const { title, lines } = textOf(item);
  const width = Math.max(0, ...lines.map(({ name }) => name.length));
  const below = lines.map(({ name, text }) => `    ${name.padEnd(width)}  ${text}`.trimEnd());
  return [`${time}${ends}${title}`, ...below].join('\n');
}

interface Text {
  readonly title: string;
  readonly lines: readonly { readonly name: string; readonly text: string }[];
}

function textOf({ content }: DecodedItem): Text {
  switch (content.kind) {
    case 'message': {
      const { title, lines } = formatMessage(content.message);
      const reactions = { treatAsWithdraw: 'treat as withdraw', attributeDiscard: 'attribute discard' };
      const faults = content.faults.map(({ kind, message }) => ({
        name: '!',
        text: `${message} (${reactions[kind]})`,
      }));
      return { title, lines: [...lines, ...faults] };
    }
    case 'error': {
      const { code, subcode, message } = content.error;
      return {
        title: `malformed message: ${message}`,
        lines: [{ name: '!', text: `session reset, NOTIFICATION ${code}/${subcode}` }],
      };
    }
    case 'problem':
      return { title: content.message, lines: [] };
    case 'record':
      return textOfRecord(content.record);
  }
}

/** RFC 6396 section 4.4.1: the states of RFC 4271 from 1 on. */
const states = ['', 'Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'];
const stateName = (state: number) => states[state] || String(state);

function textOfRecord(record: MrtRecord): Text {
  switch (record.type) {
    case 'stateChange':
      return { title: `state ${stateName(record.oldState)} to ${stateName(record.newState)}`, lines: [] };
    case 'peerIndexTable': {
      const lines = record.peers.map((peer, index) => ({
        name: `peer ${index}`,
        text: `${formatAddress(peer.address)} AS ${peer.asNumber}`,
      }));
      return { title: `PEER INDEX TABLE ${record.viewName}`.trimEnd(), lines };
    }
    case 'rib': {
      const lines = record.entries.flatMap((entry) => {
        const hop = dumpedNextHop(entry.attributes);
        const path = formatAsPath(entry.attributes.asPath ?? []) || '(empty path)';
        const pathId = entry.pathId === undefined ? '' : ` [${entry.pathId}]`;
        const rest = formatAttributes(entry.attributes).filter(
          ({ name }) => !['asPath', 'nextHop', 'mpReach'].includes(name),
        );
        return [
          { name: `peer ${entry.peerIndex}${pathId}`, text: `via ${hop ? formatAddress(hop) : '-'}, ${path}` },
          ...rest.map(({ name, text }) => ({ name: `  ${name}`, text })),
        ];
      });
      return { title: `RIB ${formatPrefix(record.prefix)}`, lines };
    }
    case 'message':
      return { title: `message of ${record.message.length} octets`, lines: [] };
    case 'other':
      return { title: `record type ${record.code}/${record.subtype}, ${record.body.length} octets`, lines: [] };
  }
}

/** One thing as JSON on one line: addresses and prefixes as text, octets in hexadecimal, 64-bit numbers as digits. */
export function jsonItem(item: DecodedItem): string {
  const plain = (value: unknown): unknown => {
    if (typeof value === 'bigint') return value.toString();
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== 'object' || value === null) return value;
    // By their fields: there are no other values with these.
    if ('family' in value && 'bytes' in value) return formatAddress(value as Address);
    if ('address' in value && 'length' in value) return formatPrefix(value as Prefix);
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
  };
  return JSON.stringify(plain(item));
}
