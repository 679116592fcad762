import { describe, expect, it } from 'vitest';
import type { NodePool } from '../../../../src/domain/cluster.ts';
import { compareCluster } from '../../../../src/planning/change/compare-cluster.ts';
import type { ClusterChange } from '../../../../src/planning/change/plan-document.ts';
import type { Rendering } from '../../../../src/planning/change/unit-changes.ts';
import { type ClusterFact, parseClusterFact, unknownCluster } from '../../../../src/planning/pipeline/facts.ts';
import { allDigests } from '../../../../src/planning/pipeline/update-plan.ts';
import { configMap, renderedCluster, renderFiles } from '../../../support/render-input.ts';

const pool: NodePool = {
  name: 'workers',
  profile: 'worker',
  instanceTypes: ['m5.large'],
  discountStrategy: 'none',
  minSize: 3,
  maxSize: 9,
  configItems: {},
};
const stack = (image: string, max: number, more = ''): string => `Resources:
  Template:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateData: {ImageId: ${image}, UserData: "{{ .Values.UserData }}"}
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties: {MaxSize: ${max}, LaunchTemplate: !Ref Template}
${more}`;
const daemonSet = (image: string): string => `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: proxy, namespace: kube-system}
spec: {selector: {matchLabels: {app: proxy}}, template: {metadata: {labels: {app: proxy}}, spec: {containers: [{name: proxy, image: '${image}'}]}}}
`;
const files = {
  'cluster.yaml': 'Resources: {Bucket: {Type: AWS::S3::Bucket}}\n',
  'node-pools/worker/stack.yaml': stack('ami-1', 9),
  'node-pools/worker/userdata.yaml': '#cloud-config\nruncmd: [one]\n',
  'manifests/proxy/daemonset.yaml': daemonSet('proxy:1'),
  'manifests/settings/map.yaml': configMap('settings', 'one'),
};
type Files = Record<string, string>;

function rendering(changed: Files = {}, redact = (text: string) => text, nodePools = [pool]): Rendering {
  const all: Files = { ...files, ...changed };
  const kept = Object.fromEntries(Object.entries(all).filter(([, text]) => text !== ''));
  return { rendered: renderFiles(kept, { nodePools }), redact, sealed: false };
}

function applied(of: Rendering): ClusterFact {
  const { digest } = of.rendered;
  return { ...unknownCluster(), adopted: true, commit: 'c0ffee', digest, digests: allDigests(of.rendered) };
}

function compare(
  after: Rendering,
  more: {
    fact?: ClusterFact | undefined;
    recorded?: Rendering | undefined;
    begun?: Rendering[];
    fresh?: boolean;
    midRoll?: string;
  } = {},
): ClusterChange {
  const recorded = 'recorded' in more ? more.recorded : rendering();
  const fact = 'fact' in more ? more.fact : applied(rendering());
  const cluster = { ...renderedCluster, nodePools: [pool] };
  const evidence = { records: [], now: 0 };
  const input = { after, fact, recorded, begun: more.begun ?? [], fresh: more.fresh ?? false };
  return compareCluster(
    { ...input, cluster, sizes: { workers: 7 }, histories: new Map(), evidence, midRoll: more.midRoll },
    { cluster, notes: [], refusals: [] },
  );
}

const told = (change: ClusterChange): string[] => change.changes.map((one) => `${one.change} ${one.name}`);

