import type { Family } from '@caracal/net';
import { createSetLine } from 'iptables-wrapper';
import type { DesiredSet, SetChanges } from '../state/desired-sets.ts';

/** Above this many changes a set is built anew beside the old one and swapped in. */
const swapAbove = 1000;

/** Room for a million members; a larger set gets the power of two that is at least twice its size. */
const usualMaxElements = 2 ** 20;

/** A line for ipset and the set that it is for. */
export interface SetLine {
  readonly set: string;
  readonly line: string;
  /** What it comes to, when the set is in the kernel already. */
  readonly change?: { readonly member: string; readonly present: boolean };
}

function maxElementsFor(members: number): number {
  return members * 1.25 <= usualMaxElements ? usualMaxElements : 2 ** Math.ceil(Math.log2(members * 2));
}

/**
 * The lines that make a set what it should be. `kernelMaxElements` is what the set in the kernel has room for, undefined
 * when there is no such set; the changes are the members in which that one differs.
 */
export function setLines(
  set: DesiredSet,
  { members: changes, isNew }: SetChanges,
  kernelMaxElements: number | undefined,
  family: Family = 4,
): { readonly lines: readonly SetLine[]; readonly maxElements: number } {
  const lines: SetLine[] = [];
  const add = (line: string) => lines.push({ set: set.name, line });
  const change = (command: 'add' | 'del', member: string) =>
    lines.push({
      set: set.name,
      line: `${command} ${set.name} ${member}`,
      change: { member, present: command === 'add' },
    });
  const fits = kernelMaxElements !== undefined && set.members.size <= kernelMaxElements;
  if (fits && !isNew && changes.size <= swapAbove) {
    // Deletions first, so that a full set has room.
    for (const [member, present] of changes) if (!present) change('del', member);
    for (const [member, present] of changes) if (present) change('add', member);
    return { lines, maxElements: kernelMaxElements };
  }
  const maxElements = maxElementsFor(set.members.size);
  const target = kernelMaxElements === undefined ? set.name : set.temporaryName;
  if (target === set.temporaryName) add(`destroy ${target}`);
  add(createSetLine(target, set.type, family, maxElements));
  for (const member of set.members) add(`add ${target} ${member}`);
  if (target === set.temporaryName) {
    add(`swap ${target} ${set.name}`);
    add(`destroy ${target}`);
  }
  return { lines, maxElements };
}
