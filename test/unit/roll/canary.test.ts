import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { NodeContent } from '../../../src/domain/node-pool-roll.ts';
import {
  type CanaryInput,
  canaryOfPool,
  type FleetBootRecord,
  isSpent,
  judgeCanaries,
  needsCanary,
  withBoots,
} from '../../../src/planning/roll/canary.ts';
import { contentOf, type TemplateOwner } from '../../../src/planning/roll/template-content.ts';
import { now } from '../../support/roll-builders.ts';

const hour = 3_600_000;
const day = 24 * hour;

const owner = (n: number, more: Partial<TemplateOwner> = {}): TemplateOwner => ({
  clusterId: `aws:12345678901${n}:eu-central-1:kube-${n}`,
  localId: `kube-${n}`,
  apiServerUrl: `https://shop-${n}.example.org`,
  pool: 'worker-default',
  kubernetes: '1.34',
  ...more,
});

const script = (n: number, pool = 'worker-default', more = ''): string =>
  [
    '#cloud-config',
    `kubelet 1.34.1 --node-labels=node.kubernetes.io/node-pool=${pool},lifecycle-status=ready`,
    `fetch-pki --path /kubernetes/kube-${n}/worker --server https://shop-${n}.example.org/ca`,
    `tags kubernetes.io/cluster/aws:12345678901${n}:eu-central-1:kube-${n} ${more}`,
  ].join('\n');

const packed = (text: string): string => gzipSync(Buffer.from(text)).toString('base64');

/** The template of cluster n; its own things carry n. */
const template = (n: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  ImageId: 'ami-1',
  InstanceType: 'm5.large',
  IamInstanceProfile: { Name: `profile-${n}` },
  SecurityGroupIds: [`sg-${n}`],
  BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 50, KmsKeyId: `key-${n}` } }],
  UserData: packed(script(n)),
  ...more,
});

const content = (n: number, more: Record<string, unknown> = {}, by: Partial<TemplateOwner> = {}): NodeContent =>
  contentOf(template(n, more), {}, owner(n, by));

describe('the content of a launch template', () => {
  it('is the same in two clusters that differ by their own names and things alone', () => {
    expect(content(2).content).toBe(content(1).content);
    expect(content(2).surroundings).not.toBe(content(1).surroundings);
    expect(content(1).image).toBe('ami-1');
  });

  it('is the same for two pools that differ by their own label, and for two sizes of one family', () => {
    const other = content(1, { UserData: packed(script(1, 'ingress')) }, { pool: 'ingress' });
    expect(other).toEqual(content(1));
    expect(content(1, { InstanceType: 'm5.4xlarge' })).toEqual(content(1));
    expect(contentOf(template(1), { instanceTypes: ['m5.xlarge', 'm5.large'] }, owner(1))).toEqual(content(1));
    const options = (more: object) => content(1, { MetadataOptions: { HttpTokens: 'required', ...more } });
    expect(options({ State: 'applied' })).toEqual(options({}));
    expect(options({ HttpTokens: 'optional' })).not.toEqual(options({}));
  });

  it.each([
    ['image', { ImageId: 'ami-2' }],
    ['instance family', { InstanceType: 'm6g.large' }],
    ['user data', { UserData: packed(script(1, 'worker-default', 'more')) }],
    ['another pool’s label', { UserData: packed(script(1, 'worker-default-2')) }],
    ['another cluster’s name', { UserData: packed(script(2)) }],
    ['disk', { BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 60, KmsKeyId: 'key-1' } }] }],
    ['a setting that this program does not know', { EnclaveOptions: { Enabled: true } }],
    ['user data that cannot be unpacked', { UserData: packed(script(1)).slice(0, 60) }],
    ['user data that unpacks to more than there can be', { UserData: packed('x'.repeat(1_500_000)) }],
  ])('differs by %s', (_what, more) => {
    expect(content(1, more).content).not.toBe(content(1).content);
  });

  it('differs by the Kubernetes version of the cluster, and by the families a group may launch', () => {
    expect(content(1, {}, { kubernetes: '1.35' }).content).not.toBe(content(1).content);
    const mixed = contentOf(template(1), { instanceTypes: ['m5.large', 'c5.large'] }, owner(1));
    expect(mixed.content).not.toBe(content(1).content);
  });

  it.each([
    ['profile', { IamInstanceProfile: { Name: 'other' } }],
    ['security groups', { SecurityGroupIds: ['sg-1', 'sg-9'] }],
    ['key of a disk', { BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 50, KmsKeyId: 'k' } }] }],
    ['tags', { TagSpecifications: [{ ResourceType: 'instance', Tags: [] }] }],
  ])('leaves out what belongs to the cluster, which is another one by its %s', (_what, more) => {
    expect(content(1, more).content).toBe(content(1).content);
    expect(content(1, more).surroundings).not.toBe(content(1).surroundings);
  });

  it('sees a name of the cluster that the user data did not have before', () => {
    const moved = content(1, {}, { apiServerUrl: 'https://moved.example.org' });
    expect(moved.surroundings).not.toBe(content(1).surroundings);
  });

  it('takes no word of the text for the name of a cluster', () => {
    const one = content(1, { UserData: packed('run worker') }, { localId: 'worker' });
    const two = content(2, { UserData: packed('run master') }, { localId: 'master' });
    expect(one.content).not.toBe(two.content);
    // kube-1 is no part of kube-12
    const long = content(1, { UserData: packed('join kube-12') });
    expect(long.content).not.toBe(content(1, { UserData: packed('join kube-12') }, { localId: 'kube-12' }).content);
  });
});

