import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../../src/domain/cluster.ts';
import { describeProblem } from '../../../src/domain/problem.ts';
import type { RenderedCluster } from '../../../src/domain/rendered.ts';
import type { RenderInput } from '../../../src/rendering/render-input.ts';
import { createRenderer } from '../../../src/rendering/renderer.ts';

const cluster: Cluster = {
  id: 'aws:123456789012:eu-central-1:kube-1',
  alias: 'shop',
  localId: 'kube-1',
  infrastructureAccount: 'aws:123456789012',
  region: 'eu-central-1',
  provider: 'zalando-aws',
  apiServerUrl: 'https://kube-1.shop.example.org',
  channel: 'beta',
  environment: 'test',
  criticalityLevel: 1,
  lifecycleStatus: 'ready',
  configItems: { replicas: '3' },
  nodePools: [
    {
      name: 'master',
      profile: 'master-default',
      instanceTypes: ['m5.large'],
      discountStrategy: 'none',
      minSize: 3,
      maxSize: 4,
      configItems: {},
    },
    {
      name: 'work',
      profile: 'worker',
      instanceTypes: ['m5.large'],
      discountStrategy: 'spot',
      minSize: 1,
      maxSize: 9,
      configItems: { image: 'ami-pool' },
    },
  ],
};

const stack = `Resources:
  Template:
    Type: AWS::EC2::LaunchTemplate
    Properties: {LaunchTemplateData: {ImageId: "{{ .NodePool.ConfigItems.image }}", UserData: "{{ .Values.UserData }}"}}
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties: {MinSize: "{{ .NodePool.MinSize }}", LaunchTemplate: {LaunchTemplateId: !Ref Template, Version: !GetAtt Template.LatestVersionNumber}}
`;
const files: Record<string, string> = {
  'config-defaults.yaml':
    'image: ami-1\nreplicas: "1"\nport: 8080\nenabled: true\nempty:\nregion: "{{ .Cluster.Region }}"\n',
  'cluster.yaml':
    'Metadata: {Tags: {Team: "x"}}\nResources:\n  Bucket: {Type: "AWS::S3::Bucket", Properties: {BucketName: "{{ .Cluster.Alias }}"}}\n',
  'node-pools/master-default/stack.yaml': stack,
  'node-pools/master-default/userdata.yaml': '#cloud-config\n# {{ .NodePool.Name }} {{ .Cluster.ConfigItems.port }}\n',
  'node-pools/worker/stack.yaml': stack,
  'node-pools/worker/userdata.yaml':
    '#cloud-config\n# {{ .NodePool.Name }} {{ .NodePool.ConfigItems.image }} spot={{ .NodePool.IsSpot }}\n',
  'manifests/02-b/two.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: two, annotations: {hash: "{{ manifestHash "one.yaml" }}"}}\n',
  'manifests/02-b/one.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {replicas: "{{ .Cluster.ConfigItems.replicas }}"}\n',
  'manifests/01-a/all.yaml':
    '# a comment\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n---\napiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: Secret, metadata: {name: s}}\n',
  'manifests/01-a/off.yaml': '{{ if eq .Cluster.ConfigItems.enabled "false" }}\nnot: rendered\n{{ end }}\n',
  'manifests/01-a/NOTES.txt': 'not a manifest {{ nonsense }}',
  'manifests/deletions.yaml':
    'pre_apply: []\npost_apply:\n  - {kind: deployment, name: old}\n  - {kind: ClusterRole, name: gone}\n',
  'README.md': '# {{ not a template',
};

