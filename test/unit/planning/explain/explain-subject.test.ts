import { describe, expect, it } from 'vitest';
import { explainSubject } from '../../../../src/planning/explain/explain-subject.ts';
import { type Explanation, explanationSchema } from '../../../../src/planning/explain/status-document.ts';
import { pipelineRemedies as remedies } from '../../../../src/planning/remedies/pipeline-remedies.ts';
import { channelFixture, clusterFixture, statusFixture } from '../../../support/status-fixture.ts';

function explain(subject: string, status = statusFixture()): Explanation {
  const answer = explainSubject(status, subject, []);
  if (!answer.found) throw new Error(`not found; near: ${answer.near.join(', ')}`);
  expect(explanationSchema.safeParse(answer.explanation).error).toBeUndefined();
  return answer.explanation;
}

const text = (explanation: Explanation): string => JSON.stringify(explanation);

describe('clm why', () => {
  it('follows a blocked cluster down to budget, pod, owner and node, and says who can act', () => {
    const explanation = explain('beta-blocked');
    expect(explanation.chain.map((link) => link.subject)).toEqual([
      'cluster beta-blocked',
      'node pool workers',
      'blocked by',
    ]);
    expect(explanation.chain.map((link) => link.depth)).toEqual([0, 1, 2]);
    expect(explanation.chain[2]?.message).toBe(
      'budget shop/cart, pod shop/cart-0, owner StatefulSet/cart, node ip-10-0-0-9',
    );
    expect(explanation.chain[1]?.action).toContain('the owner of StatefulSet/cart on beta-blocked');
    expect(explanation.chain[1]?.since).toBe('2026-11-21T08:20:00.000Z');
  });

  it('says of a soaking channel how much is still to come', () => {
    expect(explain('alpha').chain[0]?.next).toContain('6m 55s of observed healthy time');
  });

  it('says where each promotion is to be approved or merged, and by which command', () => {
    const commit = '3f2a1bc0d4e5f60718293a4b5c6d7e8f90a1b2c3';
    const wait = { code: 'review-pending', message: 'https://forge/pull/7: nobody has approved it yet' };
    const promotions = [
      { to: 'stable', commit, state: 'checking' },
      { to: 'canary', commit, state: 'reviewing', review: 'https://forge/pull/7', wait },
    ];
    const { chain } = explain('beta', statusFixture({ channels: [channelFixture('beta', { promotions })] }));
    expect(chain.filter((link) => link.subject.startsWith('promotion'))).toMatchObject([
      { subject: 'promotion to stable', message: '3f2a1bc: checking' },
      {
        message: '3f2a1bc: reviewing – https://forge/pull/7: nobody has approved it yet',
        code: 'review-pending',
        action: 'approve or merge https://forge/pull/7, or: clm approve 3f2a1bc0d4e5 --channel canary --reason …',
      },
    ]);
    expect(chain.find((link) => link.subject === 'promotion to stable')?.action).toBeUndefined();
  });

  it('says what a channel without clusters waits for, and what can be done', () => {
    const waits = [{ code: 'channel-empty', message: 'no cluster takes part, so nothing can prove the version' }];
    const beta = channelFixture('beta', { state: 'updating', waits, reason: waits[0]?.message });
    const [link] = explain('beta', statusFixture({ channels: [beta], clusters: [], problems: [] })).chain;
    expect(link).toMatchObject({ code: 'channel-empty', message: expect.stringContaining('no cluster takes part') });
    expect(link?.action).toContain('put a cluster into channel beta in the registry');
  });

  it('says which check failed, why, and what can be done about a halted channel', () => {
    const failed = clusterFixture('kube-70', {
      channel: 'stable',
      state: 'failed',
      failure: { kind: 'terminal', code: 'e2e-failed', message: '1 of 5 checks failed' },
      checks: {
        passed: 4,
        failed: 1,
        failures: [{ check: 'network.service-endpoints', outcome: 'fail', message: 'no ready endpoint' }],
      },
    });
    const explanation = explain('stable', statusFixture({ clusters: [failed] }));
    expect(explanation.summary).toContain('halted');
    expect(text(explanation)).toContain('check network.service-endpoints');
    expect(text(explanation)).toContain('no ready endpoint');
    expect(explanation.chain[0]?.action).toContain('clm retry channel:stable');
    // Its update has ended: a retry of the cluster alone would be refused.
    const alone = explain('kube-70', statusFixture({ clusters: [failed] }));
    expect(alone.chain[0]?.action).toContain('clm retry channel:stable');
  });

  it.each([
    ['new-nodes-fail', 'only new nodes fail (DNS: 0 of 2 new nodes work, 2 of 2 old ones): ip-10-0-0-9: NXDOMAIN'],
    ['objective-missed', 'one answer in a hundred takes 1500 ms or more, 1000 ms is agreed'],
  ])('says why mid-roll checks stopped a roll, and how it goes on: %s', (code, message) => {
    const said = `the roll was stopped half-way: ${message}`;
    const failure = { kind: 'terminal' as const, code, message: said };
    const failed = clusterFixture('kube-70', { channel: 'stable', state: 'failed', failure });
    const [link] = explain('kube-70', statusFixture({ clusters: [failed] })).chain;
    expect(link).toMatchObject({ code, action: expect.stringContaining('clm retry channel:stable') as string });
    expect(link?.message).toContain(said);
    const remedy = (remedies[code]?.actions ?? []).join(' ');
    // An update that has ended is not retried alone.
    expect(remedy).toContain('clm retry channel:NAME');
    expect(remedy).not.toContain('clm retry CLUSTER');
  });

  it('names the checks that only new nodes fail, and the next step for a person', () => {
    const message = 'only new nodes fail (DNS: 0 of 1 new nodes work, 3 of 3 old ones): ip-10-0-0-9: NXDOMAIN';
    const failures = [{ check: 'rollout.generations', outcome: 'fail', message }];
    const failure = { kind: 'terminal' as const, code: 'new-nodes-fail', message: 'the roll was stopped half-way' };
    const newNodes = { state: 'failed' as const, failures, said: [] };
    const failed = clusterFixture('kube-70', { channel: 'stable', state: 'failed', failure, newNodes });
    const links = explain('kube-70', statusFixture({ clusters: [failed] })).chain;
    expect(links.find((link) => link.subject === 'check rollout.generations beside the roll')).toEqual({
      depth: 1,
      subject: 'check rollout.generations beside the roll',
      message: `fail: ${message}`,
      action: expect.stringMatching(/^kubectl describe node .*clm retry channel:stable --reason …$/) as string,
    });
  });

  it('says of a first new node without a verdict that old nodes stay, and that nobody has to do anything yet', () => {
    const message =
      'DNS: 0 of 1 new nodes work, 0 of 0 old ones: no old node was judged beside them (ip-10-0-0-9: NXDOMAIN)';
    const failures = [{ check: 'rollout.generations', outcome: 'error', message }];
    const newNodes = { state: 'error' as const, failures, said: [] };
    const rolling = clusterFixture('kube-70', { channel: 'stable', state: 'updating', newNodes });
    const links = explain('kube-70', statusFixture({ clusters: [rolling] })).chain;
    const link = links.find((one) => one.subject === 'check rollout.generations beside the roll');
    expect(link?.next).toContain('old nodes stay, and it is asked again');
    expect(link?.action).toBeUndefined();
  });

  it('says of a check that old nodes fail too that the roll goes on', () => {
    const message = 'DNS: 0 of 1 new nodes work, 0 of 3 old ones: old nodes fail too, so it is not the new ones';
    const said = [{ check: 'rollout.generations', outcome: 'pass', message }];
    const about = (state: 'passed' | 'checking'): string | undefined => {
      const newNodes = { state, failures: [], said };
      const rolling = clusterFixture('kube-70', { channel: 'stable', state: 'updating', newNodes });
      const links = explain('kube-70', statusFixture({ clusters: [rolling] })).chain;
      const link = links.find((one) => one.subject === 'check rollout.generations beside the roll');
      expect(link?.message).toBe(message);
      return link?.next;
    };
    expect(about('passed')).toContain('the roll goes on');
    expect(about('checking')).toBe('it is being asked again');
  });

  it('follows a queued cluster up to what its channel waits for', () => {
    const queued = clusterFixture('kube-5', {
      channel: 'stable',
      state: 'queued',
      target: '3f2a1bc0d4e5f60718293a4b5c6d7e8f90a1b2c3',
    });
    const explanation = explain('kube-5', statusFixture({ clusters: [queued] }));
    expect(explanation.chain.at(-1)?.subject).toBe('channel stable');
    expect(explanation.chain.at(-1)?.message).toContain('1 failed, 0 allowed');
  });

  it('tells of a pause that holds a cluster, who made it and when it ends', () => {
    const overrides = [
      {
        id: '1',
        kind: 'pause',
        scope: 'channel:beta',
        actor: 'kim',
        reason: 'incident 4711',
        expiresAt: '2026-11-21T09:00:00.000Z',
      },
    ];
    const explanation = explain('beta-moving', statusFixture({ overrides }));
    expect(explanation.chain).toContainEqual(
      expect.objectContaining({
        message: 'by kim: incident 4711',
        next: 'ends in 30m',
        action: 'clm resume channel:beta --reason …',
      }),
    );
  });

  it('finds a commit by seven characters, and says where it is', () => {
    const explanation = explain('3f2a1bc');
    expect(explanation.subject).toEqual({ kind: 'commit', name: '3f2a1bc0d4e5f60718293a4b5c6d7e8f90a1b2c3' });
    expect(explanation.summary).toContain('beta updating');
    expect(explanation.summary).toContain('3 clusters run it');
  });

  it('knows commits whose rollouts are over', () => {
    const answer = explainSubject(statusFixture(), 'aaaa111', [
      {
        channel: 'dev',
        commit: 'aaaa111222233334444555566667777888899990',
        state: 'superseded',
        reason: 'superseded by 3f2a1bc',
      },
    ]);
    expect(answer.found && answer.explanation.chain[0]?.message).toContain('superseded by 3f2a1bc');
  });

  it('says whether a cluster at rest is still as it was recorded, and when it is looked at again', () => {
    const links = (found: string[], lookedAt: string | undefined = '2026-11-21T08:00:00.000Z') => {
      const drift = { ...(lookedAt === '' ? {} : { lookedAt }), nextLookAt: '2026-11-21T09:30:00.000Z', found };
      const clusters = [clusterFixture('kube-1', { drift }), clusterFixture('kube-2', { drift, state: 'updating' })];
      const status = statusFixture({ clusters });
      expect(text(explain('kube-2', status))).not.toContain('drift');
      return explain('kube-1', status).chain.find((link) => link.subject === 'drift');
    };
    expect(links([], '')).toMatchObject({ message: 'Nobody has looked yet whether it is as it was recorded.' });
    expect(links([])).toEqual({
      depth: 1,
      subject: 'drift',
      message: 'It was as recorded when it was last looked at.',
      next: 'looked at again in 1h',
    });
    expect(links(['a differs', 'b is gone'])).toMatchObject({
      message: 'It differs from what was recorded: a differs; b is gone',
      code: 'cluster-drifted',
      since: '2026-11-21T08:00:00.000Z',
    });
  });

  it('offers near names for an unknown subject', () => {
    expect(explainSubject(statusFixture(), 'bta', [])).toEqual({ found: false, near: ['beta'] });
    expect(explainSubject(statusFixture(), 'beta-movin', [])).toMatchObject({
      found: false,
      near: ['beta-moving', expect.any(String)],
    });
  });

  it('does not choose between clusters of the same alias', () => {
    const twins = [clusterFixture('twin'), clusterFixture('twin', { id: 'aws:1:eu:twin' })];
    const answer = explainSubject(statusFixture({ clusters: twins, channels: [channelFixture('beta')] }), 'twin', []);
    expect(answer).toEqual({ found: false, near: twins.map((one) => one.id) });
  });
});
