import { describe, expect, it } from 'vitest';
import type { ChannelState } from '../../../src/domain/channel.ts';
import type { PromotionState } from '../../../src/domain/promotion.ts';
import type { RolloutMember, RolloutState } from '../../../src/domain/rollout.ts';
import { channelMachine } from '../../../src/machines/channel/machine.ts';
import { promotionMachine } from '../../../src/machines/promotion/machine.ts';
import { rolloutMachine } from '../../../src/machines/rollout/machine.ts';
import { contextAfter, initialContext, tableOf, traps, walk } from '../../support/machine-table.ts';

const now = 1_000;
const by = { by: 'jo', reason: 'because', now };
const done = (output: unknown) => ({ type: 'STEP_DONE', output, now });
const failed = (kind: string) => ({
  type: 'STEP_FAILED',
  failure: { kind, code: 'x', message: 'x' },
  retryAt: now,
  now,
});
const waiting = { type: 'STEP_WAITING', reason: { code: 'x', message: 'x' }, progress: null, now };
const operators = {
  PAUSE: { type: 'PAUSE', ...by },
  RESUME: { type: 'RESUME', ...by },
  RETRY: { type: 'RETRY', ...by },
  ABORT: { type: 'ABORT', ...by },
  SUPERSEDE: { type: 'SUPERSEDE', by: 'c2', now },
};

function member(change: Partial<RolloutMember> = {}): RolloutMember {
  return {
    state: 'pending',
    attempt: 1,
    wave: 0,
    version: null,
    inherited: false,
    blocked: null,
    stalled: null,
    failure: null,
    nodesReplaced: 0,
    checks: { passed: 0, failed: 0 },
    ...change,
  };
}

describe('the rollout machine', () => {
  const input = { channel: 'dev', commit: 'c1', tree: 't1', subject: 's', requestedAt: 0 };
  const fresh = initialContext<RolloutState>(rolloutMachine, input);
  const soak = { requiredMs: 1, observedMs: 1, lastTickAt: now };
  const planned = {
    kind: 'planned',
    waves: [{ name: 'all', clusters: ['a'] }],
    members: { a: member() },
    ineligible: {},
    maxFailures: 0,
    warnings: [],
  };
  const started = { kind: 'advanced', started: ['a'], left: [], poked: [], resumed: false, maxFailures: 0 };
  const finished = (result: string) => ({
    type: 'CHILD_FINISHED',
    child: 'update:dev:c1:a:1',
    machine: 'clusterUpdate',
    cluster: 'a',
    output: { result, version: 'c1#1', nodesReplaced: 1, checks: { passed: 1, failed: 0 }, failure: null },
    now,
  });
  const events = {
    ...operators,
    planned: done(planned),
    advanced: done(started),
    verified: done({ kind: 'verified' }),
    soaked: done({ kind: 'soaked', soak }),
    proven: done({ kind: 'proven' }),
    halt: done({ kind: 'halt', code: 'failure-budget-spent', message: 'x' }),
    told: done({ kind: 'told', children: ['update:dev:c1:a:1'] }),
    expired: done({ kind: 'expired' }),
    stopped: done({ kind: 'stopped' }),
    terminal: failed('terminal'),
    transient: failed('transient'),
    waiting,
    updated: finished('updated'),
    failed: finished('failed'),
    BLOCKED: { type: 'CLUSTER_BLOCKED', cluster: 'a', code: 'x', message: 'x', now },
    STALLED: { type: 'CLUSTER_STALLED', cluster: 'a', code: 'x', message: 'x', now },
    RECOVERED: { type: 'CLUSTER_RECOVERED', cluster: 'a', now },
  };
  const states = ['planned', 'updating', 'soaking', 'gating', 'paused', 'halted', 'superseding', 'aborting'];

  it('goes where the table says, and ignores everything else', () => {
    const table = tableOf(
      rolloutMachine,
      states,
      () => ({ ...fresh, resumeTo: 'updating', stop: { by: 'c2', reason: '', told: false } }),
      events,
    );
    const common = 'PAUSE→paused ABORT→aborting SUPERSEDE→superseding';
    expect(table).toEqual({
      planned: `${common} planned→updating halt→halted terminal→halted`,
      updating: `${common} verified→soaking halt→halted terminal→halted`,
      soaking: `${common} soaked→gating halt→halted terminal→halted`,
      gating: `${common} proven→proven halt→halted terminal→halted`,
      paused:
        'RESUME→updating ABORT→aborting SUPERSEDE→superseding planned→updating advanced→updating verified→updating ' +
        'soaked→updating proven→updating halt→updating expired→updating stopped→updating',
      halted: 'RETRY→updating ABORT→aborting SUPERSEDE→superseding',
      superseding: 'ABORT→aborting stopped→superseded',
      aborting: 'stopped→aborted',
    });
  });

  it('reaches every state, and from each of them an end', () => {
    const visited = walk(rolloutMachine, input, Object.values(events));
    const finals = ['proven', 'superseded', 'aborted'];
    expect([...visited.reached].sort()).toEqual([...states, ...finals].sort());
    expect(traps(visited, finals)).toEqual([]);
  });

  it('comes back from a pause to where it was', () => {
    for (const state of ['planned', 'updating', 'soaking', 'gating'] as const) {
      const table = tableOf(rolloutMachine, ['paused'], () => ({ ...fresh, resumeTo: state }), {
        RESUME: operators.RESUME,
      });
      expect(table['paused']).toBe(`RESUME→${state}`);
    }
  });

  it('plans anew when it had halted before it was planned', () => {
    const table = tableOf(rolloutMachine, ['halted'], () => ({ ...fresh, resumeTo: 'planned' }), {
      RETRY: operators.RETRY,
    });
    expect(table['halted']).toBe('RETRY→planned');
  });

  it('gives failed clusters a new attempt on RETRY, and does not believe reports of the old one', () => {
    const context = { ...fresh, resumeTo: 'updating' as const, members: { a: member({ state: 'failed' }) } };
    const retried = contextAfter(rolloutMachine, 'halted', context, operators.RETRY);
    expect(retried.members['a']).toMatchObject({ state: 'pending', attempt: 2 });
    const running = { ...retried, members: { a: member({ state: 'inFlight', attempt: 2 }) } };
    expect(contextAfter(rolloutMachine, 'updating', running, finished('updated')).members['a']?.state).toBe('inFlight');
  });

  it('leaves a halt by itself only when the stalled clusters that caused it recover', () => {
    const halt = { code: 'failure-budget-spent', message: 'x', since: 0 };
    const stalled = {
      ...fresh,
      halt,
      members: { a: member({ state: 'inFlight', stalled: { code: 'x', message: 'x' } }) },
    };
    const failing = { ...fresh, halt, members: { a: member({ state: 'failed' }) } };
    const recovered = { RECOVERED: events.RECOVERED };
    expect(tableOf(rolloutMachine, ['halted'], () => stalled, recovered)['halted']).toBe('RECOVERED→updating');
    expect(tableOf(rolloutMachine, ['halted'], () => failing, recovered)['halted']).toBe('');
  });

  it('soaks from the beginning after clusters had to be updated again', () => {
    const context = { ...fresh, soak };
    expect(contextAfter(rolloutMachine, 'updating', context, events.verified).soak).toBeNull();
  });
});

