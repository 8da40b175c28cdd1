/** What the choice of a pool looks at; the fields of an IPPool's spec, with the node selector evaluated by the caller. */
export interface PoolCandidate {
  readonly name: string;
  readonly disabled: boolean;
  readonly assignmentMode: 'Automatic' | 'Manual';
  readonly allowedUses: readonly string[];
  readonly selectsNode: boolean;
}

/** The pools that a pod without wishes may get an address from, in the order in which they are tried: by name. */
export function poolsForWorkload(pools: readonly PoolCandidate[]): string[] {
  return pools
    .filter((pool) => !pool.disabled && pool.assignmentMode === 'Automatic' && pool.selectsNode)
    .filter((pool) => pool.allowedUses.includes('Workload'))
    .map((pool) => pool.name)
    .sort();
}
