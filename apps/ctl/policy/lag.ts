import type { NodeEntry } from '@caracal/protocol';

/** A node whose kernel does not hold the revision that verdicts were made for. */
export interface LaggingNode {
  readonly node: string;
  /** 0: nothing yet. */
  readonly enforcedRevision: number;
  readonly behind: number;
  readonly connected: boolean;
}

export function laggingNodes(nodes: readonly NodeEntry[], revision: bigint): LaggingNode[] {
  return nodes.flatMap(({ name, status, connected }) => {
    const held = status?.enforcedRevision ?? 0n;
    return held >= revision
      ? []
      : [{ node: name, enforcedRevision: Number(held), behind: Number(revision - held), connected }];
  });
}

const shown = 5;

/** Which revision a verdict is of, and who does not enforce it yet; lines without a newline at the end. */
export function lagLines(nodes: readonly NodeEntry[], revision: bigint): string[] {
  const lagging = laggingNodes(nodes, revision);
  if (lagging.length === 0) {
    return [
      nodes.length === 0
        ? `by revision ${revision}; no node has reported yet`
        : `by revision ${revision}, which every node enforces`,
    ];
  }
  const lines = lagging.slice(0, shown).map(({ node, enforcedRevision, behind, connected }) => {
    const held =
      enforcedRevision === 0 ? 'enforces nothing yet' : `still enforces ${enforcedRevision} (${behind} behind)`;
    return `  ${node} ${held}${connected ? '' : ', and is not connected'}`;
  });
  if (lagging.length > shown) lines.push(`  and ${lagging.length - shown} more nodes`);
  return [`by revision ${revision}, which not every node enforces:`, ...lines];
}
