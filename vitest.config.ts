import { defineConfig } from 'vitest/config';

/**
 * Suites that need root share the machine (processors, memory, kernel tables), so they run one after another, and so do
 * their files.
 */
function serial(name: string, groupOrder: number) {
  return {
    test: {
      name,
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
