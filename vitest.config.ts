import { defineConfig } from 'vitest/config';

/** Tests of a project share their modules from file to file: importing them anew for each costs more than most files' tests do. */
const project = (name: string, testTimeout: number, group = 0) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    isolate: false,
    // three, on two cores: many tests wait for processes that they started. Tests of the whole system judge how old a status is: two
    maxWorkers: group === 0 ? 3 : 2,
    sequence: { groupOrder: group },
  },
});

/** Binaries of etcd and kube-apiserver, where somebody has them: `npm run contract`. */
const assets = process.env['KUBEBUILDER_ASSETS'] ?? '';
if (assets === '' && process.env['npm_lifecycle_event'] === 'test')
  process.stderr.write('KUBEBUILDER_ASSETS is not set: nothing is tested against a real control plane (docs/e2e.md)\n');

export default defineConfig({
  test: {
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    projects: [
      project('unit', 10_000),
      project('compat', 10_000),
      project('integration', 60_000),
      project('simulation', 120_000),
      // last, by themselves: each of them is processes of its own, at a speed of its own
      project('system', 300_000, 1),
      ...(assets === '' ? [] : [project('real', 240_000, 2)]),
    ],
  },
});
