import { describe, expect, it } from 'vitest';
import {
  after,
  changed,
  type Entry,
  entry,
  goodJournal,
  moved,
  newCommit,
  oldCommit,
  recordWith,
  strayCommit,
  updateOf,
  without,
} from '../../support/pipeline-checkers/crafted-record.ts';
import { judgePipeline } from '../../support/pipeline-checkers/judge-pipeline.ts';
import type { PipelineRecord } from '../../support/pipeline-checkers/record.ts';

const one = 'aws:1:eu:one';
const three = 'aws:2:eu:three';
const good = goodJournal();

/** Violations of one invariant. */
function violations(invariant: string, entries: Entry[], parts: Partial<PipelineRecord> = {}): string[] {
  return judgePipeline(recordWith(entries, parts)).violations.filter((text) => text.startsWith(`${invariant}:`));
}

function repositoryWith(parts: Partial<PipelineRecord['repository']>): Partial<PipelineRecord> {
  return { repository: { ...recordWith([]).repository, ...parts } };
}

describe('the checkers of the pipeline', () => {
  it('find nothing in a run in which nothing is wrong, and have judged something each', () => {
    const verdict = judgePipeline(recordWith(good));
    expect(verdict.violations).toEqual([]);
    for (const [invariant, checked] of Object.entries(verdict.checked)) expect(checked, invariant).toBeGreaterThan(0);
  });
});

describe('P1, no cluster runs a version that its channel did not approve', () => {
  it('catches an update on a channel before the branch has moved', () => {
    const early = [...updateOf('stable', three), ...good];
    expect(violations('P1', early)[0]).toContain(`${three} goes to ${newCommit}, which stable did not approve`);
  });

  it('catches a version that was never merged', () => {
    expect(violations('P1', [...good, ...updateOf('dev', one, strayCommit)])).toHaveLength(3);
  });

  it('catches a rollout on the first channel of a commit that is not on its branch', () => {
    const requested = entry('rollout-requested', { channel: 'dev', data: { commit: strayCommit, tree: 'x' } });
    expect(violations('P1', [...good, requested, ...updateOf('dev', one, strayCommit)])).toHaveLength(3);
  });

  it('catches an update of a cluster of another channel', () => {
    expect(violations('P1', [...good, ...updateOf('dev', three)])[0]).toContain(`${three} belongs to stable`);
  });

  it('catches a bisect that tries on the first channel what nobody merged', () => {
    const tried = (commit: string) => entry('bisect-try', { channel: 'dev', data: { commit, tree: 'x' } });
    expect(violations('P1', [...good, tried(strayCommit), ...updateOf('dev', one, strayCommit)])).toHaveLength(3);
    // an older commit of the branch is as merged as its head
    expect(violations('P1', [tried(oldCommit), ...updateOf('dev', one, oldCommit)])).toEqual([]);
  });

  it('catches a bisect that tries on a later channel what the one before has not proven, and no cluster without a try', () => {
    const tried = (tree: string) => entry('bisect-try', { channel: 'stable', data: { commit: strayCommit, tree } });
    const proven = entry('rollout-proven', { channel: 'dev', data: { commit: strayCommit, tree: 'y', green: [one] } });
    const update = updateOf('stable', three, strayCommit);
    expect(violations('P1', [...good, tried('x'), ...update])).toHaveLength(3);
    expect(violations('P1', [...good, tried('y'), ...update, proven])).toHaveLength(3);
    expect(violations('P1', [...good, proven, ...update])).toHaveLength(3);
    expect(violations('P1', [...good, proven, tried('y'), ...update])).toEqual([]);
  });
});

