import { defineConfig } from 'vitest/config';

/** Suites that need root share kernel-wide resources (processes, memory), so their files run one after another. */
const oneAtATime = { fileParallelism: false, pool: 'forks' as const, testTimeout: 60_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['libs/**/*.test.ts', 'apps/**/*.test.ts', 'scripts/**/*.test.ts'] } },
      { test: { name: 'kernel', include: ['test/kernel/**/*.test.ts'], ...oneAtATime } },
      { test: { name: 'database', include: ['test/database/**/*.test.ts'], ...oneAtATime } },
      { test: { name: 'peers', include: ['test/peers/**/*.test.ts'], ...oneAtATime } },
      { test: { name: 'lab', include: ['test/lab/**/*.test.ts'], ...oneAtATime } },
    ],
  },
});
