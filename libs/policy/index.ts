export { createCompiler } from './compiler.ts';
export type * from './model.ts';
export type * from './updates.ts';
