import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { NodePool } from '../../../src/domain/cluster.ts';
import { eksOutputs } from '../../../src/domain/eks.ts';
import { describeProblem } from '../../../src/domain/problem.ts';
import { combineTrees } from '../../../src/rendering/configuration-tree.ts';
import { createRenderer } from '../../../src/rendering/renderer.ts';
import { configMap, renderedCluster, renderFiles, renderInput } from '../../support/render-input.ts';

const pool = (name: string, profile: string, configItems: Record<string, string> = {}): NodePool => ({
  name,
  profile,
  instanceTypes: ['m5.large'],
  discountStrategy: 'none',
  minSize: 1,
  maxSize: 2,
  configItems,
});
const bucket = (name: string): string =>
  `Resources: {Bucket: {Type: "AWS::S3::Bucket", Properties: {BucketName: "${name}"}}}\n`;
const clusterStack = `${bucket('main')}Outputs: {Role: {Value: !GetAtt Bucket.Arn}, Key: {Value: !Ref Bucket}}\n`;

function problemsOf(
  files: Record<string, string>,
  pools: NodePool[] = [],
  more: Parameters<typeof renderInput>[2] = {},
): string[] {
  const outcome = createRenderer().render(renderInput(files, { nodePools: pools }, more));
  return outcome.ok ? [] : outcome.problems.map(describeProblem);
}

