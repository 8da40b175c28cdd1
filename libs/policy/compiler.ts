import type { Compiler } from './updates.ts';

/** A compiler that knows nothing yet. */
export function createCompiler(): Compiler {
  throw new Error('not written yet');
}