const record = (n: number, more: Partial<FleetBootRecord> = {}): FleetBootRecord => ({
  ...content(n),
  clusterId: owner(n).clusterId,
  pool: 'worker-default',
  nodes: 12,
  since: now - 3 * hour,
  lastAt: now - 2 * hour,
  failedAt: null,
  ...more,
});

const judgeAll = (records: FleetBootRecord[], more: Partial<CanaryInput> = {}) =>
  judgeCanaries({
    policy: { canary: 'auto', canaryEvidenceMs: 14 * day },
    clusterId: owner(2).clusterId,
    groups: [{ name: 'workers', target: content(2), before: content(2, { ImageId: 'ami-0' }) }],
    records,
    now,
    ...more,
  });

const judge = (records: FleetBootRecord[], more: Partial<CanaryInput> = {}) => canaryOfPool(judgeAll(records, more));

describe('a canary', () => {
  it('is left out where nodes of the very same content became usable elsewhere, and the reason says which and since when', () => {
    const since = new Date(now - 3 * hour).toISOString();
    expect(judge([record(1)])).toEqual({
      needed: false,
      reason: `ami-1 with this user data became usable on 12 nodes in ${owner(1).clusterId} since ${since}`,
    });
    expect(judge([record(1), record(3, { nodes: 1 })]).reason).toContain(
      `13 nodes in ${owner(1).clusterId} and 1 more`,
    );
  });

  it('comes first for a content that no node has had', () => {
    expect(judge([])).toMatchObject({ needed: true });
    expect(judge([record(1, { content: 'other' })]).reason).toBe(
      'no node of ami-1 with this user data has become usable within 14d',
    );
    expect(judge([record(1, { nodes: 0 })]).needed).toBe(true);
  });

  it('comes first where the evidence is old, or of a time that is still to come', () => {
    expect(judge([record(1, { lastAt: now - 14 * day })]).needed).toBe(false);
    expect(judge([record(1, { lastAt: now - 14 * day - 1 })]).needed).toBe(true);
    expect(judge([record(1, { lastAt: now + 1 })]).needed).toBe(true);
  });

  it('comes first after a node of this content was given up anywhere, until one has become usable since', () => {
    const failed = record(3, { nodes: 0, failedAt: now - hour });
    expect(judge([record(1), failed])).toMatchObject({ needed: true });
    expect(judge([record(1), failed]).reason).toContain(`given up in ${owner(3).clusterId}`);
    expect(judge([record(1, { lastAt: now - hour }), failed]).needed).toBe(true);
    expect(judge([record(1, { lastAt: now - hour + 1 }), failed]).needed).toBe(false);
  });

  it('comes first where the template names other things of its cluster than the nodes that serve there', () => {
    const groups = [{ name: 'workers', target: content(2), before: content(2, { SecurityGroupIds: ['sg-old'] }) }];
    expect(judge([record(1)], { groups }).reason).toMatch(/^profile, security groups/);
    const unknown = [{ name: 'workers', target: content(2), before: { unknown: 'it was deleted' } }];
    expect(judge([record(1)], { groups: unknown }).reason).toContain('it was deleted');
    // nodes of this cluster have shown that these things do
    expect(judge([record(2)], { groups }).needed).toBe(false);
    expect(judge([record(2)], { groups: unknown }).needed).toBe(false);
    expect(judge([record(2, { surroundings: 'others' })], { groups }).needed).toBe(true);
  });

  it('comes first where the content is not known', () => {
    const groups = [{ name: 'workers', target: { unknown: 'access denied' }, before: content(2) }];
    expect(judge([record(1)], { groups })).toEqual({
      needed: true,
      reason: 'what workers launches is not known: access denied',
    });
  });

  it('is judged for each group by its own content, and told of the pool group by group where they differ', () => {
    const two = [
      { name: 'a', target: content(2), before: content(2) },
      { name: 'b', target: content(2, { ImageId: 'ami-9' }), before: content(2) },
    ];
    const judged = judgeAll([record(1)], { groups: two });
    expect([judged.get('a')?.needed, judged.get('b')?.needed]).toEqual([false, true]);
    expect(judge([record(1)], { groups: two })).toEqual({
      needed: true,
      reason: `a: ${judged.get('a')?.reason}; b: no node of ami-9 with this user data has become usable within 14d`,
    });
    expect(judge([], { groups: [] }).needed).toBe(true);
  });

  it('is always there, or never, where the cluster says so, and a roll under way follows', () => {
    const policy = (canary: boolean | 'auto') => ({ canary, canaryEvidenceMs: 14 * day });
    expect(judge([record(1)], { policy: policy(true) })).toEqual({ needed: true, reason: 'roll_canary is true' });
    expect(judge([], { policy: policy(false) })).toEqual({ needed: false, reason: 'roll_canary is false' });
    expect(needsCanary(policy(true), { needed: false, reason: '' })).toBe(true);
    expect(needsCanary(policy(false), { needed: true, reason: '' })).toBe(false);
    expect(needsCanary(policy('auto'), { needed: true, reason: '' })).toBe(true);
    expect(needsCanary(policy('auto'), { needed: false, reason: '' })).toBe(false);
  });
});

