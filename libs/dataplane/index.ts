export { createDataplane, type Dataplane, type DataplaneOptions, type Pool } from './dataplane.ts';
export { removeDataplane } from './remove.ts';
export type { HostPort } from './render/host-ports.ts';
export { type DataplaneProblem, formatProblem } from './state/problems.ts';