describe('P1, nothing starts on a vetoed version', () => {
  const veto = (data: object = {}, kind = 'override-veto'): Entry =>
    entry(kind, {
      source: 'operator:jo',
      data: { scope: `commit:${newCommit}`, kind: 'veto', commit: newCommit, expiresAt: 1e12, ...data },
      at: 0,
    });
  const started = (channel: string, cluster: string, at: number): Entry => ({
    ...(updateOf(channel, cluster)[0] as Entry),
    at,
  });
  const of = (entries: Entry[]) => violations('P1', entries).filter((text) => text.includes('veto'));

  it.each(['override-veto', 'vetoed'])(
    'catches a start while a %s stands, on the first channel as on the last',
    (kind) => {
      expect(of([veto({}, kind), started('dev', one, 10)])).toEqual([
        `P1: ${one} of dev starts to go to ${newCommit} while the veto of commit:${newCommit} stands`,
      ]);
      expect(of([veto({}, kind), started('stable', three, 10)])).toHaveLength(1);
    },
  );

  it('catches a start at another commit with the tree of the vetoed one', () => {
    const same = entry('rollout-requested', { channel: 'dev', data: { commit: newCommit, tree: 'x' }, at: 5 });
    const other = { scope: `commit:${strayCommit}`, commit: strayCommit };
    expect(of([veto({ ...other, tree: 'x' }), same, started('dev', one, 10)])).toHaveLength(1);
    expect(of([veto({ ...other, tree: 'y' }), same, started('dev', one, 10)])).toEqual([]);
  });

  it('lets start what began before, what comes when it has expired or was ended, and other versions', () => {
    const ended = entry('override-ended', { data: { scope: `commit:${newCommit}`, kind: 'veto' }, at: 5 });
    expect(of([started('dev', one, 0), veto()])).toEqual([]);
    expect(of([veto({ expiresAt: 10 }), started('dev', one, 10)])).toEqual([]);
    expect(of([veto(), ended, started('dev', one, 10)])).toEqual([]);
    expect(of([veto({ scope: `commit:${oldCommit}`, commit: oldCommit }), started('dev', one, 10)])).toEqual([]);
  });
});

describe('P2, a promotion rests on evidence keyed to its version', () => {
  it.each([
    ['that was not proven', without(good, 'rollout-proven'), 'was not proven there'],
    ['without a green cluster', changed(good, 'rollout-proven', { green: [] }), 'no cluster is green'],
    ['of another tree', changed(good, 'branch-moved', { tree: 'f'.repeat(40) }), 'its tree is not'],
    ['on evidence of another tree', changed(good, 'cluster-updated', { tree: 'f'.repeat(40) }), 'evidence is of tree'],
    ['on evidence of another version', changed(good, 'cluster-updated', { version: `${oldCommit}#1` }), 'it runs'],
    ['without checks', without(good, 'e2e-finished'), 'no checks ran against it'],
    [
      'on checks of another version',
      changed(good, 'e2e-finished', { version: `${oldCommit}#1` }),
      'its checks ran against',
    ],
    ['on checks that failed', changed(good, 'e2e-finished', { bad: ['api.health'] }), 'did not pass: api.health'],
    ['on a run of no checks', changed(good, 'e2e-finished', { checks: 0 }), 'its run had no checks'],
    [
      'on inherited evidence that nobody earned',
      changed(good, 'cluster-updated', { inheritedFrom: `${one}/x/1` }),
      'nobody earned',
    ],
    ['of a cluster that was not updated', without(good, 'cluster-updated'), 'it was not updated to it'],
  ])('catches a promotion %s', (_what, entries, complaint) => {
    expect(violations('P2', entries).join('\n')).toContain(complaint);
  });

  it('catches a promotion while a cluster of the channel is not green', () => {
    const clusters = [...recordWith([]).clusters, { id: 'aws:1:eu:two', channel: 'dev' }];
    expect(violations('P2', good, { clusters })[0]).toContain('aws:1:eu:two is not green');
  });
});

