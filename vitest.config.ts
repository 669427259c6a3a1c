import { defineConfig } from 'vitest/config';
import { Sequencer } from './test/support/sequencer.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/priority.ts'],
    sequence: { sequencer: Sequencer },
    // Two files that compute, and two of real networks, which mostly wait and go first when they want to run (test/support/schedule.ts).
    maxWorkers: 4,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