describe('the channel machine', () => {
  const fresh = initialContext<ChannelState>(channelMachine, { channel: 'dev' });
  const events = {
    ...operators,
    done: done({ head: 'c1' }),
    waiting,
    transient: failed('transient'),
    terminal: failed('terminal'),
    MOVED: { type: 'HEAD_MOVED', commit: 'c1', now },
    PROVEN: { type: 'ROLLOUT_PROVEN', commit: 'c1', now },
  };

  it('never ends, and stops for nothing but a pause', () => {
    const table = tableOf(channelMachine, ['watching', 'paused'], () => fresh, events);
    expect(table).toEqual({ watching: 'PAUSE→paused', paused: 'RESUME→watching' });
  });

  it('ends a pause when its time is up', () => {
    const paused = { by: 'jo', reason: '', expiresAt: now };
    const table = tableOf(channelMachine, ['paused'], () => ({ ...fresh, paused }), { waiting });
    expect(table['paused']).toBe('waiting→watching');
  });

  it('remembers what was proven', () => {
    expect(contextAfter(channelMachine, 'watching', fresh, events.PROVEN).proven).toBe('c1');
  });
});

describe('the promotion machine', () => {
  const input = { channel: 'dev', target: 'alpha', commit: 'c1', tree: 't1', rolloutId: 'r' };
  const fresh = initialContext<PromotionState>(promotionMachine, input);
  const events = {
    ...operators,
    cleared: done({ kind: 'cleared', branch: 'alpha', from: 'c0' }),
    held: done({ kind: 'held', code: 'x', message: 'x' }),
    moved: done({ kind: 'moved' }),
    contained: done({ kind: 'contained', in: 'c9' }),
    recheck: done({ kind: 'recheck' }),
    terminal: failed('terminal'),
    transient: failed('transient'),
    waiting,
  };
  const states = ['checking', 'moving', 'held', 'paused'];

  it('goes where the table says, and moves nothing that was not checked right before', () => {
    const table = tableOf(promotionMachine, states, () => fresh, events);
    const common = 'ABORT→aborted SUPERSEDE→superseded';
    expect(table).toEqual({
      checking: `PAUSE→paused ${common} cleared→moving held→held contained→superseded terminal→held`,
      moving: `PAUSE→paused ${common} cleared→checking held→held moved→promoted contained→checking recheck→checking terminal→held`,
      held: `PAUSE→paused RETRY→checking ${common} cleared→checking held→checking moved→checking contained→checking recheck→checking`,
      paused: `RESUME→checking ${common} cleared→checking held→checking moved→checking contained→checking recheck→checking`,
    });
  });

  it('reaches every state, and from each of them an end', () => {
    const visited = walk(promotionMachine, input, Object.values(events));
    const finals = ['promoted', 'superseded', 'aborted'];
    expect([...visited.reached].sort()).toEqual([...states, ...finals].sort());
    expect(traps(visited, finals)).toEqual([]);
  });
});
