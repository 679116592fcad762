import { describe, expect, it } from 'vitest';
import { drawWork, type Measured } from '../../../../src/cli/what-if/work-model.ts';
import type { Cluster, NodePool } from '../../../../src/domain/cluster.ts';
import type { RenderedStack } from '../../../../src/domain/rendered.ts';
import { compareCluster } from '../../../../src/planning/change/compare-cluster.ts';
import { type GroupContentsInput, groupContents } from '../../../../src/planning/change/group-contents.ts';
import { type Launches, launchesOf } from '../../../../src/planning/change/launches.ts';
import { unknownCluster } from '../../../../src/planning/pipeline/facts.ts';
import { allDigests } from '../../../../src/planning/pipeline/update-plan.ts';
import type { FleetBootRecord } from '../../../../src/planning/roll/canary.ts';
import { contentOf } from '../../../../src/planning/roll/template-content.ts';
import { nodeGroupOf } from '../../../../src/providers/aws/groups.ts';
import { seededRandom } from '../../../../src/support/random.ts';
import { renderedCluster, renderFiles } from '../../../support/render-input.ts';
import { shippedConfiguration } from '../../../support/shipped-configuration.ts';
import { SimulatedCloud } from '../../simulator-aws/simulated-cloud.ts';

const now = Date.UTC(2026, 10, 22);
const pool: NodePool = {
  name: 'workers',
  profile: 'worker',
  instanceTypes: ['m5.large'],
  discountStrategy: 'none',
  minSize: 6,
  maxSize: 9,
  configItems: { roll_surge: '6' },
};
const cluster: Cluster = { ...renderedCluster, nodePools: [pool] };

interface Group {
  template: string;
  types?: string[];
}

const group = (name: string, { template, types }: Group): string => {
  const named = `{LaunchTemplateId: !Ref ${template}, Version: !GetAtt ${template}.LatestVersionNumber}`;
  const overrides = (types ?? []).map((one) => `{InstanceType: ${one}}`).join(', ');
  const launch =
    types === undefined
      ? `LaunchTemplate: ${named}`
      : `MixedInstancesPolicy: {LaunchTemplate: {LaunchTemplateSpecification: ${named}, Overrides: [${overrides}]}}`;
  return `  ${name}: {Type: AWS::AutoScaling::AutoScalingGroup, Properties: {MinSize: 1, MaxSize: 9, ${launch}}}\n`;
};
const template = (name: string, image: string, more = ''): string =>
  `  ${name}: {Type: AWS::EC2::LaunchTemplate, Properties: {LaunchTemplateData: {ImageId: ${image}, InstanceType: m5.large, UserData: "{{ .Values.UserData }}"${more}}}}\n`;

const files = (resources: string): Record<string, string> => ({
  'cluster.yaml': 'Resources: {Bucket: {Type: AWS::S3::Bucket}}\n',
  'config-defaults.yaml': 'kubernetes_version: v1.34.3\n',
  'node-pools/worker/stack.yaml': `Resources:\n${resources}`,
  'node-pools/worker/userdata.yaml': '#cloud-config\nruncmd: [one]\n',
});
const rendering = (resources: string) => renderFiles(files(resources), { nodePools: [pool] });
const stackIn = (stacks: RenderedStack[]): RenderedStack =>
  stacks.find((one) => one.kind === 'node-pool') ?? expect.fail('no stack of a pool');
const launches = (resources: string): Launches =>
  launchesOf(stackIn(rendering(resources).stacks)) ?? expect.fail('no template');

function contents(after: string | Launches, more: Partial<GroupContentsInput> & { records?: FleetBootRecord[] } = {}) {
  const policy = { canary: 'auto' as const, canaryEvidenceMs: 86_400_000 };
  const evidence = { records: more.records ?? [], now };
  const input = { cluster, pool: 'workers', kubernetesVersion: 'v1.34.3', before: undefined, policy, evidence };
  return groupContents({ ...input, after: typeof after === 'string' ? launches(after) : after, ...more });
}

/** How many contents, and the groups that nothing proves. */
const told = (found: ReturnType<typeof contents>): [number, string[]] => [
  new Set(found.map((one) => one.key)).size,
  found.flatMap((one) => (one.canary.needed ? [one.group] : [])),
];

function booted(found: ReturnType<typeof contents>, name: string, clusterId = 'elsewhere'): FleetBootRecord {
  const { content } = found.find((one) => one.group === name) ?? {};
  if (content == null) return expect.fail(`${name} has no content`);
  return { ...content, clusterId, pool: 'any', nodes: 1, since: now - 1_000, lastAt: now - 1_000, failedAt: null };
}