function input(changes: Record<string, string | undefined> = {}, of: Partial<Cluster> = {}): RenderInput {
  const tree = new Map(
    Object.entries({ ...files, ...changes }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  return { cluster: { ...cluster, ...of }, tree, commit: 'c0ffee' };
}

function rendered(changes: Record<string, string | undefined> = {}, of: Partial<Cluster> = {}): RenderedCluster {
  const outcome = createRenderer().render(input(changes, of));
  if (!outcome.ok) throw new Error(outcome.problems.map(describeProblem).join('\n'));
  return outcome.rendered;
}

function problems(changes: Record<string, string | undefined>, of: Partial<Cluster> = {}): string[] {
  const outcome = createRenderer().render(input(changes, of));
  return outcome.ok ? [] : outcome.problems.map(describeProblem);
}

describe('rendering a channel configuration for a cluster', () => {
  it('gives the stacks in order: the cluster’s own, then one a pool, named and tagged for the cluster', () => {
    const { stacks } = rendered();
    expect(stacks.map(({ name, kind, pool }) => [name, kind, pool])).toEqual([
      ['kube-1', 'cluster', undefined],
      ['nodepool-master-aws-123456789012-eu-central-1-kube-1', 'node-pool', 'master'],
      ['nodepool-work-aws-123456789012-eu-central-1-kube-1', 'node-pool', 'work'],
    ]);
    expect(stacks[0]?.tags).toEqual({
      Team: 'x',
      'kubernetes.io/cluster/aws:123456789012:eu-central-1:kube-1': 'owned',
    });
    expect(stacks[2]?.tags).toEqual({
      NodePool: 'work',
      'kubernetes.io/node-pool': 'work',
      'kubernetes.io/node-pool/profile': 'worker',
      'kubernetes.io/role/node-pool': 'true',
      'kubernetes.io/cluster/aws:123456789012:eu-central-1:kube-1': 'owned',
    });
  });

  it('puts an etcd stack first when the configuration has one', () => {
    const { stacks } = rendered({ 'etcd/stack.yaml': 'Resources: {A: {Type: "AWS::S3::Bucket"}}' });
    expect(stacks[0]).toMatchObject({ name: 'etcd-cluster-etcd', kind: 'etcd' });
  });

  it('lays config items of the cluster over the defaults, and those of a pool over both', () => {
    const { stacks, components } = rendered();
    expect(stacks[1]?.template).toContain('ImageId: "ami-1"');
    expect(stacks[2]?.template).toContain('ImageId: "ami-pool"');
    expect(components[1]?.objects[0]?.['data']).toEqual({ replicas: '3' });
  });

  it('hands user data to the pool’s stack as base64 of gzip, without time or host in it', () => {
    const text = (of: RenderedCluster): string => /UserData: "([^"]+)"/.exec(of.stacks[2]?.template ?? '')?.[1] ?? '';
    const bytes = Buffer.from(text(rendered()), 'base64');
    expect(gunzipSync(bytes).toString()).toBe('#cloud-config\n# work ami-pool spot=true\n');
    expect([...bytes.subarray(4, 8), bytes[9]]).toEqual([0, 0, 0, 0, 255]);
    expect(text(rendered())).toBe(text(rendered()));
  });

  it('takes components in the order of their names, skips files that render to nothing, and unpacks lists', () => {
    const { components } = rendered();
    expect(
      components.map(({ name, objects }) => [name, objects.map((object) => `${object.kind}/${object.metadata.name}`)]),
    ).toEqual([
      ['01-a', ['Namespace/a', 'Secret/s']],
      ['02-b', ['ConfigMap/one', 'ConfigMap/two']],
    ]);
  });

  it('finds where kinds of deletions are served and which have a namespace', () => {
    expect(rendered().deletions).toEqual({
      preApply: [],
      postApply: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name: 'old', namespace: 'kube-system' },
        { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: 'gone' },
      ],
      preApplyStacks: [],
      postApplyStacks: [],
    });
  });

  it('says which pools are of the control plane', () => {
    expect(rendered().pools.map(({ name, controlPlane, profile }) => [name, controlPlane, profile])).toEqual([
      ['master', true, 'master-default'],
      ['work', false, 'worker'],
    ]);
  });

  it('gives objects that nobody can change for another cluster', () => {
    const object = rendered().components[0]?.objects[0];
    expect(() => {
      (object as { kind: string }).kind = 'Changed';
    }).toThrow(TypeError);
  });

  it('reads YAML as Kubernetes tools do', () => {
    const manifest =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {mode: 0644, on: yes, time: 12:30, day: 2020-01-01}\n';
    expect(rendered({ 'manifests/01-a/all.yaml': manifest }).components[0]?.objects[0]?.['data']).toEqual({
      mode: 420,
      true: true,
      time: '12:30',
      day: '2020-01-01',
    });
  });

  it('answers cloud look-ups from the record, and says which one is missing', () => {
    const manifest =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ amiID "node" "1234" }}", labels: {z: "{{ .Values.vpc_ipv4_cidr }}"}}';
    const asked = input({ 'manifests/01-a/all.yaml': manifest });
    const network = { vpcId: 'vpc-1', ipv4Cidr: '10.0.0.0/16', ipv6Cidrs: [], subnets: [] };
    const lookups = { 'image 1234 node': 'ami-9', 'network ': network };
    const answered = createRenderer().render({ ...asked, lookups });
    expect(answered.ok && answered.rendered.components[0]?.objects[0]?.metadata).toEqual({
      name: 'ami-9',
      labels: { z: '10.0.0.0/16' },
    });
    const missing = createRenderer().render({ ...asked, lookups: { 'network ': network } });
    expect(missing).toEqual({
      ok: false,
      problems: [],
      needs: { lookups: [{ kind: 'image', name: 'node', owner: '1234' }], secrets: [] },
    });
    const none = createRenderer().render({ ...asked, lookups: { ...lookups, 'image 1234 node': null } });
    expect(none.ok || none.problems[0]?.message).toMatch(/error calling amiID: the cloud has none: image 1234 node/);
    // the answer is one of the things that the template read
    const other = createRenderer().render({ ...asked, lookups: { ...lookups, 'image 1234 node': 'ami-10' } });
    expect(other.ok && other.rendered.components[0]?.objects[0]?.metadata.name).toBe('ami-10');
  });
});