describe('comparing a rendering with what was applied', () => {
  it('says that members of etcd are replaced, why, and what keeps them from it', () => {
    const health = 'etcd_health_url: "http://{address}:2381/health"\n';
    const of = (image: string, items = health): Rendering =>
      rendering({
        'etcd/stack.yaml': stack(image, 3).replace('{{ .Values.UserData }}', 'x'),
        'config-defaults.yaml': items,
      });
    const notes = (after: Rendering, before = of('ami-1')): string[] =>
      compare(after, { fact: applied(before), recorded: before }).notes;
    expect(notes(of('ami-2'))).toEqual([
      expect.stringMatching(
        /^members of etcd \(etcd-cluster-etcd\) are replaced first, one at a time: .*ImageId ami-1 → ami-2$/,
      ),
    ]);
    expect(notes(of('ami-2', ''))).toEqual([expect.stringContaining('fails there, as etcd_health_url is not set')]);
    expect(notes(of('ami-2', 'etcd_update_strategy: manual\n'))).toEqual([
      expect.stringContaining('stay until somebody replaces them'),
    ]);
    expect(notes(of('ami-1'))).toEqual([]);
    expect(compare(of('ami-2'), { fresh: true }).notes).toEqual([]);
  });

  it('says of a pool of Karpenter that its nodes are rolled by Karpenter, and forecasts no roll of its own', () => {
    const karpenter = { ...pool, name: 'spiky', profile: 'worker-karpenter' };
    const of = (label: string): Rendering => {
      const spec = `spec: {template: {metadata: {labels: {generation: ${label}}}}}`;
      const text = `apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: "{{ .NodePool.Name }}"}\n${spec}\n`;
      const more = {
        'node-pools/worker-karpenter/provisioners.yaml': text,
        'node-pools/worker-karpenter/userdata.yaml': '#cloud-config\n',
      };
      return rendering(more, undefined, [pool, karpenter]);
    };
    const change = compare(of('two'), { fact: applied(of('one')), recorded: of('one') });
    expect(told(change)).toEqual(['update NodePool spiky']);
    expect(change.rolls).toEqual([]);
    expect(change.notes).toEqual([expect.stringContaining('nodes of pool spiky that drift are rolled by Karpenter')]);
    expect(compare(of('one'), { fact: applied(of('one')), recorded: of('one') }).notes).toEqual([]);
    // without its objects Karpenter takes the nodes away; a pool of a group that becomes one of Karpenter's is drained
    expect(compare(rendering(), { fact: applied(of('one')), recorded: of('one') }).rolls).toEqual([]);
    const grouped = rendering({}, undefined, [pool, { ...karpenter, profile: 'worker' }]);
    expect(compare(of('one'), { fact: applied(grouped), recorded: grouped }).rolls).toMatchObject([
      { pool: 'spiky', why: ['no longer in the configuration: drained, then its stack is deleted'] },
    ]);
  });

  it('finds nothing where nothing differs', () => {
    expect(compare(rendering())).toMatchObject({ class: 'no-op', changes: [], rolls: [] });
  });

  it('shows exactly the object that differs, with the lines that differ', () => {
    const change = compare(rendering({ 'manifests/proxy/daemonset.yaml': daemonSet('proxy:2') }));
    expect(change.class).toBe('daemonset-only');
    expect(told(change)).toEqual(['update DaemonSet kube-system/proxy']);
    const lines = change.changes[0]?.diff.filter((line) => /^[+-]/.test(line));
    expect(lines).toEqual(['-        - image: proxy:1', '+        - image: proxy:2']);
  });

  it('tells objects and components that come and go', () => {
    const change = compare(
      rendering({ 'manifests/settings/map.yaml': '', 'manifests/new/map.yaml': configMap('fresh', 'x') }),
    );
    expect(told(change)).toEqual(['create ConfigMap kube-system/fresh', 'delete ConfigMap kube-system/settings']);
    expect(change.class).toBe('configmap-only');
  });

  it('rolls nodes for another image and other user data, and says which', () => {
    const change = compare(
      rendering({
        'node-pools/worker/stack.yaml': stack('ami-2', 9),
        'node-pools/worker/userdata.yaml': '#cloud-config\nruncmd: [two]\n',
      }),
    );
    expect(change.class).toBe('roll');
    expect(change.rolls).toMatchObject([
      {
        pool: 'workers',
        nodes: 7,
        nodesFrom: 'observed',
        certain: true,
        why: ['ImageId ami-1 → ami-2', 'user data'],
      },
    ]);
    expect(told(change).map((one) => one.split(' ').slice(0, 3).join(' '))).toEqual([
      'update stack nodepool-workers-aws-123456789012-eu-central-1-kube-1',
      'update user data',
    ]);
  });

  it('rolls nodes for other user data that the stack itself has', () => {
    const of = (text: string): Rendering =>
      rendering({
        'node-pools/worker/stack.yaml': stack('ami-1', 9).replace(
          '"{{ .Values.UserData }}"',
          `{"Fn::Base64": ${text}}`,
        ),
        'node-pools/worker/userdata.yaml': '',
      });
    const change = compare(of('two'), { recorded: of('one'), fact: applied(of('one')) });
    expect(change.rolls).toMatchObject([{ pool: 'workers', why: ['user data'] }]);
  });

  it('says that checks look at the first new node before old ones go, where the channel has them, and counts their time', () => {
    const after = rendering({ 'node-pools/worker/stack.yaml': stack('ami-2', 9) });
    const [plain, checked] = [compare(after), compare(after, { midRoll: 'mid-roll' })];
    expect(checked.notes).toEqual([
      'each roll of workers waits for checks on the first new node of each of its contents (profile mid-roll) before old ones go',
    ]);
    expect(plain.notes).toEqual([]);
    expect(checked.rolls[0]?.p50Seconds).toBeGreaterThan(plain.rolls[0]?.p50Seconds ?? 0);
  });

  it('drains the nodes of a pool that is no longer configured, without surge, before its stack goes', () => {
    const name = 'stack nodepool-workers-aws-123456789012-eu-central-1-kube-1';
    const change = compare(rendering({}, undefined, []), { midRoll: 'mid-roll' });
    expect(change.class).toBe('roll');
    expect(change.rolls).toMatchObject([
      {
        pool: 'workers',
        nodes: 7,
        nodesFrom: 'observed',
        surge: 0,
        certain: true,
        why: ['no longer in the configuration: drained, then its stack is deleted'],
      },
    ]);
    expect(change.rolls[0]?.p50Seconds).toBeGreaterThan(0);
    expect(change.notes).toEqual([]);
    expect(change.changes).toMatchObject([
      { change: 'delete', name, of: 'workers', note: expect.stringContaining('drained one by one') as string },
    ]);
  });

  it('tells a further stack that is no longer configured', () => {
    const extra = {
      'cf-manifests/news/stack.yaml': 'Metadata: {StackName: news}\nResources: {T: {Type: AWS::SNS::Topic}}\n',
    };
    const before = rendering(extra);
    const change = compare(rendering(), { recorded: before, fact: applied(before) });
    expect(change.changes).toMatchObject([
      { change: 'delete', name: 'stack news', note: expect.stringContaining('once it has cooled off') as string },
    ]);
    expect(change.rolls).toEqual([]);
  });

  it('rolls no node for a group that may become larger', () => {
    const change = compare(rendering({ 'node-pools/worker/stack.yaml': stack('ami-1', 12) }));
    expect(change).toMatchObject({ class: 'stacks', rolls: [] });
    expect(change.changes).toHaveLength(1);
  });

  it('takes a comment for no change', () => {
    const change = compare(rendering({ 'node-pools/worker/stack.yaml': `# why\n${stack('ami-1', 9)}` }));
    expect(change.class).toBe('no-op');
  });

  it('says that only hidden values differ, and shows none of them', () => {
    const secret = (value: string): string =>
      `apiVersion: v1\nkind: Secret\nmetadata: {name: keys, namespace: kube-system}\nstringData: {key: ${value}}\n`;
    const before = rendering({ 'manifests/settings/map.yaml': secret('planted-old') });
    const after = rendering({ 'manifests/settings/map.yaml': secret('planted-new') });
    const change = compare(after, { recorded: before, fact: applied(before) });
    expect(change.changes).toMatchObject([{ name: 'Secret kube-system/keys', hiddenOnly: true, diff: [] }]);
    expect(JSON.stringify(change)).not.toContain('planted');
  });

  it('replaces secrets wherever they stand, before and after', () => {
    const hide = (word: string) => (text: string) => text.replaceAll(word, '[redacted]');
    const before = rendering(
      { 'manifests/settings/map.yaml': configMap('settings', 'planted-old') },
      hide('planted-old'),
    );
    const after = rendering(
      { 'manifests/settings/map.yaml': configMap('settings', 'planted-new') },
      hide('planted-new'),
    );
    const change = compare(after, { recorded: before, fact: applied(before) });
    expect(change.changes).toMatchObject([{ hiddenOnly: true }]);
    expect(JSON.stringify(change)).not.toContain('planted');
  });
});

