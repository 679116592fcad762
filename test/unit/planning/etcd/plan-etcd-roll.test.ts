import { describe, expect, it } from 'vitest';
import {
  defaultEtcdSettings,
  type EtcdRoll,
  type EtcdSettings,
  readEtcdSettings,
} from '../../../../src/domain/etcd.ts';
import { readMemberHealth, readMemberList } from '../../../../src/planning/etcd/etcd-answers.ts';
import {
  type EtcdPlanInput,
  etcdNeedsCare,
  etcdRollTag,
  type ListedMember,
  type MemberHealth,
  planEtcdRoll,
} from '../../../../src/planning/etcd/plan-etcd-roll.ts';
import type { NodeGroup } from '../../../../src/ports/cloud-provider.ts';

const now = 10_000_000;
const rolling: EtcdSettings = { ...defaultEtcdSettings, healthUrl: 'http://{address}:2381/health' };
const fresh: EtcdSettings = { ...rolling, data: 'fresh', clientUrl: 'https://{address}:2379' };
const settled: EtcdRoll = {
  total: 3,
  outdated: 3,
  lookedAt: now - 15_000,
  healthySince: now - 60_000,
  unwellMs: 0,
  inFlight: null,
};

interface Shape {
  /** Version that each instance was launched from, group by group: the groups want version 2. */
  versions?: string[];
  /** Health by position; healthy unless given. */
  health?: Record<number, MemberHealth['state']>;
  states?: Record<number, string>;
  marks?: Record<number, string>;
  settings?: EtcdSettings;
  previous?: Partial<EtcdRoll> | null;
  listed?: EtcdPlanInput['listed'];
  wanted?: string;
}

const address = (at: number): string => `10.0.0.${at + 1}`;

function input({
  versions = ['1', '1', '1'],
  health = {},
  states = {},
  marks = {},
  settings = rolling,
  previous,
  listed,
  wanted = '2',
}: Shape): EtcdPlanInput {
  const groups = versions.map(
    (version, at): NodeGroup => ({
      name: `etcd-${at}`,
      desired: 1,
      min: 1,
      max: 1,
      zones: ['a'],
      subnets: [],
      launchTemplate: { id: 'lt', name: 'etcd', version: wanted },
      newInstancesProtected: false,
      suspendedProcesses: [],
      classicLoadBalancers: [],
      targetGroups: [],
      tags: marks[at] === undefined ? {} : { [etcdRollTag]: marks[at] },
      instances:
        version === ''
          ? []
          : [
              {
                id: `i-${at}`,
                zone: 'a',
                instanceType: 'm5.large',
                lifecycleState: states[at] ?? 'InService',
                health: 'Healthy',
                protectedFromScaleIn: false,
                launchTemplate: { id: 'lt', version },
              },
            ],
    }),
  );
  const ids = groups.flatMap((group) => group.instances.map((one) => one.id));
  return {
    groups,
    settings,
    addresses: new Map(ids.map((id) => [id, address(Number(id.slice(2)))])),
    health: new Map(ids.map((id) => [id, { state: health[Number(id.slice(2))] ?? 'healthy', said: 'it says so' }])),
    listed,
    previous: previous === null ? undefined : { ...settled, ...previous },
    now,
  };
}

const plan = (shape: Shape) => planEtcdRoll(input(shape));
const member = (at: number, more: Partial<ListedMember> = {}): ListedMember => ({
  id: `7${at}`,
  name: `m${at}`,
  learner: false,
  peerUrls: [`https://${address(at)}:2380`],
  clientUrls: [`https://${address(at)}:2379`],
  ...more,
});
const three = [member(0), member(1), member(2)];