const two = (image: string): string =>
  template('A', image) +
  template('B', image, ', EbsOptimized: "true"') +
  group('GroupA', { template: 'A' }) +
  group('GroupB', { template: 'B' });

describe('the contents of a pool as they render', () => {
  it('are one where groups share template and families, or have what is equal, and several where anything differs', () => {
    const same = template('A', 'ami-2') + template('B', 'ami-2');
    const groups = (a: Group, b: Group): string => group('GroupA', a) + group('GroupB', b);
    expect(told(contents(same + groups({ template: 'A' }, { template: 'B' })))[0]).toBe(1);
    const mixed = (types: string[]): string =>
      same + groups({ template: 'A', types: ['m5.large', 'm5.xlarge'] }, { template: 'A', types });
    expect(told(contents(mixed(['m5.large'])))[0]).toBe(1);
    expect(told(contents(mixed(['m6g.large'])))[0]).toBe(2);
    expect(told(contents(two('ami-2')))).toEqual([2, ['GroupA', 'GroupB']]);
    // EC2 tells it as a truth value, however the template writes it
    expect(contents(two('ami-2').replace('"true"', 'true'))).toEqual(contents(two('ami-2')));
  });

  it('are proven by nodes of the same content elsewhere, each by its own, where the rest of the template has stayed', () => {
    const before = launches(two('ami-1'));
    const found = contents(two('ami-2'), { before });
    expect(found.map((one) => one.canary.reason)).toEqual([
      'no node of ami-2 with this user data has become usable within 1d',
      'no node of ami-2 with this user data has become usable within 1d',
    ]);
    expect(told(contents(two('ami-2'), { before, records: [booted(found, 'GroupA')] }))).toEqual([2, ['GroupB']]);
    const records = [booted(found, 'GroupA'), booted(found, 'GroupB')];
    expect(told(contents(two('ami-2'), { before, records }))).toEqual([2, []]);
    // what the old ones were launched from is not known, so that nobody can say what has stayed
    expect(contents(two('ami-2'), { records })[0]?.canary).toEqual({
      needed: true,
      reason: 'what the old nodes of GroupA were launched from is not known: what is applied is not known',
    });
    const guarded = two('ami-2').replaceAll('ImageId', 'SecurityGroupIds: [sg-2], ImageId');
    expect(told(contents(guarded, { before, records }))).toEqual([2, ['GroupA', 'GroupB']]);
  });

  it('are those of groups that change, and of all where that is not known', () => {
    const before = launches(two('ami-1'));
    const changed = two('ami-1').replace('ami-1', 'ami-2');
    expect(contents(changed, { before }).map((one) => one.group)).toEqual(['GroupA']);
    expect(contents(changed).map((one) => one.group)).toEqual(['GroupA', 'GroupB']);
  });

  it('are unproven and kept apart where they cannot be told', () => {
    const foreign = group('GroupA', { template: 'Elsewhere' }) + group('GroupB', { template: 'A' });
    const found = contents(template('A', 'ami-2') + foreign);
    expect(told(found)).toEqual([2, ['GroupA', 'GroupB']]);
    expect(found[0]?.canary.reason).toBe(
      'what GroupA launches is not known: it launches from nothing that its stack has',
    );
    expect(contents(two('ami-2'), { kubernetesVersion: undefined })[0]?.canary.reason).toContain(
      'the configuration has no kubernetes_version',
    );
    const own = two('ami-2').replaceAll('"{{ .Values.UserData }}"', '{"Fn::Base64": text}');
    const { 'node-pools/worker/userdata.yaml': _none, ...rest } = files(own);
    const { stacks } = renderFiles(rest, { nodePools: [pool] });
    const unreadable = contents(launchesOf(stackIn(stacks)) ?? expect.fail('no template'));
    expect(unreadable[0]?.canary.reason).toContain('CloudFormation makes its user data');
  });

  it('of the shipped configuration are those that launched nodes are recorded with', () => {
    const cloud = new SimulatedCloud();
    const workers = { ...pool, profile: 'worker-default' };
    const { Subnets } = cloud.call('ec2', 'DescribeSubnets') as { Subnets: Record<string, string>[] };
    const subnets = Subnets.map((one) => `${one['AvailabilityZone']}=${one['SubnetId']}`).join(',');
    const of = { nodePools: [workers], configItems: { vpc_id: 'vpc-1', subnets } };
    const { kubernetesVersion, stacks } = renderFiles(Object.fromEntries(shippedConfiguration()), of);
    const stack = stackIn(stacks);
    const exported = ['worker-instance-profile', 'worker-security-group']
      .map((name, i) => `  Out${i}: {Value: value-${i}, Export: {Name: "kube-1:${name}"}}`)
      .join('\n');
    cloud.createStack('cluster', `Resources: {Bucket: {Type: AWS::S3::Bucket}}\nOutputs:\n${exported}\n`);
    cloud.pass(100);
    cloud.createStack('pool', stack.template);
    cloud.pass(300);
    const live = nodeGroupOf(cloud.call('autoscaling', 'DescribeAutoScalingGroups', {}).AutoScalingGroups[0]);
    const { id, version } = live.launchTemplate;
    const input = { LaunchTemplateId: id, Versions: [version] };
    const [described] = cloud.call('ec2', 'DescribeLaunchTemplateVersions', input).LaunchTemplateVersions;
    const owner = { ...cluster, clusterId: cluster.id, pool: 'workers', kubernetes: '1.34' };
    const recorded = contentOf(described.LaunchTemplateData, live, owner);
    const after = launchesOf(stack) ?? expect.fail('no template');
    expect(contents(after, { kubernetesVersion })).toMatchObject([
      { group: 'AutoScalingGroup', content: { content: recorded.content, image: recorded.image } },
    ]);
  });
});