describe('what was applied is not always known', () => {
  const touched = (fact: ClusterFact, component: string): ClusterFact => {
    const { [component]: _, ...components } = fact.digests.components;
    return { ...fact, digest: null, digests: { ...fact.digests, components } };
  };

  it('compares a unit that an update took out of the record with the last whole version', () => {
    const after = rendering({ 'manifests/proxy/daemonset.yaml': daemonSet('proxy:2') });
    const change = compare(after, { fact: touched(applied(rendering()), 'proxy'), begun: [after] });
    expect(change.changes).toMatchObject([{ name: 'DaemonSet kube-system/proxy', change: 'update' }]);
    expect(change.changes[0]?.note).toContain('has begun and not ended');
  });

  it('knows what an interrupted update has applied', () => {
    const begun = rendering({ 'manifests/proxy/daemonset.yaml': daemonSet('proxy:2') });
    const fact = { ...applied(begun), digest: null };
    const change = compare(rendering({ 'manifests/proxy/daemonset.yaml': daemonSet('proxy:3') }), {
      fact,
      begun: [begun],
    });
    expect(change.changes[0]?.diff.filter((line) => /^[+-]/.test(line))).toEqual([
      '-        - image: proxy:2',
      '+        - image: proxy:3',
    ]);
  });

  it('says what it cannot know, and never that it is nothing', () => {
    const digests = { stacks: {}, components: {}, pools: {} };
    const observed = parseClusterFact({ ...applied(rendering()), commit: null, digest: null, digests });
    const change = compare(rendering(), { fact: observed, recorded: undefined });
    expect(change.class).toBe('unknown');
    expect(new Set(change.changes.map((one) => one.change))).toEqual(new Set(['unknown']));
    expect(change.rolls).toMatchObject([{ certain: false, nodes: 7 }]);
    const other = { ...applied(rendering()), digest: 'x' };
    other.digests = {
      ...other.digests,
      components: { ...other.digests.components, proxy: 'another program rendered it' },
    };
    expect(compare(rendering(), { fact: other }).changes).toMatchObject([
      { change: 'unknown', name: 'component proxy' },
    ]);
  });

  it('does not take a cluster that nobody has looked at for a new one', () => {
    expect(compare(rendering(), { fact: undefined, recorded: undefined })).toMatchObject({
      class: 'not-seen',
      changes: [],
    });
    const fresh = compare(rendering(), { fact: undefined, recorded: undefined, fresh: true });
    expect(fresh).toMatchObject({ class: 'new', rolls: [] });
    expect(fresh.changes.every((one) => one.change === 'create')).toBe(true);
  });

  it('compares sealed renderings with each other, and not with recorded digests', () => {
    const seal = (one: Rendering): Rendering => ({ ...one, sealed: true });
    const digestsOfPlaintexts = applied(rendering({ 'manifests/settings/map.yaml': configMap('settings', 'plain') }));
    const same = compare(seal(rendering()), { fact: digestsOfPlaintexts, recorded: seal(rendering()) });
    expect(same).toMatchObject({ class: 'no-op', changes: [] });
    const other = seal(rendering({ 'manifests/proxy/daemonset.yaml': daemonSet('proxy:2') }));
    const change = compare(other, { fact: digestsOfPlaintexts, recorded: seal(rendering()) });
    expect(told(change)).toEqual(['update DaemonSet kube-system/proxy']);
  });
});