describe('the plan of an etcd roll', () => {
  it('marks one outdated member when all have been healthy for the settle time, and says why', () => {
    expect(plan({}).action).toEqual({
      kind: 'mark',
      group: 'etcd-0',
      instanceId: 'i-0',
      reason: 'all 3 members are healthy, and i-0 of etcd-0 is outdated: it goes next',
    });
    expect(plan({ versions: ['2', '1', '1'] }).action).toMatchObject({ kind: 'mark', instanceId: 'i-1' });
  });

  it('waits for the settle time also before the first member', () => {
    const first = plan({ previous: null });
    expect(first).toMatchObject({
      verdict: { kind: 'going-on' },
      wait: { code: 'etcd-settling' },
      progress: { healthySince: now },
    });
    expect(first.action).toBeUndefined();
    expect(plan({ previous: { healthySince: now - 59_999 } }).action).toBeUndefined();
  });

  it.each([
    ['unhealthy', { health: { 2: 'unhealthy' } }, 'etcd-member-unhealthy'],
    ['unknown', { health: { 2: 'unknown' } }, 'etcd-health-unknown'],
    ['being launched', { states: { 2: 'Pending' } }, 'etcd-member-unhealthy'],
    ['standing by', { states: { 2: 'Standby' } }, 'etcd-member-unhealthy'],
    ['missing', { versions: ['1', '1', ''] }, 'etcd-members-missing'],
    ['on its way out', { states: { 2: 'Terminating:Wait' } }, 'etcd-members-missing'],
    ['a learner', { listed: [member(0), member(1), member(2, { learner: true })] }, 'etcd-learner'],
    ['not started', { listed: [member(0), member(1), member(2, { clientUrls: [] })] }, 'etcd-member-unhealthy'],
    ['one too many in the list', { listed: [...three, member(3)] }, 'etcd-members-missing'],
    ['not to be listed', { listed: 'no member is healthy' }, 'etcd-health-unknown'],
  ] as [string, Shape, string][])('starts nothing while a member is %s', (_, shape, code) => {
    const found = plan(shape);
    expect(found.action).toBeUndefined();
    expect(found).toMatchObject({
      verdict: { kind: 'going-on' },
      wait: { code },
      progress: { healthySince: null, unwellMs: 15_000 },
    });
  });

  it('gives up in time what stays unwell, and counts no downtime of its own', () => {
    const shape: Shape = {
      versions: ['1', '1', '2'],
      health: { 2: 'unhealthy' },
      previous: { unwellMs: 20 * 60_000 - 10_000 },
    };
    expect(plan(shape).verdict).toMatchObject({ kind: 'failed', code: 'etcd-unhealthy' });
    const later = { ...shape, previous: { unwellMs: 0, lookedAt: now - 5 * 3_600_000 } };
    expect(plan(later)).toMatchObject({ verdict: { kind: 'going-on' }, progress: { unwellMs: 60_000 } });
  });

  it('ends the marked member only while all others are healthy', () => {
    const marked = { marks: { 0: 'i-0' } };
    expect(plan(marked).action).toMatchObject({ kind: 'terminate', instanceId: 'i-0' });
    // its own health does not matter: it goes anyway
    expect(plan({ ...marked, health: { 0: 'unknown' } }).action).toMatchObject({ kind: 'terminate' });
    for (const health of [{ 1: 'unhealthy' }, { 2: 'unknown' }] as const) {
      const found = plan({ ...marked, health });
      expect(found.action).toBeUndefined();
      expect(found.wait).toMatchObject({ code: 'etcd-quorum-at-risk' });
    }
    expect(plan({ ...marked, versions: ['1', '1', ''] }).action).toBeUndefined();
    // three others of five are a quorum, and one too few nevertheless
    const five = { ...marked, versions: ['1', '1', '1', '1', '1'] };
    expect(plan(five).action).toMatchObject({ kind: 'terminate' });
    expect(plan({ ...five, health: { 4: 'unhealthy' } }).action).toBeUndefined();
  });

  it('waits for the successor of a marked member until all have been healthy for the settle time', () => {
    const gone: Shape = { versions: ['2', '1', '1'], marks: { 0: 'i-old' } };
    const ill = plan({ ...gone, health: { 0: 'unknown' } });
    expect(ill.action).toBeUndefined();
    expect(ill.wait.message).toMatch(
      /^the member that follows i-old is waited for: 2 of 3 members are healthy; i-0 of etcd-0/,
    );
    expect(plan({ ...gone, versions: ['', '1', '1'] }).wait).toMatchObject({ code: 'etcd-members-missing' });
    expect(plan({ ...gone, previous: { healthySince: null } }).wait).toMatchObject({ code: 'etcd-settling' });
    expect(plan(gone).action).toMatchObject({ kind: 'unmark', group: 'etcd-0', replaced: true });
  });

  it('never has a second one under way: not by a mark of somebody else, either', () => {
    const found = plan({ marks: { 0: 'i-0', 1: 'i-1' } });
    expect(found.action).toBeUndefined();
    expect(found.verdict).toMatchObject({ kind: 'failed', code: 'etcd-two-marks' });
  });

  it('takes back a mark when the member is not outdated any more, or people shall do it', () => {
    expect(plan({ versions: ['2', '1', '1'], marks: { 0: 'i-0' } }).action).toMatchObject({
      kind: 'unmark',
      replaced: false,
    });
    const manual = { ...rolling, strategy: 'manual' as const };
    expect(plan({ marks: { 0: 'i-0' }, settings: manual }).action).toMatchObject({ kind: 'unmark', replaced: false });
  });

  it('replaces an ill member first when it is outdated itself, alone, and has been ill for long', () => {
    const ill: Shape = { health: { 1: 'unknown' }, previous: { unwellMs: 5 * 60_000, healthySince: null } };
    expect(plan(ill).action).toMatchObject({ kind: 'mark', group: 'etcd-1', instanceId: 'i-1' });
    expect(plan({ ...ill, previous: { unwellMs: 60_000 } }).action).toBeUndefined();
    expect(plan({ ...ill, health: { 1: 'unknown', 2: 'unknown' } }).action).toBeUndefined();
    expect(plan({ ...ill, versions: ['1', '2', '1'] }).action).toBeUndefined();
    // the successor of an earlier one that never came up, once its template is corrected
    expect(plan({ ...ill, marks: { 1: 'i-gone' } }).action).toMatchObject({ kind: 'mark', instanceId: 'i-1' });
    // another group's successor is there by now: its mark goes first, so that there is never a second one
    const other = plan({ ...ill, versions: ['2', '1', '1'], marks: { 0: 'i-gone' } });
    expect(other.action).toMatchObject({ kind: 'unmark', group: 'etcd-0', replaced: true });
    expect(other.wait.message).toBe('the member that follows i-gone is healthy, and i-1 of etcd-1 is not');
    expect(plan({ ...ill, versions: ['2', '1', '1'] }).action).toMatchObject({ kind: 'mark', instanceId: 'i-1' });
  });

  it('removes a member from etcd before its instance ends where its successor joins as a new one', () => {
    const marked: Shape = { marks: { 0: 'i-0' }, settings: fresh, listed: three };
    expect(plan({ ...marked, marks: {} }).action).toMatchObject({ kind: 'mark' });
    expect(plan(marked).action).toMatchObject({ kind: 'remove-member', memberId: '70', instanceId: 'i-0' });
    expect(plan({ ...marked, listed: [member(1), member(2)] }).action).toMatchObject({
      kind: 'terminate',
      instanceId: 'i-0',
    });
  });

  it.each([
    ['etcd does not say who belongs to it', 'its member list answers 503'],
    ['nobody was asked', undefined],
    ['no entry has its address', [member(5), member(1), member(2)]],
    ['two entries have its address', [member(0), member(0), member(2)]],
    ['it is gone, and another one has not started', [member(1, { clientUrls: [] }), member(2)]],
    ['two are gone', [member(2)]],
  ] as [string, EtcdPlanInput['listed']][])(
    'removes and ends nothing when it is not clear who goes: %s',
    (_, listed) => {
      const found = plan({ marks: { 0: 'i-0' }, settings: fresh, listed });
      expect(found.action).toBeUndefined();
      expect(found.wait).toMatchObject({ code: 'etcd-member-unclear' });
    },
  );

  it('is refused where no wait would help, and touches nothing', () => {
    const { healthUrl: _, ...blind } = rolling;
    expect(plan({ settings: blind }).verdict).toMatchObject({ kind: 'failed', code: 'etcd-health-unset' });
    expect(plan({ versions: ['1'] }).verdict).toMatchObject({ kind: 'failed', code: 'etcd-quorum-too-small' });
    expect(plan({ versions: ['1', '1'] }).verdict).toMatchObject({ kind: 'failed', code: 'etcd-quorum-too-small' });
    expect(plan({ wanted: '$Latest' }).verdict).toMatchObject({ kind: 'failed', code: 'etcd-template-unclear' });
    expect(plan({ settings: { ...blind, strategy: 'manual' } }).verdict).toMatchObject({ kind: 'left' });
  });

  it('rolls an even number, too: the rest of four is a quorum', () => {
    expect(plan({ versions: ['1', '1', '1', '1'] }).action).toMatchObject({ kind: 'mark' });
  });

  it('is complete when nothing is outdated or marked, and asks nobody then', () => {
    const current = input({ versions: ['2', '2', '2'], health: { 0: 'unknown' } });
    expect(etcdNeedsCare(current.groups)).toBe(false);
    expect(planEtcdRoll(current).verdict).toEqual({ kind: 'complete' });
    expect(etcdNeedsCare(input({}).groups)).toBe(true);
    expect(etcdNeedsCare(input({ versions: ['2', '2', '2'], marks: { 1: 'i-9' } }).groups)).toBe(true);
  });
});