describe('P3, never more than maxParallel in flight', () => {
  const [start] = updateOf('dev', 'aws:1:eu:two') as [Entry];

  it('catches a second update on a channel that allows one', () => {
    expect(violations('P3', after(good, 'update-started', start))[0]).toContain('2 clusters of dev in flight');
  });

  it('catches more updates than the fleet allows', () => {
    const more = [start, updateOf('stable', three)[0] as Entry, updateOf('stable', 'aws:2:eu:four')[0] as Entry];
    const complaints = violations('P3', after(good, 'update-started', ...more));
    expect(complaints.join('\n')).toContain('clusters in flight, 2 allowed');
  });

  it('catches two updates of one cluster', () => {
    const again = updateOf('dev', one, newCommit, 2)[0] as Entry;
    expect(violations('P3', after(good, 'update-started', again)).join('\n')).toContain(`two updates of ${one}`);
  });

  it('counts an update no more once it has ended, however it ended', () => {
    for (const kind of ['cluster-failed', 'update-superseded', 'update-aborted']) {
      const [begun] = updateOf('dev', one) as [Entry];
      const ended = entry(kind, { source: begun.source, channel: 'dev', cluster: one });
      expect(violations('P3', [begun, ended, start])).toEqual([]);
    }
  });
});

describe('P4, failures over the budget start nothing new', () => {
  const rollout = `rollout:dev:${newCommit}`;
  const failed = entry('cluster-failed', {
    source: `update:dev:${newCommit}:${one}:1`,
    channel: 'dev',
    cluster: one,
    commit: newCommit,
    data: { rollout, attempt: 1, code: 'e2e-failed' },
    at: 0,
  });
  const halted = entry('rollout-halted', { source: rollout, channel: 'dev', at: 1_000 });
  const starts = (at: number): Entry => entry('clusters-started', { source: rollout, channel: 'dev', at });

  it('catches a start long after the budget was spent', () => {
    expect(violations('P4', [failed, starts(600_000)])[0]).toContain('goes on (clusters-started) with 1 failed');
  });

  it('catches a start after the halt at once', () => {
    expect(violations('P4', [failed, halted, starts(2_000)])[0]).toContain('although it has halted');
  });

  it('catches a version that is proven with more failures than allowed', () => {
    const proven = entry('rollout-proven', { source: rollout, channel: 'dev', at: 2_000 });
    expect(violations('P4', [failed, proven])).toHaveLength(1);
  });

  it('lets a start pass that was decided before the failure was known, and one after a retry', () => {
    const retried = entry('retried', { source: 'operator:jo', channel: 'dev', at: 700_000 });
    expect(violations('P4', [failed, starts(1_000)])).toEqual([]);
    expect(violations('P4', [failed, halted, retried, starts(800_000)])).toEqual([]);
  });
});

describe('P4, a stall counts as a failure until it is over', () => {
  const rollout = `rollout:dev:${newCommit}`;
  const of = (kind: string, at: number, cluster = one): Entry =>
    entry(kind, { source: `update:dev:${newCommit}:${cluster}:1`, channel: 'dev', cluster, at, data: { rollout } });
  const halted = (code: string): Entry =>
    entry('rollout-halted', { source: rollout, channel: 'dev', at: 2, data: { code } });
  const starts = (at: number): Entry => entry('clusters-started', { source: rollout, channel: 'dev', at });

  it('catches a start long after a stall that spent the budget', () => {
    expect(violations('P4', [of('cluster-stalled', 0), starts(600_000)])[0]).toContain('with 1 failed clusters');
  });

  it('lets it go on when the stall that halted it is over', () => {
    const before = [of('cluster-stalled', 0), halted('failure-budget-spent')];
    expect(violations('P4', [...before, starts(4)])).toHaveLength(1);
    expect(violations('P4', [...before, of('cluster-recovered', 3), starts(4)])).toEqual([]);
    expect(violations('P4', [...before, of('cluster-updated', 3), starts(4)])).toEqual([]);
  });

  it('catches one that goes on after a recovery while another cluster has failed', () => {
    const before = [of('cluster-stalled', 0), of('cluster-failed', 0, three), halted('failure-budget-spent')];
    expect(violations('P4', [...before, of('cluster-recovered', 3), starts(4)])[0]).toContain('has halted');
  });

  it('catches one that goes on after a recovery although it halted for another reason', () => {
    const before = [of('cluster-stalled', 0), halted('same-failure')];
    expect(violations('P4', [...before, of('cluster-recovered', 3), starts(4)])[0]).toContain('has halted');
  });

  it('does not count what joined later', () => {
    const joined = entry('cluster-joined', { source: rollout, channel: 'dev', at: 0, data: { cluster: one } });
    expect(violations('P4', [joined, of('cluster-failed', 1), starts(600_000)])).toEqual([]);
  });
});

