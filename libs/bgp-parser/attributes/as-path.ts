import { concat, readU16, readU32, u16, u32s } from '../bytes.ts';
import { asTrans, segmentTypes } from '../iana.ts';
import { twoOctetAs } from '../two-octet-as.ts';
import {
  type Aggregator,
  type AsPath,
  type AsPathSegment,
  bad,
  type DecodedValue,
  good,
  type PathAttributes,
} from './value.ts';

const typeNames: Readonly<Record<number, AsPathSegment['type']>> = {
  [segmentTypes.set]: 'set',
  [segmentTypes.sequence]: 'sequence',
  [segmentTypes.confedSequence]: 'confedSequence',
  [segmentTypes.confedSet]: 'confedSet',
};

const typeCodes: Readonly<Record<AsPathSegment['type'], number>> = segmentTypes;

/** Segments as AS_PATH and AS4_PATH carry them: malformed as RFC 7606 section 7.2 lists, or AS 0 (RFC 7607). */
export function decodeAsPath(value: Uint8Array, width: 2 | 4): DecodedValue<AsPath> {
  const path: AsPathSegment[] = [];
  let at = 0;
  while (at < value.length) {
    if (value.length - at < 2) return bad('one octet is left after the last segment');
    const type = typeNames[value[at]];
    const count = value[at + 1];
    if (!type) return bad(`segment type ${value[at]} is unknown`);
    if (count === 0) return bad('a segment has no AS numbers');
    at += 2;
    if (value.length - at < count * width) return bad(`a segment of ${count} AS numbers is cut off`);
    const asNumbers: number[] = [];
    for (let i = 0; i < count; i++) {
      const asNumber = width === 2 ? readU16(value, at) : readU32(value, at);
      if (asNumber === 0) return bad('AS number 0 (RFC 7607)');
      asNumbers.push(asNumber);
      at += width;
    }
    path.push({ type, asNumbers });
  }
  return good(path);
}

export function encodeAsPath(path: AsPath, width: 2 | 4): Uint8Array {
  return concat(
    path.flatMap((segment) => [
      Uint8Array.of(typeCodes[segment.type], segment.asNumbers.length),
      width === 4 ? u32s(segment.asNumbers) : concat(segment.asNumbers.map((as) => u16(twoOctetAs(as)))),
    ]),
  );
}

/** Whether the segment has a meaning inside a confederation only (RFC 5065 section 3). */
export function inConfederation({ type }: AsPathSegment): boolean {
  return type === 'confedSequence' || type === 'confedSet';
}

/** RFC 4271 section 9.1.2.2 a: a set counts as one; confederation segments do not count (RFC 5065 section 5.3). */
export function asPathLength(path: AsPath): number {
  let length = 0;
  for (const segment of path) {
    if (segment.type === 'sequence') length += segment.asNumbers.length;
    else if (segment.type === 'set') length += 1;
  }
  return length;
}

/** The path with `asNumber` put in front `times` times (RFC 4271 section 5.1.2 b). */
export function prependAs(path: AsPath, asNumber: number, times = 1): AsPath {
  const added = new Array<number>(times).fill(asNumber);
  const first = path[0];
  if (first?.type === 'sequence' && first.asNumbers.length + times <= 255) {
    return [{ type: 'sequence', asNumbers: [...added, ...first.asNumbers] }, ...path.slice(1)];
  }
  return [{ type: 'sequence', asNumbers: added }, ...path];
}

/** How often the AS number stands in the path, sets and confederation segments included. */
export function countInPath(path: AsPath, asNumber: number): number {
  let count = 0;
  for (const segment of path) for (const as of segment.asNumbers) if (as === asNumber) count++;
  return count;
}

/** As routers print it: `65001 65002 {65010 65011}`, confederation segments in parentheses or brackets. */
export function formatAsPath(path: AsPath): string {
  const brackets = { sequence: ['', ''], set: ['{', '}'], confedSequence: ['(', ')'], confedSet: ['[', ']'] } as const;
  return path.map(({ type, asNumbers }) => `${brackets[type][0]}${asNumbers.join(' ')}${brackets[type][1]}`).join(' ');
}

/**
 * What a two-octet peer sent, with AS4_PATH and AS4_AGGREGATOR put where they belong (RFC 6793 section 4.2.3); neither
 * remains in the result.
 */
export function mergeAs4(attributes: PathAttributes): PathAttributes {
  const { as4Path, as4Aggregator, ...rest } = attributes;
  if (rest.aggregator && rest.aggregator.asNumber !== asTrans) return rest;
  const aggregator: Aggregator | undefined = rest.aggregator && (as4Aggregator ?? rest.aggregator);
  const merged = aggregator ? { ...rest, aggregator } : rest;
  if (!as4Path || !rest.asPath) return merged;
  const tail = as4Path.filter((segment) => !inConfederation(segment));
  const missing = asPathLength(rest.asPath) - asPathLength(tail);
  if (missing < 0) return merged;
  return { ...merged, asPath: [...leading(rest.asPath, missing), ...tail] };
}

/** The first `length` hops of a path. */
function leading(path: AsPath, length: number): AsPath {
  const kept: AsPathSegment[] = [];
  let left = length;
  for (const segment of path) {
    if (left <= 0) break;
    if (segment.type === 'sequence') {
      kept.push({ type: 'sequence', asNumbers: segment.asNumbers.slice(0, left) });
      left -= segment.asNumbers.length;
    } else {
      kept.push(segment);
      if (segment.type === 'set') left -= 1;
    }
  }
  return kept;
}

/** What to send to a two-octet peer: AS4_PATH and AS4_AGGREGATOR beside the short forms when those lose something. */
export function splitAs4(attributes: PathAttributes): PathAttributes {
  const needsPath = attributes.asPath?.some((segment) => segment.asNumbers.some((as) => as > 0xffff));
  const needsAggregator = attributes.aggregator !== undefined && attributes.aggregator.asNumber > 0xffff;
  return {
    ...attributes,
    ...(needsPath && {
      as4Path: attributes.asPath?.filter((segment) => !inConfederation(segment)),
    }),
    ...(needsAggregator && { as4Aggregator: attributes.aggregator }),
  };
}
