import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Our own programs are started hundreds of times: Node.js keeps what it compiled of them, which halves each start. */
const env = { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/node', import.meta.url)) };

/**
 * Suites that need root share the machine (processors, memory, kernel tables), so they run one after another, and so do
 * their files.
 */
function serial(name: string, groupOrder: number) {
  return {
    test: {
      name,
      env,
      include: [`test/${name}/**/*.test.ts`],
      fileParallelism: false,
      pool: 'forks' as const,
      testTimeout: 60_000,
      hookTimeout: 120_000,
      sequence: { groupOrder },
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
          sequence: { groupOrder: 0 },
        },
      },
      serial('kernel', 1),
      serial('database', 2),
      serial('peers', 3),
      serial('lab', 4),
    ],
  },
});