describe('digests say what has an effect', () => {
  const base = rendered();
  const digestsOf = (of: RenderedCluster): Record<string, string> => ({
    ...Object.fromEntries(of.stacks.map((unit) => [`stack ${unit.name.split('-')[1] ?? ''}`, unit.digest])),
    ...Object.fromEntries(of.components.map((unit) => [`component ${unit.name}`, unit.digest])),
    ...Object.fromEntries(of.pools.map((unit) => [`pool ${unit.name}`, unit.digest])),
    total: of.digest,
  });
  const changed = (of: RenderedCluster): string[] => {
    const [before, after] = [digestsOf(base), digestsOf(of)];
    return Object.keys({ ...before, ...after }).filter((key) => before[key] !== after[key]);
  };

  it('the same input gives the same digests, whatever was rendered before', () => {
    const renderer = createRenderer();
    renderer.render(input({ 'manifests/01-a/all.yaml': 'apiVersion: v1\nkind: X\nmetadata: {name: other}' }));
    const again = renderer.render(input());
    expect(again.ok && again.rendered).toEqual(base);
  });

  const noEffect: [what: string, changes: Record<string, string>][] = [
    [
      'a comment and the order of keys in a manifest',
      {
        'manifests/01-a/all.yaml':
          '# new\nkind: Namespace\nmetadata:\n  name: a\napiVersion: v1\n---\nmetadata: {name: s}\napiVersion: v1\nkind: Secret\n',
      },
    ],
    ['a comment in a template', { 'cluster.yaml': `{{/* why */}}${files['cluster.yaml']}` }],
    ['a comment in a stack', { 'cluster.yaml': `# why\n${files['cluster.yaml']}` }],
    ['a file that is not part of the configuration', { 'docs/x.md': 'text' }],
    ['an unused default', { 'config-defaults.yaml': `${files['config-defaults.yaml']}unused: "1"\n` }],
  ];
  it.each(noEffect)('%s changes nothing', (_, changes) => {
    expect(changed(rendered(changes))).toEqual([]);
  });

  it('the commit is not part of it', () => {
    const outcome = createRenderer().render({ ...input(), commit: 'other' });
    expect(outcome.ok && outcome.rendered.digest).toBe(base.digest);
  });

  const effect: [what: string, changes: Record<string, string>, of: Partial<Cluster>, units: string[]][] = [
    [
      'a manifest',
      { 'manifests/01-a/all.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: {name: b}' },
      {},
      ['component 01-a', 'total'],
    ],
    [
      'the cluster stack',
      { 'cluster.yaml': (files['cluster.yaml'] as string).replace('Alias', 'LocalID') },
      {},
      ['stack 1', 'total'],
    ],
    [
      'a pool’s user data',
      { 'node-pools/worker/userdata.yaml': '#cloud-config\n# new\n' },
      {},
      ['stack work', 'pool work', 'total'],
    ],
    [
      'a comment of user data',
      { 'node-pools/worker/userdata.yaml': `${files['node-pools/worker/userdata.yaml']}# c\n` },
      {},
      ['stack work', 'pool work', 'total'],
    ],
    [
      'the node image',
      { 'config-defaults.yaml': (files['config-defaults.yaml'] as string).replace('ami-1', 'ami-2') },
      {},
      ['stack master', 'pool master', 'total'],
    ],
    ['a config item', {}, { configItems: { replicas: '5' } }, ['component 02-b', 'total']],
    ['the deletions', { 'manifests/deletions.yaml': 'post_apply: [{kind: Pod, name: x}]' }, {}, ['total']],
    [
      'an order of lists',
      {
        'manifests/01-a/all.yaml':
          'apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: Secret, metadata: {name: s}}\n  - {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n',
      },
      {},
      ['component 01-a', 'total'],
    ],
  ];
  it.each(effect)('%s changes just its own units and the total', (_, changes, of, units) => {
    expect(changed(rendered(changes, of)).sort()).toEqual(units.sort());
  });
});