describe('several sources of a configuration', () => {
  const base = new Map([
    ['config-defaults.yaml', 'a: base\nb: base\n'],
    ['cluster.yaml', bucket('{{ .Cluster.ConfigItems.a }}')],
    ['manifests/10-x/one.yaml', configMap('one', '{{ .Cluster.ConfigItems.b }}')],
    ['manifests/deletions.yaml', 'post_apply: [{kind: Pod, name: from-base}]'],
  ]);
  const team = new Map([
    ['config-defaults.yaml', 'b: team\nc: team\n'],
    ['cluster.yaml', bucket('never')],
    ['node-pools/worker/stack.yaml', bucket('never')],
    ['manifests/05-team/own.yaml', configMap('own', '{{ .Cluster.ConfigItems.c }}')],
    ['manifests/10-x/two.yaml', configMap('two', '{{ manifestHash "own.yaml" }}')],
    ['manifests/10-x/own.yaml', configMap('hashed', '1')],
    ['manifests/deletions.yaml', 'post_apply: [{kind: Pod, name: from-team}]'],
  ]);

  it('the first is the base; others override defaults, and add manifests and deletions', () => {
    const tree = combineTrees(base, [{ name: 'team', tree: team }]);
    const rendered = renderFiles(Object.fromEntries(tree));
    expect(rendered.stacks.map((stack) => stack.template)).toEqual([bucket('base')]);
    const shown = rendered.components.map(({ name, objects }) => [
      name,
      ...objects.map((object) => object.metadata.name),
    ]);
    expect(shown).toEqual([
      ['05-team', 'own'],
      ['10-x', 'one', 'hashed', 'two'],
    ]);
    expect(rendered.components.flatMap(({ objects }) => objects.map((object) => object['data']))).toMatchObject([
      { value: 'team' },
      { value: 'team' },
      { value: '1' },
      { value: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    ]);
    expect(rendered.deletions.postApply.map((deletion) => deletion.name)).toEqual(['from-base', 'from-team']);
  });

  it('a default that is given again counts as given last, as one of an environment does', () => {
    const defaults =
      'a: all\n{{ if eq .Cluster.Environment "test" }}\n# not here\na: test\n{{ end }}b: "{{ .Cluster.Alias }}"\n';
    const files = { 'config-defaults.yaml': defaults, 'cluster.yaml': bucket('{{ .Cluster.ConfigItems.a }}') };
    const stackOf = (environment: string) => renderFiles(files, { environment }).stacks[0]?.template;
    expect(stackOf('test')).toBe(bucket('test'));
    expect(stackOf('production')).toBe(bucket('all'));
  });

  it('a key that is given twice counts as given last, and is told with its places', () => {
    const widget = (values: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata:\n${values}`;
    const files = {
      'cluster.yaml':
        'Resources:\n{{ range split "a,b" "," }}  Q{{ . }}:\n    Type: "AWS::SNS::Topic"\n    Type: "AWS::SQS::Queue"\n{{ end }}',
      'manifests/a/one.yaml': widget('  a: "1"\n  b: "2"\n  a: "3"\n  a: "4"\n'),
      'manifests/deletions.yaml': 'post_apply:\n- kind: Pod\n  name: first\n  name: second\n',
    };
    const outcome = createRenderer().render(renderInput(files));
    if (!outcome.ok) throw new Error(outcome.problems.map(describeProblem).join());
    expect(outcome.rendered.components[0]?.objects[0]?.['data']).toEqual({ a: '4', b: '2' });
    expect(outcome.rendered.deletions.postApply).toMatchObject([{ name: 'second' }]);
    const said = outcome.warnings.map(({ file, line, message }) => `${file}:${line ?? ''} ${message}`);
    expect(said).toEqual([
      'cluster.yaml:4 Type is given twice in one mapping, first on line 3: the last one counts',
      'manifests/a/one.yaml:8 a is given twice in one mapping, first on line 5: the last one counts',
      'manifests/deletions.yaml:4 name is given twice in one mapping, first on line 3: the last one counts',
    ]);
    const once = { ...files, 'manifests/a/one.yaml': widget('  b: "2"\n  a: "4"\n') };
    const other = createRenderer().render(renderInput(once));
    expect(other.ok && other.rendered.digest).toBe(outcome.rendered.digest);
    expect(other.ok && other.warnings).toHaveLength(2);
  });

  it('an object that is given twice in a component counts as given last', () => {
    const files = {
      'manifests/a/1.yaml': `${configMap('one', 'first')}---\n${configMap('two', 'other')}`,
      'manifests/a/2.yaml': configMap('one', 'last'),
      'manifests/b/1.yaml': configMap('three', 'kept'),
    };
    const shown = renderFiles(files).components.map(({ objects }) =>
      objects.map((object) => [object.metadata.name, object['data'].value]),
    );
    expect(shown).toEqual([
      [
        ['two', 'other'],
        ['one', 'last'],
      ],
      [['three', 'kept']],
    ]);
  });

  it('a problem names its source', () => {
    const broken = new Map([['manifests/x/y.yaml', '{{ nope }}']]);
    const files = Object.fromEntries(combineTrees(base, [{ name: 'team', tree: broken }]));
    expect(problemsOf(files)).toEqual([expect.stringMatching(/^@team\/manifests\/x\/y\.yaml:1: function "nope"/)]);
  });

  it('one source is used as it is', () => {
    expect(combineTrees(base, [])).toBe(base);
  });
});

describe('etcd', () => {
  const files = {
    'etcd/stack.yaml': bucket('{{ .Values.S3GeneratedFilesPath }}'),
    'etcd/files.yaml':
      'files:\n  - {path: etc/ca.pem, data: "{{ base64 "secret ca" }}", encrypted: true, permissions: 0400}\n  - {path: etc/conf, data: "{{ base64 .Cluster.LocalID }}"}\n',
  };

  it('has its files in S3 under a name made of their content, and a policy that keeps its data', () => {
    const [stack] = renderFiles(files).stacks;
    const key = stack?.uploads?.[0]?.key ?? '';
    expect(key).toMatch(/^kube-1\/etcd\/[0-9a-f]{128}\.userdata$/);
    expect(stack?.template).toBe(bucket(`s3://cluster-lifecycle-manager-123456789012-eu-central-1/${key}`));
    expect(stack?.uploads?.[0]).toMatchObject({
      encryptionKey: { alias: 'alias/etcd-cluster' },
      files: [
        { path: 'etc/ca.pem', data: 'c2VjcmV0IGNh', permissions: 0o400, encrypted: true },
        { path: 'etc/conf', data: 'a3ViZS0x', permissions: 0o644, encrypted: false },
      ],
    });
    const policy = JSON.parse(stack?.updatePolicy ?? '{}') as { Statement: { Effect: string; Action: string[] }[] };
    expect(policy.Statement.find(({ Effect }) => Effect === 'Deny')?.Action).toEqual([
      'Update:Replace',
      'Update:Delete',
    ]);
  });

  it('is named as in the original, or by itself', () => {
    expect(renderFiles(files).stacks[0]?.name).toBe('etcd-cluster-etcd');
    const named = `Metadata: {StackName: "etcd-{{ .Cluster.LocalID }}"}\n${files['etcd/stack.yaml']}`;
    expect(renderFiles({ ...files, 'etcd/stack.yaml': named }).stacks[0]?.name).toBe('etcd-kube-1');
  });

  it('names every setting of how members are replaced that cannot be read', () => {
    const wrong = { ...files, 'config-defaults.yaml': 'etcd_health_url: "http://etcd:2381"\netcd_settle: soon\n' };
    expect(problemsOf(wrong)).toEqual([
      expect.stringContaining('etcd_health_url'),
      expect.stringContaining('etcd_settle'),
    ]);
    const right = { ...files, 'config-defaults.yaml': 'etcd_settle: 5m\n' };
    const [stack] = renderFiles(right, { configItems: { etcd_settle: '90s' } }).stacks;
    expect(stack?.etcd?.settleMs).toBe(90_000);
    // how members are replaced is no change of theirs
    expect(stack?.digest).toBe(renderFiles(right).stacks[0]?.digest);
  });

  it('another content is another key, and another digest of the stack', () => {
    const changed = { ...files, 'etcd/files.yaml': files['etcd/files.yaml'].replace('secret ca', 'other ca') };
    const [before, after] = [renderFiles(files).stacks[0], renderFiles(changed).stacks[0]];
    expect(after?.uploads?.[0]?.key).not.toBe(before?.uploads?.[0]?.key);
    expect(after?.digest).not.toBe(before?.digest);
  });

  it.each([
    ['files: [{data: aa}]', /files\[0\]: path is missing/],
    ['files: [{path: ../x, data: aa}]', /path is missing or leads out/],
    ['files: [{path: x, data: "?"}]', /data is not base64/],
    ['files: [{path: x, data: aaaa, mode: 1}]', /a file has no mode/],
    ['files: [{path: x, data: aaaa, permissions: "rw"}]', /permissions are not bits/],
    ['files: [{path: x, data: aaaa, encrypted: maybe}]', /encrypted is true or false/],
    ['x: 1', /files is not a list/],
  ])('%s is told', (text, expected) => {
    expect(problemsOf({ ...files, 'etcd/files.yaml': text })).toEqual([expect.stringMatching(expected)]);
  });
});

describe('files of node pools', () => {
  it('are named in user data, by purpose, and wait for upload with the stack', () => {
    const files = {
      'node-pools/master-default/stack.yaml': bucket('{{ .Values.UserData }}'),
      'node-pools/master-default/userdata.yaml': '#cloud-config\n# {{ .Values.S3GeneratedFilesPath }}\n',
      'node-pools/master-default/files.yaml': 'files: [{path: a, data: "{{ base64 .NodePool.Name }}"}]',
    };
    const [stack] = renderFiles(files, { nodePools: [pool('m', 'master-default')] }).stacks;
    const key = stack?.uploads?.[0]?.key ?? '';
    expect(key).toMatch(/^kube-1\/master\//);
    expect(stack?.uploads?.[0]?.encryptionKey).toEqual({ output: 'MasterFilesEncryptionKey' });
    expect(stack?.shown?.userData).toContain(key);
    const encoded = /BucketName: "([^"]*)"/.exec(stack?.template ?? '')?.[1] ?? '';
    expect(gunzipSync(Buffer.from(encoded, 'base64')).toString()).toBe(stack?.shown?.userData);
    expect(stack?.shown?.template).not.toContain(encoded);
  });
});

describe('further stacks', () => {
  const extra = (name: string): string => `Metadata: {StackName: "${name}", Tags: {team: x}}\n${bucket('extra')}`;

  it('come behind the cluster’s own, in the order of their files, named by themselves', () => {
    const { stacks } = renderFiles(
      {
        'cluster.yaml': clusterStack,
        'cf-manifests/b.yaml': extra('second'),
        'cf-manifests/a.yaml': extra('first-{{ .Cluster.Alias }}'),
        'cf-manifests/off.yaml': '{{ if false }}x{{ end }}',
        'node-pools/worker/stack.yaml': bucket('pool'),
      },
      { nodePools: [pool('w', 'worker')] },
    );
    expect(stacks.map(({ kind, name }) => [kind, name])).toEqual([
      ['cluster', 'kube-1'],
      ['extra', 'first-shop'],
      ['extra', 'second'],
      ['node-pool', 'nodepool-w-aws-123456789012-eu-central-1-kube-1'],
    ]);
    expect(stacks[1]?.tags).toMatchObject({ team: 'x' });
  });

  it('one without a name is a problem', () => {
    expect(problemsOf({ 'cf-manifests/a.yaml': bucket('x') })).toEqual([
      expect.stringMatching(/^cf-manifests\/a\.yaml:1: Metadata\.StackName: .*has to say its name/),
    ]);
  });

  it('stacks to delete are listed by name', () => {
    const { deletions } = renderFiles({ 'cf-deletions.yaml': 'pre_apply: [{name: old-one}]\npost_apply: [old-two]\n' });
    expect(deletions).toMatchObject({ preApplyStacks: ['old-one'], postApplyStacks: ['old-two'] });
    expect(problemsOf({ 'cf-deletions.yaml': 'pre_apply: [{name: "a b"}]\n' })).toEqual([
      expect.stringMatching(/^cf-deletions\.yaml:1: pre_apply\[0\]: this is no name of a stack/),
    ]);
  });
});

describe('deletions of objects', () => {
  it('choose by name, labels or selector, with or without owner', () => {
    const text = `pre_apply:
  - {kind: Pod, labels: {application: old, tier: web}, namespace: shop, has_owner: false}
  - {kind: Ingress, selector: "a in (b, c)", grace_period_seconds: 5, propagation_policy: Foreground}
  - {kind: Widget, api_version: example.org/v1, name: x}
`;
    expect(renderFiles({ 'manifests/deletions.yaml': text }).deletions.preApply).toEqual([
      { apiVersion: 'v1', kind: 'Pod', selector: 'application=old,tier=web', namespace: 'shop', hasOwner: false },
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'Ingress',
        selector: 'a in (b, c)',
        namespace: 'kube-system',
        gracePeriodSeconds: 5,
        propagation: 'Foreground',
      },
      { apiVersion: 'example.org/v1', kind: 'Widget', name: 'x', namespace: 'kube-system' },
    ]);
  });

  it('need no api_version: kinds of Kubernetes go by any name, where others are served is asked when they are due', () => {
    const text = `post_apply:
  - {kind: deployments, name: a}
  - {kind: networkpolicies.networking.k8s.io, name: a}
  - {kind: storageclasses, name: a}
  - {kind: VerticalPodAutoscaler, name: a}
  - {kind: deployments.example.org, name: a}
`;
    expect(renderFiles({ 'manifests/deletions.yaml': text }).deletions.postApply).toEqual([
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a', namespace: 'kube-system' },
      { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', name: 'a', namespace: 'kube-system' },
      { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', name: 'a' },
      { kind: 'VerticalPodAutoscaler', name: 'a', namespace: 'kube-system' },
      { kind: 'deployments.example.org', name: 'a', namespace: 'kube-system' },
    ]);
  });

  it.each([
    ['{kind: Deploymnet, name: a}', /no kind Deploymnet: did you mean Deployment\? .* give its api_version/],
    ['{kind: Pod, name: a, has_owner: maybe}', /has_owner is true or false/],
    ['{kind: Pod, name: a, propagation_policy: Slowly}', /propagation_policy is one of Background/],
    ['{kind: Pod, name: a, grace_period_seconds: -1}', /grace_period_seconds is a whole number/],
    ['{kind: Pod, name: a, selector: b}', /more than one way/],
    ['{name: a}', /kind is missing/],
  ])('%s is told', (entry, expected) => {
    expect(problemsOf({ 'manifests/deletions.yaml': `pre_apply: [${entry}]` })).toEqual([
      expect.stringMatching(expected),
    ]);
  });
});

describe('Karpenter pools', () => {
  const files = {
    'manifests/z-karpenter/crd.yaml': configMap('definitions', '1'),
    'node-pools/worker-karpenter/userdata.yaml': 'cluster {{ .Cluster.ID }} pool {{ .NodePool.Name }}',
    'node-pools/worker-karpenter/provisioners.yaml':
      'apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: "{{ .NodePool.Name }}"}\nspec: {weight: {{ .NodePool.ConfigItems.scaling_priority }}}\n---\napiVersion: karpenter.k8s.aws/v1\nkind: EC2NodeClass\nmetadata: {name: "{{ .NodePool.Name }}"}\nspec: {userData: "{{ .Values.UserData }}"}\n',
  };
  const pools = [pool('one', 'worker-karpenter', { scaling_priority: '5' })];

  it('are components behind the manifests, with user data as text, and no stacks', () => {
    const rendered = renderFiles(files, { nodePools: pools });
    expect(rendered.stacks).toEqual([]);
    expect(rendered.pools).toEqual([]);
    expect(rendered.components.map((component) => component.name)).toEqual(['z-karpenter', 'karpenter-pool-one']);
    expect(rendered.components[1]?.objects).toMatchObject([
      { kind: 'NodePool', spec: { weight: 5 } },
      { kind: 'EC2NodeClass', spec: { userData: 'cluster aws:123456789012:eu-central-1:kube-1 pool one' } },
    ]);
    expect(rendered.karpenterPools).toMatchObject([{ name: 'one', component: 'karpenter-pool-one' }]);
  });

  it('change their digest with their user data', () => {
    const changed = { ...files, 'node-pools/worker-karpenter/userdata.yaml': 'other' };
    const digest = (of: Record<string, string>): string | undefined =>
      renderFiles(of, { nodePools: pools }).karpenterPools[0]?.digest;
    expect(digest(changed)).not.toBe(digest(files));
  });

  it('need the file that describes them', () => {
    expect(problemsOf({}, pools)).toEqual([
      expect.stringMatching(/worker-karpenter\/provisioners\.yaml: node pool one/),
    ]);
  });
});

describe('outputs of the cluster’s own stack', () => {
  const files = {
    'cluster.yaml': clusterStack,
    'manifests/a/x.yaml': configMap('x', 'role {{ .Values.ClusterStackOutputs.Role }}'),
    'node-pools/worker/stack.yaml': bucket('{{ .Values.UserData }}-{{ .Values.ClusterStackOutputs.Key }}'),
    'node-pools/worker/userdata.yaml': 'role={{ .Values.ClusterStackOutputs.Role }}',
  };
  const pools = [pool('w', 'worker')];
  const outputs = { Role: 'arn:role', Key: 'key-1' };

  it('are put in when the units are applied', () => {
    const rendered = renderFiles(files, { nodePools: pools });
    expect(rendered.components[0]?.objectsFor?.(outputs)[0]?.['data']).toEqual({ value: 'role arn:role' });
    const template = rendered.stacks[1]?.templateFor?.(outputs) ?? '';
    const [, userData = ''] = /BucketName: "(.*)-key-1"/.exec(template) ?? [];
    expect(gunzipSync(Buffer.from(userData, 'base64')).toString()).toBe('role=arn:role');
    expect(rendered.stacks[0]?.templateFor).toBeUndefined();
    expect(() => rendered.components[0]?.objectsFor?.({})).toThrow(/no output Role/);
  });

  it('one that the stack does not declare is a problem, and so is work on a value that is not known yet', () => {
    const with_ = (expression: string): string[] =>
      problemsOf({ 'cluster.yaml': clusterStack, 'manifests/a/x.yaml': configMap('x', `{{ ${expression} }}`) });
    expect(with_('.Values.ClusterStackOutputs.Nope')).toEqual([expect.stringMatching(/no entry for key "Nope"/)]);
    expect(with_('.Values.ClusterStackOutputs.Role | base64')).toEqual([
      expect.stringMatching(/error calling base64: output Role of the cluster stack is known only when/),
    ]);
    expect(with_('eq .Values.ClusterStackOutputs.Role "x"')).toEqual([expect.stringMatching(/error calling eq/)]);
    expect(with_('.Values.ClusterStackOutputs.Role | quote | b64enc')).toHaveLength(1);
  });

  it('the stack itself does not see them', () => {
    expect(problemsOf({ 'cluster.yaml': bucket('{{ .Values.ClusterStackOutputs.Role }}') })).toEqual([
      expect.stringMatching(/map has no entry for key "ClusterStackOutputs"/),
    ]);
  });
});

describe('feature flags of three states', () => {
  const manifest = `{{ if ne .Cluster.ConfigItems.feature "disabled" }}${configMap('rights', '1')}{{ end }}
{{ if eq .Cluster.ConfigItems.feature "enabled" }}---
${configMap('pods', '1')}{{ end }}`;
  const files = { 'config-defaults.yaml': 'feature: provisioned\n', 'manifests/a/x.yaml': manifest };
  it.each([
    [{ feature: 'disabled' }, []],
    [{}, ['rights']],
    [{ feature: 'enabled' }, ['rights', 'pods']],
  ])('%j', (configItems, expected) => {
    const { components } = renderFiles(files, { configItems: configItems });
    expect(components.flatMap(({ objects }) => objects.map((object) => object.metadata.name))).toEqual(expected);
  });
});

describe('what templates may ask of a pool and of the clusters in the same account', () => {
  const profiles = {
    'node-pools/worker/stack.yaml': bucket('pool'),
    'node-pools/worker-karpenter/provisioners.yaml': configMap('pool', ''),
  };
  const shown = (
    template: string,
    of: Parameters<typeof renderFiles>[1] = {},
    more: Parameters<typeof renderFiles>[2] = {},
  ) =>
    renderFiles({ ...profiles, 'manifests/x/y.yaml': configMap('x', template) }, of, more).components[0]?.objects[0]?.[
      'data'
    ];

  it('taints and requirements are parsed, and what is none of them is left out', () => {
    const taints = 'dedicated=ingress:NoSchedule,gpu:NoExecute,nonsense,x=y:Sometimes';
    const requirements = '- {key: arch, operator: In, values: [arm64, 1]}\n- nonsense\n';
    const own = pool('a', 'worker-karpenter', { taints, requirements });
    const plain = { ...pool('b', 'worker', { requirements: '}' }), instanceTypes: ['default-for-karpenter'] };
    const template =
      '{{ range .Cluster.NodePools }}{{ range .Taints }}{{ .Key }}[{{ .Value }}]{{ .Effect }} {{ end }}' +
      '{{ range .KarpenterRequirements }}{{ .Key }} {{ .Operator }} {{ .Values }}{{ end }} {{ .KarpenterInstanceTypeStrategy }};{{ end }}';
    expect(shown(template, { nodePools: [own, plain] })).toEqual({
      value: 'dedicated[ingress]NoSchedule gpu[]NoExecute arch In [arm64 1] custom; default-for-karpenter;',
    });
  });

  it('taints of the cluster hold for its pools unless they have their own', () => {
    const nodePools = [pool('a', 'worker'), pool('b', 'worker', { taints: '' })];
    const template = '{{ range .Cluster.NodePools }}{{ .Name }}{{ if .Taints }} tainted{{ end }};{{ end }}';
    expect(shown(template, { nodePools, configItems: { taints: 'a=b:NoSchedule' } })).toEqual({
      value: 'a tainted;b;',
    });
  });

  it('the issuer of its tokens is named by its address, or by EKS', () => {
    const template = '{{ .Cluster.OIDCProviderARN }} {{ .Cluster.OIDCSubjectKey }}';
    expect(shown(template)).toEqual({
      value: 'arn:aws:iam::123456789012:oidc-provider/kube-1.shop.example.org kube-1.shop.example.org:sub',
    });
    const configItems = { eks_oidc_issuer_url: 'https://oidc.eks.example/id/A' };
    expect(shown(template, { provider: 'zalando-eks', configItems })).toEqual({
      value: 'arn:aws:iam::123456789012:oidc-provider/oidc.eks.example/id/A oidc.eks.example/id/A:sub',
    });
  });

  it('the issuer that EKS names when a unit is applied has lost its scheme by then', () => {
    const template =
      '{{ .Cluster.OIDCProvider }} {{ .Cluster.OIDCSubjectKey }} {{ .Cluster.ConfigItems.eks_oidc_issuer_url }}';
    const rendered = renderFiles({ 'manifests/x/y.yaml': configMap('x', template) }, { provider: 'zalando-eks' });
    const applied = (outputs: Record<string, string>) => rendered.components[0]?.objectsFor?.(outputs)[0]?.['data'];
    expect(applied(eksOutputs({ oidcIssuer: 'https://oidc.eks.example/id/A' }))).toEqual({
      value: 'oidc.eks.example/id/A oidc.eks.example/id/A:sub https://oidc.eks.example/id/A',
    });
    expect(() => applied(eksOutputs({}))).toThrow('EKS does not say eks_oidc_issuer_url before the cluster is created');
  });

  it('an issuer that nobody wrote down is an error where it is read, never the address of the API', () => {
    const eks = {
      ...renderedCluster,
      id: 'aws:123456789012:eu-central-1:kube-0',
      alias: 'managed',
      provider: 'zalando-eks',
    };
    const told = (template: string, of: Partial<typeof renderedCluster>) => {
      const accountClusters = [{ ...eks, ...of }, renderedCluster];
      return problemsOf({ 'manifests/x/y.yaml': configMap('x', template) }, [], { accountClusters });
    };
    const all = '{{ range .Cluster.AccountClusters }}{{ .OIDCProvider }} {{ end }}';
    const trust = '{{ .Cluster.IAMRoleTrustRelationshipTemplate }}';
    const missing = /managed's tokens is not known: enter eks_oidc_issuer_url in its config_items/;
    expect(told(all, {})).toEqual([expect.stringMatching(missing)]);
    expect(told(trust, {})).toEqual([expect.stringMatching(missing)]);
    expect(told(trust, { lifecycleStatus: 'requested' })).toEqual([]);
    expect(told(all, { configItems: { eks_oidc_issuer_url: 'https://oidc.eks.example/id/A' } })).toEqual([]);
    expect(told('{{ with .Cluster.SiblingCluster }}{{ .Alias }}{{ end }}', {})).toEqual([]);
  });

  it('whether there is a sibling may be asked of nil', () => {
    const template = '{{ if ne .Cluster.SiblingCluster nil }}two{{ else }}one{{ end }}';
    expect(shown(template)).toEqual({ value: 'one' });
    const accountClusters = [{ ...renderedCluster, id: 'x' }, renderedCluster];
    expect(shown(template, {}, { accountClusters })).toEqual({ value: 'two' });
  });

  it('others of its account are known, and a change of one changes only what asks for it', () => {
    const other = { ...renderedCluster, id: 'aws:123456789012:eu-central-1:kube-0', localId: 'kube-0', alias: 'older' };
    const requested = { ...other, id: 'r', localId: 'kube-2', lifecycleStatus: 'requested' as const };
    const accountClusters = [other, renderedCluster, requested];
    expect(
      shown(
        '{{ with .Cluster.SiblingCluster }}{{ .Alias }}{{ end }} {{ .Cluster.IsOldestReadyClusterInTheRegion }} {{ len .Cluster.AccountClusters }}',
        {},
        { accountClusters },
      ),
    ).toEqual({ value: 'older false 3' });
    expect(shown('{{ if .Cluster.SiblingCluster }}no{{ end }}{{ .Cluster.IsOldestReadyClusterInTheRegion }}')).toEqual({
      value: 'true',
    });
    const trusting = { 'manifests/x/y.yaml': configMap('x', '{{ .Cluster.IAMRoleTrustRelationshipTemplate }}') };
    const policy = (more: Parameters<typeof renderFiles>[2]) => {
      const rendered = renderFiles(trusting, {}, more);
      const data = rendered.components[0]?.objects[0]?.['data'] as { value: string };
      return {
        digest: rendered.digest,
        statements: (JSON.parse(data.value) as { Statement: { Sid?: string }[] }).Statement,
      };
    };
    const both = policy({ accountClusters });
    expect(both.statements.map((one) => one.Sid ?? '-')).toEqual(['CLMApplied', '-', '-', '-', '-']);
    expect(JSON.stringify(both.statements)).toContain('role/kube-0-worker');
    expect(policy({}).digest).not.toBe(both.digest);
    const indifferent = (more: Parameters<typeof renderFiles>[2]) =>
      renderFiles({ 'manifests/x/y.yaml': configMap('x', '{{ .Cluster.Alias }}') }, {}, more).digest;
    expect(indifferent({ accountClusters })).toBe(indifferent({}));
  });
});
