import type { Direction } from '@caracal/policy';
import { dispatchChain, endpointChain } from './names.ts';

/** A node of the tree, as far as its chain shows it. */
export interface DispatchNode {
  /** What all interface names at and below this node begin with. */
  readonly prefix: string;
  /** The interfaces that the node names itself, the last that came first. */
  readonly interfaces: readonly string[];
  /** The prefixes of the nodes below, the last that came first. */
  readonly children: readonly string[];
}

/** The chain of a node: every name once, and what is unknown falls. */
export function renderDispatchNode(direction: Direction, node: DispatchNode): readonly string[] {
  const match = direction === 'egress' ? '-i' : '-o';
  return [
    ...node.interfaces.map((name) => `${match} ${name} -g ${endpointChain(direction, name)}`),
    ...node.children.map((prefix) => `${match} ${prefix}+ -g ${dispatchChain(direction, prefix)}`),
    '-j DROP',
  ];
}
