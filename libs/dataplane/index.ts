export type { DirectSets } from './apply/direct-sets.ts';
export { createDataplane, type Dataplane, type DataplaneOptions } from './dataplane.ts';
export type { Pool } from './family-dataplane.ts';
export { removeDataplane } from './remove.ts';
export type { HostPort } from './render/host-ports.ts';
export { type DataplaneProblem, formatProblem } from './state/problems.ts';
