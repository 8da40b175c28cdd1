import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { endDescendants } from './test/support/descendants.ts';

// At a signal vitest's process ends at once, and then its watchdog kills the workers: it is to wait until they have undone what they made.
process.once('exit', () => endDescendants('vitest-watchdog'));

/** Our own programs are started hundreds of times: Node.js keeps what it compiled of them, which halves each start. */
const env = { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/node', import.meta.url)) };

/**
 * Suites that need root, two files at once: they wait more than they compute, and each has network namespaces, folders and
 * servers of its own. Not more, or what runs beside takes the processors for longer than a session or a probe waits.
 */
function system(name: string) {
  return {
    test: {
      name,
      env,
      include: [`test/${name}/**/*.test.ts`],
      maxWorkers: 2,
      pool: 'forks' as const,
      testTimeout: 60_000,
      hookTimeout: 120_000,
      sequence: { groupOrder: 1 },
    },
  };
}

export default defineConfig({
  test: {
    reporters: ['default', './scripts/summary-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          env,
          include: ['libs/**/*.test.ts', 'apps/**/*.test.ts', 'operator/**/*.test.ts', 'scripts/**/*.test.ts'],
          // Files of one processor share what they import: loading it for each took longer than the tests. None keeps a state.
          isolate: false,
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      ...['kernel', 'database', 'peers', 'lab'].map(system),
    ],
  },
});