describe('P5, a freeze starts nothing new', () => {
  const pause = (scope: string, at = 0): Entry =>
    entry('paused', { source: 'operator:jo', at, data: { scope, actor: 'jo', reason: 'a drill', expiresAt: 1e12 } });
  const started = updateOf('dev', one)[0] as Entry;

  it.each(['fleet', 'channel:dev', `cluster:${one}`])('catches an update that starts while %s is held', (scope) => {
    expect(violations('P5', [pause(scope), { ...started, at: 10 }])[0]).toContain(`${scope} is held`);
  });

  it('catches a promotion into a held channel', () => {
    expect(violations('P5', [pause('channel:stable'), { ...moved(), at: 10 }])).toHaveLength(1);
  });

  it('lets start what is elsewhere, what comes after the resume, and what comes after its end', () => {
    const resumed = entry('resumed', { source: 'operator:jo', data: { scope: 'fleet' }, at: 5 });
    expect(violations('P5', [pause('channel:stable'), { ...started, at: 10 }])).toEqual([]);
    expect(violations('P5', [pause('fleet'), resumed, { ...started, at: 10 }])).toEqual([]);
    expect(violations('P5', [pause('fleet'), { ...started, at: 2e12 }])).toEqual([]);
  });
});

describe('P6, one e2e run on a cluster, and none while its nodes roll', () => {
  it('catches a second run beside the first', () => {
    const source = `update:dev:${newCommit}:${one}:1`;
    const second = entry('e2e-started', { source, cluster: one, data: { run: `e2e:${source}:2` } });
    expect(violations('P6', after(good, 'e2e-started', second))[0]).toContain('is under way');
  });

  it('catches checks that start while nodes roll', () => {
    expect(violations('P6', without(good, 'roll-restored'))[0]).toContain('moves nodes');
  });

  it('catches a node that is cordoned while checks run', () => {
    const cordoned = entry('node-cordoned', { source: 'roll:x:workers', cluster: one });
    expect(violations('P6', after(good, 'e2e-started', cordoned))[0]).toContain('node-cordoned');
  });

  it('lets a later update roll and check again', () => {
    expect(violations('P6', [...good, ...updateOf('dev', one, strayCommit)])).toEqual([]);
  });
});

describe('P7, a branch moves by fast-forward only', () => {
  it('catches a branch that the repository saw going back', () => {
    const { moves } = recordWith([]).repository;
    const back = { branch: 'stable', from: newCommit, to: oldCommit };
    expect(violations('P7', good, repositoryWith({ moves: [...moves, back] })).join('\n')).toContain('not forward');
  });

  it('catches a move in the journal that is no fast-forward', () => {
    expect(violations('P7', [...good, moved(strayCommit, newCommit)])[0]).toContain('not forward');
  });

  it('catches a move that the repository never saw', () => {
    const { moves } = recordWith([]).repository;
    expect(violations('P7', good, repositoryWith({ moves: moves.slice(0, 3) }))[0]).toContain('never saw it');
  });

  it('catches a branch that was moved without an entry', () => {
    expect(violations('P7', without(good, 'branch-moved'))[0]).toContain('without an entry in the journal');
  });
});

describe('P8, every wait has a durable wake-up', () => {
  const sleeping = { id: 'rollout:dev:x', status: 'active', wakeAt: null, pending: 0 };

  it('catches a process that nothing wakes', () => {
    expect(violations('P8', good, { processes: [sleeping] })[0]).toContain('rollout:dev:x waits for nothing');
  });

  it('lets wait what is over, and what a message is on its way to', () => {
    const processes = [
      { ...sleeping, status: 'final' },
      { ...sleeping, pending: 1 },
    ];
    expect(violations('P8', good, { processes })).toEqual([]);
  });
});

