import { defineConfig } from 'vitest/config';

const project = (name: string, testTimeout: number, serial = false) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    ...(serial ? { fileParallelism: false } : {}),
  },
});

export default defineConfig({
  test: {
    maxWorkers: 2,
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    projects: [
      project('unit', 10_000),
      project('compat', 10_000),
      project('integration', 60_000),
      project('simulation', 120_000),
      project('system', 300_000, true),
    ],
  },
});
