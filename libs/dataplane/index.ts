export { createDataplane, type Dataplane, type DataplaneOptions, type Pool } from './dataplane.ts';
export { type DataplaneProblem, formatProblem } from './state/problems.ts';