describe('what members of etcd answer', () => {
  it.each([
    [200, '{"health":"true","reason":""}', 'healthy'],
    [200, '{"health":true}', 'healthy'],
    [503, '{"health":"false","reason":"RAFT NO LEADER"}', 'unhealthy'],
    [503, '{"health":"true"}', 'unhealthy'],
    [200, '<html>', 'unknown'],
    [404, '{}', 'unknown'],
  ])('%i %s is %s', (status, body, state) => {
    expect(readMemberHealth({ status, body }).state).toBe(state);
  });

  it('reads the list of the JSON gateway, and says what is wrong with any other', () => {
    const body =
      '{"header":{},"members":[{"ID":"18249187646912138824","name":"a","peerURLs":["https://10.0.0.1:2380"]},{"ID":"2","isLearner":true}]}';
    expect(readMemberList({ status: 200, body })).toEqual([
      { id: '18249187646912138824', name: 'a', learner: false, peerUrls: ['https://10.0.0.1:2380'], clientUrls: [] },
      { id: '2', name: '', learner: true, peerUrls: [], clientUrls: [] },
    ]);
    expect(readMemberList({ status: 503, body: '{}' })).toBe('its member list answers 503');
    expect(readMemberList({ status: 200, body: '{"members":[]}' })).toMatch(/not as the v3 API/);
  });
});

