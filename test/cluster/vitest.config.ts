import { defineConfig } from 'vitest/config';

/** Apart from `npm test`: these tests stand on programs that take minutes to build. */
export default defineConfig({
  test: {
    include: ['test/cluster/**/*.test.ts'],
    fileParallelism: false,
    pool: 'forks',
    testTimeout: 300_000,
    // A cold build happens inside the first hook.
    hookTimeout: 45 * 60_000,
  },
});
