import { describe, expect, it } from 'vitest';
import { coreCases } from './cases/core-cases.ts';
import { describeChecks } from './check-cases.ts';
import { CheckWorld } from './check-world.ts';

describeChecks(coreCases);

describe('checks whose add-on is missing', () => {
  it.each([
    ['obs.metrics-api', 'CAPABILITY_ABSENT', 'no metrics-api: the API does not serve metrics.k8s.io'],
    ['node.gpu-job', 'CAPABILITY_ABSENT', 'no gpu: no node has nvidia.com/gpu'],
    ['security.authz-matrix', 'CONFIG_MISSING', 'e2e_authz_table names no ConfigMap'],
    ['api.controlplane-pods', 'PROVIDER_UNSUPPORTED', 'the control plane is managed'],
    ['storage.statefulset-multizone', 'CAPABILITY_ABSENT', 'there is no default StorageClass'],
  ])('%s is skipped with %s', async (check, skipCode, message) => {
    const world = await CheckWorld.create();
    const result = (await world.run({ profile: 'full', only: [check] }))[check];
    expect(result).toMatchObject({ outcome: 'skipped', skipCode });
    expect(result?.message).toContain(message);
  });

  it('fail where the registry declares it', async () => {
    const world = await CheckWorld.create();
    world.cluster.configItems['e2e_expects'] = 'metrics-api, storage';
    for (const check of ['obs.metrics-api', 'storage.statefulset-multizone']) {
      const result = (await world.run({ profile: 'full', only: [check] }))[check];
      expect(result).toMatchObject({ outcome: 'fail' });
      expect(result?.message).toMatch(/the registry declares (metrics-api|storage) for this cluster/);
    }
  });
});