describe('a forecast', () => {
  const [before, after] = [rendering(two('ami-1')), rendering(two('ami-2'))];
  const plain = { redact: (text: string) => text, sealed: false };
  const found = contents(two('ami-2'), { before: launches(two('ami-1')) });
  const all = [booted(found, 'GroupA'), booted(found, 'GroupB')];
  const history = { boots: [100_000], drains: [10_000] };

  function planned(records: FleetBootRecord[], configItems: Cluster['configItems'] = {}) {
    const own = { ...cluster, configItems };
    const fact = { ...unknownCluster(), adopted: true, commit: 'c0ffee', digest: before.digest };
    return compareCluster(
      {
        after: { rendered: after, ...plain },
        fact: { ...fact, digests: allDigests(before) },
        recorded: { rendered: before, ...plain },
        begun: [],
        fresh: false,
        cluster: own,
        sizes: { workers: 6 },
        histories: new Map([['workers', history]]),
        evidence: { records, now },
      },
      { cluster: own, notes: [], refusals: [] },
    );
  }

  it('of clm plan has a boot first for each content that no record proves, and says which and why', () => {
    const seconds = (records: FleetBootRecord[]): number => planned(records).rolls[0]?.p50Seconds ?? 0;
    // one content alone, then the other one, then the rest; then only one of them beside what is proven
    expect([seconds([]) - seconds(all), seconds(all.slice(1)) - seconds(all)]).toEqual([200, 100]);
    const none = 'no node of ami-2 with this user data has become usable within 14d';
    const { notes, rolls } = planned(all.slice(1));
    expect(rolls[0]?.contents).toMatchObject([
      { groups: ['GroupA'], canary: { needed: true, reason: none } },
      { groups: ['GroupB'], canary: { needed: false } },
    ]);
    expect(notes).toEqual([
      `the forecast reckons in workers (GroupA) with one new node first: ${none}`,
      expect.stringMatching(/^the forecast reckons in workers \(GroupB\) without a canary: ami-2 with this user data/),
    ]);
    expect(planned([], { roll_canary: 'false' }).rolls[0]?.p50Seconds).toBe(seconds(all));
  });

  it('of clm simulate goes by what earlier updates of the simulation have shown, too', () => {
    const measured: Measured = {
      updates: new Map(),
      sizes: new Map([[cluster.id, { workers: 6 }]]),
      histories: new Map([[`${cluster.id}/workers`, history]]),
      boots: [],
    };
    const input = { cluster, before, after, checkRuns: 1, midRoll: false, alike: [], boots: [], now };
    const draw = (boots: FleetBootRecord[]) => drawWork(measured, { ...input, boots }, seededRandom('any'));
    const first = draw([]);
    const shown = first.boots.map((boot) => ({ ...boot, clusterId: 'elsewhere', since: now, lastAt: now }));
    expect(shown).toHaveLength(2);
    const ms = (work: typeof first): number => work.rolls.get('workers') ?? 0;
    expect(ms(first) - ms(draw(shown))).toBe(200_000);
    expect(ms(draw(all))).toBe(ms(draw(shown)));
  });
});
