export { createCompiler } from './compiler.ts';
export type * from './model.ts';
export { selectsLabels } from './selectors/selects-labels.ts';
export type * from './updates.ts';
