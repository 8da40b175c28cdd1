export { createCompiler } from './compiler.ts';
export { evaluate, explain } from './evaluator/evaluate.ts';
export { formatExplanation } from './evaluator/format.ts';
export type * from './evaluator/types.ts';
export type * from './model.ts';
export { noChange } from './no-change.ts';
export { podOfResource } from './pod-resource.ts';
export { selectsLabels } from './selectors/selects-labels.ts';
export type * from './updates.ts';
