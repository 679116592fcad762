import { describe, expect, it } from 'vitest';
import type { Cluster, NodePool } from '../../../src/domain/cluster.ts';
import { defaultEtcdSettings } from '../../../src/domain/etcd.ts';
import type { RenderedCluster, RenderedPool, RenderedStack } from '../../../src/domain/rendered.ts';
import { clusterFieldUse, poolFieldUse } from '../../../src/rendering/template-data.ts';
import {
  clusterDigest,
  clusterFields,
  componentFields,
  karpenterPoolDigest,
  karpenterPoolFields,
  poolDigest,
  poolFields,
  stackDigest,
  stackFields,
} from '../../../src/rendering/unit-digest.ts';
import { configMap, renderFiles } from '../../support/render-input.ts';

const stack: Required<Omit<RenderedStack, 'digest'>> = {
  name: 'a',
  kind: 'node-pool',
  pool: 'p',
  template: 't',
  shown: { template: 't' },
  templateFor: () => 't',
  parameters: { a: '1' },
  tags: { a: '1' },
  updatePolicy: 'x',
  selfRolling: {},
  groupSizes: {},
  etcd: defaultEtcdSettings,
  uploads: [],
};
const otherStack: typeof stack = {
  name: 'b',
  kind: 'extra',
  pool: 'q',
  template: 'u',
  shown: { template: 'u' },
  templateFor: () => 'u',
  parameters: { a: '2' },
  tags: { a: '2' },
  updatePolicy: 'y',
  selfRolling: { Group: 'AutoScalingRollingUpdate' },
  groupSizes: { Group: { keeps: false, max: 3 } },
  etcd: { ...defaultEtcdSettings, data: 'fresh' },
  uploads: [{ bucket: 'b', key: 'k', encryptionKey: { alias: 'a' }, files: [] }],
};
const pool: Omit<RenderedPool, 'digest'> = {
  name: 'p',
  profile: 'w',
  controlPlane: false,
  stackName: 's',
  kubernetesVersion: 'v1.33.1',
};
const otherPool: typeof pool = {
  name: 'q',
  profile: 'v',
  controlPlane: true,
  stackName: 't',
  kubernetesVersion: 'v1.34.1',
};
const karpenter = { name: 'p', profile: 'k', component: 'c' };
const otherKarpenter: typeof karpenter = { name: 'q', profile: 'l', component: 'd' };
const unit = { name: 'u', digest: 'd' };
const cluster: Omit<RenderedCluster, 'digest'> = {
  clusterId: 'x',
  commit: 'c',
  kubernetesVersion: 'v1.33.1',
  stacks: [],
  components: [],
  pools: [],
  karpenterPools: [],
  deletions: { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: [] },
};
const otherCluster: typeof cluster = {
  clusterId: 'y',
  commit: 'd',
  kubernetesVersion: 'v1.34.1',
  stacks: [{ ...stack, ...unit }],
  components: [{ ...unit, objects: [] }],
  pools: [{ ...pool, ...unit }],
  karpenterPools: [{ ...karpenter, ...unit }],
  deletions: { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: ['old'] },
};

type Row = [unit: string, field: string, part: 'hashed' | { ignored: string }, changes: boolean];

function rows<Unit extends object>(
  name: string,
  fields: Readonly<Record<string, 'hashed' | { ignored: string }>>,
  [one, other]: [Unit, Unit],
  digest: (unit: Unit) => string,
): Row[] {
  expect(Object.keys(fields).sort()).toEqual(Object.keys(one).sort());
  return Object.entries(fields).map(([field, part]) => {
    const changed = { ...one, [field]: (other as Record<string, unknown>)[field] };
    return [name, field, part, digest(one) !== digest(changed)];
  });
}

describe('every field of a unit is hashed, or says why not', () => {
  const all: Row[] = [
    ...rows('stack', stackFields, [stack, otherStack], (one) => stackDigest(one, 'content')),
    ...rows('pool', poolFields, [pool, otherPool], (one) => poolDigest(one, 'stack')),
    ...rows('karpenter pool', karpenterPoolFields, [karpenter, otherKarpenter], (one) =>
      karpenterPoolDigest(one, 'component'),
    ),
    ...rows('cluster', clusterFields, [cluster, otherCluster], clusterDigest),
  ];

  it.each(all)('%s.%s', (_, __, part, changes) => {
    if (part === 'hashed') expect(changes).toBe(true);
    else {
      expect(changes).toBe(false);
      expect(part.ignored).not.toBe('');
    }
  });

  it('component: name and objects decide', () => {
    expect(componentFields).toMatchObject({ name: 'hashed' });
    const digestOf = (value: string, component = 'a'): string =>
      renderFiles({ [`manifests/${component}/x.yaml`]: configMap('x', value) }).components[0]?.digest ?? '';
    expect(digestOf('1')).toBe(digestOf('1'));
    expect(digestOf('1')).not.toBe(digestOf('2'));
    expect(digestOf('1')).not.toBe(digestOf('1', 'b'));
  });
});

describe('every field of the registry can change what renders', () => {
  const base: NodePool = {
    name: 'p',
    profile: 'worker',
    instanceTypes: ['m5.large'],
    discountStrategy: 'none',
    minSize: 1,
    maxSize: 2,
    configItems: { a: '1' },
  };
  const otherClusterFields: Cluster = {
    id: 'aws:1:x:kube-2',
    alias: 'other',
    localId: 'kube-2',
    infrastructureAccount: 'aws:999999999999',
    region: 'eu-west-1',
    provider: 'aws',
    apiServerUrl: 'https://other.example.org',
    channel: 'dev',
    environment: 'production',
    criticalityLevel: 3,
    lifecycleStatus: 'requested',
    configItems: { a: '2' },
    nodePools: [base],
  };
  const otherPoolFields: NodePool = {
    name: 'q',
    profile: 'other',
    instanceTypes: ['m6i.large'],
    discountStrategy: 'spot',
    minSize: 2,
    maxSize: 3,
    configItems: { a: '2' },
  };
  const shown = (path: string): string => configMap('x', `{{ ${path} | toJson | b64enc }}`);

  it.each(Object.entries(clusterFieldUse))('cluster.%s is seen at %s', (field, path) => {
    const files = {
      'manifests/a/x.yaml': shown(path),
      'node-pools/worker/stack.yaml': 'Resources: {A: {Type: "AWS::S3::Bucket"}}',
    };
    const changed = { [field]: otherClusterFields[field as keyof Cluster] } as Partial<Cluster>;
    expect(renderFiles(files, changed).components[0]?.digest).not.toBe(renderFiles(files).components[0]?.digest);
  });

  it.each(Object.entries(poolFieldUse))('pool.%s is seen at %s', (field, path) => {
    const stackFile = `Resources: {A: {Type: "AWS::S3::Bucket", Properties: {BucketName: "{{ ${path} | toJson | b64enc }}"}}}`;
    const files = { 'node-pools/worker/stack.yaml': stackFile, 'node-pools/other/stack.yaml': stackFile };
    const changed = { ...base, [field]: otherPoolFields[field as keyof NodePool] };
    const digest = (one: NodePool): string | undefined => renderFiles(files, { nodePools: [one] }).stacks[0]?.digest;
    expect(digest(changed)).not.toBe(digest(base));
  });
});
