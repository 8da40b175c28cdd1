export type { ParsedSelector, Selector } from './ast.ts';
export { formatSelector } from './format.ts';
export { parseSelector } from './parse.ts';
