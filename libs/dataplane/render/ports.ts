import type { PortRange } from '@caracal/policy';

/** What multiport takes in one rule; a range takes two places. */
const multiportPlaces = 15;

/** Texts of ranges for iptables (`80`, `8000:8080`), in groups that one multiport match takes. */
export function portGroups(ranges: readonly PortRange[]): string[] {
  const groups: string[] = [];
  let current: string[] = [];
  let places = 0;
  for (const range of ranges) {
    const needs = range.first === range.last ? 1 : 2;
    if (places + needs > multiportPlaces) {
      groups.push(current.join(','));
      current = [];
      places = 0;
    }
    current.push(range.first === range.last ? `${range.first}` : `${range.first}:${range.last}`);
    places += needs;
  }
  if (current.length > 0) groups.push(current.join(','));
  return groups;
}

/** Whether these ranges take every port. */
export function coversAllPorts(ranges: readonly PortRange[]): boolean {
  return ranges.some((range) => range.first <= 0 && range.last >= 65535);
}

/** The first range that is none, or undefined. */
export function wrongRange(ranges: readonly PortRange[]): PortRange | undefined {
  const isPort = (port: number) => Number.isInteger(port) && port >= 0 && port <= 65535;
  return ranges.find(({ first, last }) => !isPort(first) || !isPort(last) || first > last);
}