describe('settings of etcd', () => {
  it('reads every item, and an empty one as none', () => {
    const items = {
      etcd_update_strategy: 'rolling',
      etcd_health_url: 'http://{address}:2381/health',
      etcd_client_url: 'https://{address}:2379/',
      etcd_tls_directory: '/etc/clm/etcd',
      etcd_member_data: 'fresh',
      etcd_member_timeout: '1h',
      etcd_settle: '2m',
    };
    expect(readEtcdSettings(items)).toEqual({
      settings: { ...fresh, tlsDirectory: '/etc/clm/etcd', memberTimeoutMs: 3_600_000, settleMs: 120_000 },
      problems: [],
    });
    expect(readEtcdSettings({ etcd_health_url: '' })).toEqual({ settings: defaultEtcdSettings, problems: [] });
  });

  it('names every value that cannot be read, and what to write instead', () => {
    const items = {
      etcd_update_strategy: 'auto',
      etcd_health_url: 'http://etcd:2381/health',
      etcd_client_url: 'ftp://{address}',
      etcd_tls_directory: 'certificates',
      etcd_member_data: 'gone',
      etcd_member_timeout: '1m',
      etcd_settle: 'soon',
    };
    const { problems } = readEtcdSettings(items);
    expect(problems.map(({ item }) => item)).toEqual(Object.keys(items));
    expect(problems[1]?.remedy).toContain('{address}');
    expect(readEtcdSettings({ etcd_member_data: 'fresh' }).problems).toMatchObject([{ item: 'etcd_client_url' }]);
  });
});