describe('the record of boots', () => {
  it('counts nodes of one content, and keeps the others for a while', () => {
    const first = withBoots([], content(1), { usable: 1, failed: false, now });
    expect(first).toMatchObject([{ nodes: 1, since: now, lastAt: now, failedAt: null }]);
    const later = withBoots(first, content(1), { usable: 2, failed: false, now: now + hour });
    expect(later).toMatchObject([{ nodes: 3, since: now, lastAt: now + hour }]);
    const failed = withBoots(later, content(1), { usable: 0, failed: true, now: now + 2 * hour });
    expect(failed).toMatchObject([{ nodes: 3, lastAt: now + hour, failedAt: now + 2 * hour }]);
    const other = withBoots(failed, content(1, { ImageId: 'ami-2' }), {
      usable: 1,
      failed: false,
      now: now + 3 * hour,
    });
    expect(other.map((one) => one.image)).toEqual(['ami-2', 'ami-1']);
    const muchLater = withBoots(other, content(1, { ImageId: 'ami-3' }), {
      usable: 1,
      failed: false,
      now: now + 91 * day,
    });
    expect(muchLater.map((one) => one.image)).toEqual(['ami-3']);
  });

  it('is bounded, and is nothing once all of it is old', () => {
    let records = withBoots([], content(1), { usable: 1, failed: false, now });
    for (let i = 2; i <= 30; i++) {
      records = withBoots(records, content(1, { ImageId: `ami-${i}` }), { usable: 1, failed: false, now: now + i });
    }
    expect(records).toHaveLength(10);
    expect(records[0]?.image).toBe('ami-30');
    expect(isSpent(records, now + 90 * day)).toBe(false);
    expect(isSpent(records, now + 91 * day)).toBe(true);
  });
});