describe('a configuration that does not render gives every problem, with file, line and remedy', () => {
  const cases: [what: string, changes: Record<string, string | undefined>, expected: RegExp[]][] = [
    [
      'a key that is nowhere',
      { 'manifests/01-a/all.yaml': 'a: 1\nb: {{ .Cluster.ConfigItems.nope }}' },
      [/^manifests\/01-a\/all.yaml:2: map has no entry for key "nope".*\n.*config-defaults\.yaml/],
    ],
    ['a syntax error', { 'cluster.yaml': 'x\n{{ if }}' }, [/^cluster\.yaml:2: missing value for if \(column 7\)/]],
    [
      'broken YAML behind rendered lines',
      { 'manifests/01-a/all.yaml': '{{ range 3 }}# line {{ . }}\n{{ end }}a: [1\nb: 2\n' },
      [/^manifests\/01-a\/all\.yaml:[23]: .*\(line [456] of the rendered text\)/],
    ],
    [
      'an object without a name',
      { 'manifests/01-a/all.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {}\n' },
      [/^manifests\/01-a\/all\.yaml:1: metadata\.name: metadata\.name is missing/],
    ],
    ['a manifest that is no object', { 'manifests/01-a/all.yaml': '- 1\n' }, [/a manifest must be a mapping/]],
    [
      'problems in later documents of a file',
      {
        'manifests/01-a/all.yaml':
          'apiVersion: v1\nkind: A\nmetadata: {name: a}\n--- # second\nkind: B\n---\ndata: |\n  ---\n  x\n---\na: [\n',
      },
      [
        /all\.yaml:5: apiVersion:/,
        /all\.yaml:5: metadata\.name:/,
        /all\.yaml:7: apiVersion/,
        /all\.yaml:7: kind/,
        /all\.yaml:7: metadata\.name/,
        /all\.yaml:1[12]: .*/,
      ],
    ],
    [
      'a stack without resources',
      { 'cluster.yaml': 'Outputs: {}\n' },
      [/^cluster\.yaml:1: Resources: .*at least one entry/],
    ],
    [
      'a stack with a YAML alias',
      { 'cluster.yaml': 'Resources:\n  A: &a {Type: "AWS::S3::Bucket"}\n  B: *a\n' },
      [/^cluster\.yaml:3: CloudFormation does not take YAML aliases \(\*a\)/],
    ],
    [
      'a stack with an unknown tag',
      { 'cluster.yaml': 'Resources:\n  A: !Nope x\n' },
      [/^cluster\.yaml:2: Unresolved tag: !Nope/],
    ],
    [
      'defaults that are not flat',
      { 'config-defaults.yaml': 'image: a\nport: "1"\nregion: b\nenabled: "true"\nx:\n  y: 1\n' },
      [/^config-defaults\.yaml:5: x: the default of x is not a text/],
    ],
    [
      'a deletion that chooses twice, nothing, or by a number',
      {
        'manifests/deletions.yaml':
          'post_apply:\n  - {kind: Pod, name: a, labels: {a: b}}\n  - {kind: Pod, labels: {}}\n  - {kind: Pod, labels: {a: 1}}\n',
      },
      [
        /^manifests\/deletions\.yaml:2: post_apply\[0\]: .*chosen in more than one way/,
        /^manifests\/deletions\.yaml:3: post_apply\[1\]: name is missing/,
        /^manifests\/deletions\.yaml:4: post_apply\[2\]: labels are texts/,
      ],
    ],
    [
      'a deletion of a mistyped kind',
      { 'manifests/deletions.yaml': 'pre_apply: [{kind: Deploymnet, name: a}]' },
      [/no kind Deploymnet: did you mean Deployment/],
    ],
    [
      'a profile that is not there',
      { 'node-pools/worker/stack.yaml': undefined },
      [
        /^node-pools\/worker\/stack\.yaml: node pool work of cluster .* has profile worker.*\n.*use one of: master-default/,
      ],
    ],
    [
      'problems in several files',
      {
        'cluster.yaml': '{{ x',
        'manifests/01-a/all.yaml': 'a: [',
        'manifests/02-b/one.yaml': '{{ .Nope }}',
        'manifests/deletions.yaml': 'x: 1',
      },
      [/^cluster\.yaml/, /^manifests\/01-a/, /^manifests\/02-b\/one/, /^manifests\/deletions/],
    ],
    [
      'a hash that goes in a circle',
      { 'manifests/02-b/one.yaml': '{{ manifestHash "two.yaml" }}' },
      [/not reentrant/, /not reentrant/],
    ],
    [
      'a hash of something else',
      { 'manifests/02-b/one.yaml': '{{ manifestHash "../../cluster.yaml" }}', 'manifests/02-b/two.yaml': undefined },
      [/there is no manifest cluster\.yaml/],
    ],
  ];
  it.each(cases)('%s', (_, changes, expected) => {
    const found = problems(changes);
    expect(found).toHaveLength(expected.length);
    found.forEach((problem, i) => {
      expect(problem).toMatch(expected[i] as RegExp);
      expect(problem).toMatch(/→ ./);
    });
  });
});
