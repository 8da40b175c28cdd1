import type { NodeTopology } from './topology.ts';
export async function installCni(_node: NodeTopology): Promise<void> {}