describe('P9, every override has actor, reason and expiry', () => {
  it.each([
    ['no actor', { reason: 'a drill', expiresAt: 5 }],
    ['no reason', { actor: 'jo', reason: ' ', expiresAt: 5 }],
    ['never expires', { actor: 'jo', reason: 'a drill', expiresAt: null }],
  ])('catches one that has %s', (complaint, value) => {
    expect(violations('P9', good, { overrides: [{ key: 'pause/fleet', value }] })[0]).toContain(complaint);
  });
});

describe('P10, the same event twice is a no-op', () => {
  it.each(['cluster-updated', 'branch-moved', 'rollout-requested', 'update-started', 'node-terminated', 'e2e-started'])(
    'catches %s that was decided twice',
    (kind) => {
      const again = good.find((one) => one.kind === kind) as Entry;
      expect(violations('P10', [...good, again])[0]).toContain(kind);
    },
  );
});

describe('what operators do', () => {
  const freeze = (data: object = {}): Entry =>
    entry('override-freeze', {
      data: { scope: 'fleet', kind: 'freeze', actor: 'jo', reason: 'peak', expiresAt: 1e12, ...data },
    });
  const hotfix = (data: object = {}): Entry =>
    entry('branch-overridden', {
      channel: 'dev',
      data: {
        branch: 'dev',
        from: oldCommit,
        to: strayCommit,
        target: 'dev',
        lane: 'hotfix',
        actor: 'jo',
        reason: 'cve',
        ...data,
      },
    });

  it('P5: nothing starts while a freeze holds, and it may once the freeze has ended', () => {
    const ended = entry('override-ended', { data: { scope: 'fleet', kind: 'freeze' } });
    expect(violations('P5', after(good, 'head-adopted', freeze())).length).toBeGreaterThan(0);
    expect(violations('P5', after(good, 'head-adopted', freeze(), ended))).toEqual([]);
  });

  it('P9: every override says who, why and until when; every forced move who and why', () => {
    expect(violations('P9', [...good, freeze({ actor: '' })])[0]).toContain('no actor');
    expect(violations('P9', [...good, freeze({ expiresAt: null })])[0]).toContain('never expires');
    expect(violations('P9', [...good, hotfix({ reason: ' ' })])[0]).toContain('does not say why');
    expect(violations('P9', [...good, freeze(), hotfix()])).toEqual([]);
  });

  it('P1: a hotfix and an approved head are approved for their channel, and for no other', () => {
    expect(violations('P1', [...good, hotfix(), ...updateOf('dev', one, strayCommit)])).toEqual([]);
    expect(violations('P1', [...good, hotfix(), ...updateOf('stable', three, strayCommit)])).toHaveLength(3);
    const approved = entry('approved', { channel: 'stable', data: { gate: 'head', commit: strayCommit } });
    expect(violations('P1', [...good, approved, ...updateOf('stable', three, strayCommit)])).toEqual([]);
  });

  it('P2: nothing leaves a channel that owes evidence, before the debt is repaid', () => {
    const repaid = entry('debt-repaid', { channel: 'dev', data: { commit: strayCommit } });
    expect(violations('P2', after(good, 'head-adopted', hotfix()))[0]).toContain('owes evidence');
    expect(violations('P2', after(good, 'head-adopted', hotfix(), repaid))).toEqual([]);
    expect(violations('P2', after(good, 'head-adopted', hotfix({ lane: 'rollback' })))).toEqual([]);
  });

  it('P2: a vetoed version is not promoted, until the veto is ended', () => {
    const veto = entry('override-veto', {
      data: { scope: `commit:${newCommit}`, kind: 'veto', actor: 'jo', reason: 'bad', expiresAt: 1e12 },
    });
    const ended = entry('override-ended', { data: { scope: `commit:${newCommit}`, kind: 'veto' } });
    expect(violations('P2', after(good, 'head-adopted', veto))[0]).toContain('although it is vetoed');
    expect(violations('P2', after(good, 'head-adopted', veto, ended))).toEqual([]);
  });
});
