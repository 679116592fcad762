import { describe, expect, it } from 'vitest';
import { judgeUpgrade, type UpgradeInput } from '../../../../src/planning/kubernetes/judge-upgrade.ts';
import { removedInManifests, removedInUse } from '../../../../src/planning/kubernetes/removed-apis.ts';
import { type KubernetesVersion, parseKubernetesVersion } from '../../../../src/planning/kubernetes/version.ts';

const input = (more: Partial<UpgradeInput>): UpgradeInput => ({
  cluster: 'shop',
  target: 'v1.34.3',
  poolTargets: {},
  controlPlane: ['v1.33.5', 'v1.33.5', 'v1.33.5'],
  kubelets: { 'node-1': 'v1.33.5' },
  removed: { manifests: [], inUse: [] },
  ...more,
});
const codes = (more: Partial<UpgradeInput>): string[] => judgeUpgrade(input(more)).map((refusal) => refusal.code);
const version = (text: string): KubernetesVersion => parseKubernetesVersion(text) as KubernetesVersion;

describe('the next version of Kubernetes', () => {
  it.each([
    ['the next minor', {}, []],
    ['a patch', { target: 'v1.33.9' }, []],
    ['an older patch', { target: 'v1.33.1' }, []],
    ['nothing', { target: 'v1.33.5' }, []],
    ['two minors at once', { target: 'v1.35.0' }, ['kubernetes-minor-skipped']],
    ['a minor back', { target: 'v1.32.9' }, ['kubernetes-downgrade', 'kubernetes-skew']],
    ['no version at all', { target: 'latest' }, ['kubernetes-version-invalid']],
    ['the next minor of EKS', { controlPlane: ['v1.33.5-eks-1a2b3c'] }, []],
    ['another major', { target: 'v2.0.0' }, ['kubernetes-minor-skipped', 'kubernetes-skew']],
  ])('%s', (_, more, expected) => {
    expect(codes(more)).toEqual(expected);
  });

  it('goes on with an upgrade that a restart interrupted, and neither back nor past it', () => {
    const controlPlane = ['v1.34.3', 'v1.33.5', 'v1.33.5'];
    expect(codes({ controlPlane })).toEqual([]);
    expect(codes({ controlPlane, target: 'v1.35.0' })).toEqual(['kubernetes-upgrade-unfinished']);
    expect(codes({ controlPlane, target: 'v1.33.5' })).toEqual(['kubernetes-downgrade']);
  });

  it('keeps kubelets within three minors below the API servers, and never above', () => {
    expect(codes({ kubelets: { a: 'v1.31.0' } })).toEqual([]);
    expect(codes({ kubelets: { a: 'v1.30.9' } })).toEqual(['kubernetes-skew']);
    expect(codes({ kubelets: { a: 'v1.35.0' } })).toEqual(['kubernetes-skew']);
  });

  it('keeps pools that name a version of their own within the same skew', () => {
    expect(codes({ poolTargets: { old: 'v1.31.4' } })).toEqual([]);
    expect(codes({ poolTargets: { old: 'v1.30.4' } })).toEqual(['kubernetes-skew']);
    expect(codes({ poolTargets: { eager: 'v1.35.0' } })).toEqual(['kubernetes-skew']);
    expect(codes({ poolTargets: { odd: 'new' } })).toEqual(['kubernetes-version-invalid']);
  });

  it('names cluster, versions and remedy', () => {
    expect(judgeUpgrade(input({ target: 'v1.35.0', kubelets: { 'node-1': 'v1.30.1', 'node-2': 'v1.30.1' } }))).toEqual([
      {
        code: 'kubernetes-minor-skipped',
        message: 'shop runs Kubernetes 1.33, and the configuration wants v1.35.0',
        remedy: 'one minor at a time: write kubernetes_version v1.34.x, and v1.35 when it runs',
      },
      {
        code: 'kubernetes-skew',
        message: 'shop: the kubelet of node-1 and 1 more runs 1.30, the control plane is to run 1.35',
        remedy: 'replace these nodes first; API servers up to 1.33 stand them',
      },
    ]);
  });
});

describe('removed APIs', () => {
  const budget = { apiVersion: 'policy/v1beta1', kind: 'PodDisruptionBudget', metadata: { name: 'a', namespace: 'b' } };

  it('are found in manifests from the version on that has them no more', () => {
    expect(removedInManifests([budget], version('1.24'))).toEqual([]);
    expect(removedInManifests([budget], version('1.25'))).toEqual([
      { what: 'PodDisruptionBudget b/a (policy/v1beta1)', removedIn: '1.25', instead: 'policy/v1' },
    ]);
    expect(removedInManifests([{ ...budget, apiVersion: 'policy/v1' }], version('1.34'))).toEqual([]);
    expect(removedInManifests([{ ...budget, kind: 'Eviction' }], version('1.34'))).toEqual([]);
  });

  it('are found in what clients have asked the API server for', () => {
    const metrics = `# TYPE apiserver_requested_deprecated_apis gauge
apiserver_requested_deprecated_apis{group="flowcontrol.apiserver.k8s.io",removed_release="1.32",resource="flowschemas",subresource="",version="v1beta3"} 1
apiserver_requested_deprecated_apis{group="flowcontrol.apiserver.k8s.io",removed_release="1.32",resource="flowschemas",subresource="status",version="v1beta3"} 1
apiserver_requested_deprecated_apis{group="",removed_release="",resource="componentstatuses",subresource="",version="v1"} 1
apiserver_requested_deprecated_apis{group="x.io",removed_release="1.40",resource="later",subresource="",version="v1"} 1
apiserver_requested_deprecated_apis{group="x.io",removed_release="1.30",resource="never",subresource="",version="v1"} 0
`;
    expect(removedInUse(metrics, version('1.31')).map((use) => use.what)).toEqual([]);
    expect(removedInUse(metrics, version('1.32'))).toEqual([
      { what: 'flowschemas.v1beta3.flowcontrol.apiserver.k8s.io', removedIn: '1.32' },
    ]);
  });

  it('refuse the version that has them no more, each with what is to be done', () => {
    const manifests = [
      { what: 'Ingress a/b (extensions/v1beta1)', removedIn: '1.22', instead: 'networking.k8s.io/v1' },
    ];
    const inUse = [{ what: 'flowschemas.v1beta3.flowcontrol.apiserver.k8s.io', removedIn: '1.32' }];
    const refusals = judgeUpgrade(input({ removed: { manifests, inUse } }));
    expect(refusals.map((one) => one.code)).toEqual(['removed-api', 'removed-api-in-use']);
    expect(refusals[0]?.message).toContain('Ingress a/b (extensions/v1beta1), gone in 1.22, now networking.k8s.io/v1');
    expect(refusals[1]?.remedy).toContain('kubernetes_removed_apis_accepted');
  });
});
