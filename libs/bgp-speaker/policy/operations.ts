import {
  formatCommunity,
  origins,
  type PathAttributes,
  parseCommunity,
  parseExtendedCommunity,
  parseLargeCommunity,
  prependAs,
} from 'bgp-parser';
import type { FilterOperation } from '../config.ts';

const originNumbers = { IGP: origins.igp, EGP: origins.egp, Incomplete: origins.incomplete } as const;

type Communities = Pick<PathAttributes, 'communities' | 'largeCommunities' | 'extendedCommunities'>;

/** The attributes as the operations of a filter's rule leave them, one after the other. */
export function applyOperations(before: PathAttributes, operations: readonly FilterOperation[]): PathAttributes {
  let attributes = before;
  for (const operation of operations) attributes = { ...attributes, ...changed(attributes, operation) };
  return attributes;
}

function changed(attributes: PathAttributes, operation: FilterOperation): Partial<PathAttributes> {
  const { addCommunity, removeCommunity, setCommunities, prependASPath, setOrigin, setMED, setLocalPref } = operation;
  if (addCommunity) return add(attributes, addCommunity.value);
  if (removeCommunity) return remove(attributes, removeCommunity.value);
  if (setCommunities) {
    const held: Communities = { communities: undefined, largeCommunities: undefined, extendedCommunities: undefined };
    for (const value of setCommunities.values) Object.assign(held, add(held, value));
    return held;
  }
  if (prependASPath) {
    const prefix = [...prependASPath.prefix].reverse();
    return { asPath: prefix.reduce((path, asNumber) => prependAs(path, asNumber), attributes.asPath ?? []) };
  }
  if (setOrigin) return { origin: originNumbers[setOrigin] };
  if (setMED !== undefined) return { med: setMED };
  if (setLocalPref !== undefined) return { localPref: setLocalPref };
  return {};
}

function add(held: Communities, text: string): Communities {
  const short = parseCommunity(text);
  if (short !== undefined) return { communities: [...new Set([...(held.communities ?? []), short])] };
  const large = parseLargeCommunity(text);
  if (large) {
    const others = (held.largeCommunities ?? []).filter((one) => one.join(':') !== large.join(':'));
    return { largeCommunities: [...others, large] };
  }
  const extended = parseExtendedCommunity(text);
  if (extended === undefined) return {};
  return { extendedCommunities: [...new Set([...(held.extendedCommunities ?? []), extended])] };
}

function remove(held: Communities, text: string): Communities {
  const short = parseCommunity(text);
  const extended = parseExtendedCommunity(text);
  return {
    communities: filled((held.communities ?? []).filter((one) => one !== short && formatCommunity(one) !== text)),
    largeCommunities: filled((held.largeCommunities ?? []).filter((one) => one.join(':') !== text)),
    extendedCommunities: filled((held.extendedCommunities ?? []).filter((one) => one !== extended)),
  };
}

/** An attribute without communities is none. */
function filled<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length > 0 ? list : undefined;
}
