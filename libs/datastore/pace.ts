/** How long changes are gathered, in milliseconds. */
export interface Gathering {
  readonly least: number;
  readonly most: number;
}

/** Above this share of its time a process that tells others of changes has little left for anything else. */
const busy = 0.5;

/**
 * How long to gather changes after the last ones were told, by how long they were gathered before and the share of the time
 * since then in which the process was busy (0 to 1, as `eventLoopUtilization` has it). Every reader costs a write for each
 * telling, so a hub of many readers tells more at a time and less often, and one of few soon.
 */
export function nextPause(before: number, utilization: number, { least, most }: Gathering): number {
  return Math.min(most, Math.max(least, before * (utilization > busy ? 1.5 : 0.75)));
}
