import { describe, expect, it } from 'vitest';
import { type ClusterUpdateState, workingStates } from '../../../src/domain/cluster-update.ts';
import { clusterUpdateMachine } from '../../../src/machines/cluster-update/machine.ts';
import { longestTickMs, stallAfter } from '../../../src/machines/cluster-update/progress.ts';
import { contextAfter, initialContext, tableOf, traps, walk } from '../../support/machine-table.ts';

const now = 1_000_000;
const by = { by: 'jo', reason: 'because', now };
const done = (kind: string, more: object = {}) => ({ type: 'STEP_DONE', output: { kind, ...more }, now });
const failed = (kind: string) => ({
  type: 'STEP_FAILED',
  failure: { kind, code: 'x', message: 'x' },
  retryAt: now,
  now,
});
const waiting = (at = now) => ({ type: 'STEP_WAITING', reason: { code: 'x', message: 'x' }, progress: null, now: at });

const input = {
  clusterId: 'a',
  channel: 'dev',
  commit: 'c1',
  tree: 't1',
  rolloutId: 'r',
  attempt: 1,
  policy: { e2eProfile: 'smoke', blockLimitMs: 1, progressDeadlineMs: 1, channelMaxParallel: 1, fleetMaxParallel: 1 },
};
const fresh = initialContext<ClusterUpdateState>(clusterUpdateMachine, input);
const roll = {
  controlPlane: false,
  state: 'running' as const,
  child: 'roll:u:w',
  since: 0,
  nodesReplaced: 0,
  evictions: 0,
  reason: null,
  blocked: null,
};

const events = {
  PAUSE: { type: 'PAUSE', ...by },
  RESUME: { type: 'RESUME', ...by },
  RETRY: { type: 'RETRY', ...by },
  ABORT: { type: 'ABORT', ...by },
  SUPERSEDE: { type: 'SUPERSEDE', by: 'c2', now },
  next: done('next'),
  again: done('again'),
  replan: done('replan'),
  noop: done('noop'),
  inherit: done('inherit'),
  told: done('told'),
  resume: done('resume'),
  stopped: done('stopped'),
  terminal: failed('terminal'),
  transient: failed('transient'),
  waiting: waiting(),
  rolled: {
    type: 'CHILD_FINISHED',
    child: 'roll:u:w',
    machine: 'nodePoolRoll',
    cluster: 'a',
    output: { result: 'rolled', pool: 'w', nodesReplaced: 2, evictions: 3 },
    now,
  },
  BLOCKED: { type: 'ROLL_BLOCKED', pool: 'w', code: 'x', message: 'x', since: now, now },
  UNBLOCKED: { type: 'ROLL_UNBLOCKED', pool: 'w', now },
};

describe('the cluster update machine', () => {
  it('goes where the table says, and ignores everything else', () => {
    const context = (state: string): ClusterUpdateState => ({
      ...fresh,
      admittedAt: 1,
      resumeTo: 'manifests',
      stop: state === 'stopping' ? { intent: 'failed', by: '', told: false } : null,
    });
    const states = [...workingStates, 'stalled', 'paused', 'stopping', 'recordingFailure'];
    const phase = (next: string) =>
      `PAUSE→paused ABORT→stopping SUPERSEDE→stopping next→${next} replan→rendering terminal→stopping`;
    const back = (names: string[]) => names.map((name) => `${name}→manifests`).join(' ');
    expect(tableOf(clusterUpdateMachine, states, context, events)).toEqual({
      queued: 'PAUSE→paused ABORT→aborted SUPERSEDE→superseded next→preflight terminal→stopping',
      preflight: phase('rendering'),
      rendering:
        'PAUSE→paused ABORT→stopping SUPERSEDE→stopping next→baseline noop→e2e inherit→recording terminal→stopping',
      baseline: phase('etcdStack'),
      etcdStack: phase('etcdRoll'),
      etcdRoll: phase('clusterStack'),
      clusterStack: phase('controlPlaneStacks'),
      controlPlaneStacks: phase('controlPlaneRoll'),
      controlPlaneRoll: phase('api'),
      api: phase('workerStacks'),
      workerStacks: phase('preDeletions'),
      preDeletions: phase('manifests'),
      manifests: phase('workerRolls'),
      workerRolls: phase('karpenterRolls'),
      karpenterRolls: phase('postDeletions'),
      postDeletions: phase('removals'),
      removals: phase('workloads'),
      workloads: phase('e2e'),
      e2e: phase('recording'),
      // what is about to be recorded is done: nothing interrupts it
      recording: 'next→updated replan→rendering terminal→stopping',
      stalled: `PAUSE→paused ${back(['RETRY'])} ABORT→stopping SUPERSEDE→stopping ${back(['next', 'replan', 'noop', 'inherit', 'told', 'resume', 'stopped'])}`,
      paused: `${back(['RESUME'])} ABORT→stopping SUPERSEDE→stopping ${back(['next', 'again', 'replan', 'noop', 'inherit', 'resume', 'stopped'])}`,
      stopping: 'stopped→recordingFailure',
      recordingFailure:
        back([]) +
        'next→failed again→failed replan→failed noop→failed inherit→failed told→failed resume→failed stopped→failed',
    });
  });

  it('reaches every state, and from each of them an end', () => {
    const visited = walk(clusterUpdateMachine, input, Object.values(events));
    const finals = ['updated', 'superseded', 'aborted', 'failed'];
    const all = [...workingStates, 'stalled', 'paused', 'stopping', 'recordingFailure', ...finals];
    expect([...visited.reached].sort()).toEqual([...all].sort());
    expect(traps(visited, finals)).toEqual([]);
  });

  it('comes back from a pause and from a stall to each state that they interrupted', () => {
    for (const state of workingStates) {
      const table = tableOf(clusterUpdateMachine, ['paused', 'stalled'], () => ({ ...fresh, resumeTo: state }), {
        RESUME: events.RESUME,
        RETRY: events.RETRY,
      });
      expect(table).toEqual({ paused: `RESUME→${state}`, stalled: `RETRY→${state}` });
    }
  });

  it('stalls after so many transient failures in a row, and forgets them with the first success', () => {
    const nearly = { ...fresh, admittedAt: 1, failures: stallAfter - 1, resumeTo: 'preflight' as const };
    const one = { transient: events.transient };
    expect(tableOf(clusterUpdateMachine, ['preflight'], () => nearly, one)['preflight']).toBe('transient→stalled');
    expect(tableOf(clusterUpdateMachine, ['preflight'], () => ({ ...nearly, failures: 0 }), one)['preflight']).toBe('');
    expect(contextAfter(clusterUpdateMachine, 'preflight', nearly, waiting()).failures).toBe(0);
  });

  it('waits longer and longer between tries while it is stalled', () => {
    let context = {
      ...fresh,
      admittedAt: 1,
      failures: stallAfter,
      resumeTo: 'preflight' as const,
    } as ClusterUpdateState;
    const pauses: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      context = contextAfter(clusterUpdateMachine, 'preflight', context, events.transient);
      pauses.push(((context.stall?.retryAt ?? 0) - now) / 60_000);
    }
    expect(pauses).toEqual([15, 30, 60, 60]);
  });

  it('counts observed time in capped ticks, and none while a budget blocks', () => {
    const start = { ...fresh, admittedAt: 1, lastSeenAt: now };
    const after = (context: ClusterUpdateState, at: number) =>
      contextAfter(clusterUpdateMachine, 'workerRolls', context, waiting(at));
    expect(after(start, now + 1_000).activeMs).toBe(1_000);
    expect(after(start, now + 100 * longestTickMs).activeMs).toBe(longestTickMs);
    expect(after(start, now - 1_000).activeMs).toBe(0);
    const blocked = { ...start, rolls: { w: { ...roll, blocked: { code: 'x', message: 'x', since: 0 } } } };
    expect(after(blocked, now + 1_000)).toMatchObject({ activeMs: 0, blockedMs: 1_000 });
  });

  it('keeps what its rolls report, and nothing of rolls that it does not know', () => {
    const context = { ...fresh, rolls: { w: roll } };
    const rolled = contextAfter(clusterUpdateMachine, 'workerRolls', context, events.rolled);
    expect(rolled.rolls['w']).toMatchObject({ state: 'rolled', nodesReplaced: 2, evictions: 3 });
    const stranger = { ...events.rolled, child: 'roll:other:w' };
    expect(contextAfter(clusterUpdateMachine, 'workerRolls', context, stranger).rolls['w']?.state).toBe('running');
    expect(
      contextAfter(clusterUpdateMachine, 'workerRolls', context, events.BLOCKED).rolls['w']?.blocked,
    ).not.toBeNull();
  });

  it('passes a retry on to its children once', () => {
    const poked = contextAfter(clusterUpdateMachine, 'workerRolls', { ...fresh, rolls: { w: roll } }, events.RETRY);
    expect(poked.poke).toBe(true);
    expect(contextAfter(clusterUpdateMachine, 'workerRolls', fresh, events.RETRY).poke).toBe(false);
    const told = { ...waiting(), progress: { poked: true } };
    expect(contextAfter(clusterUpdateMachine, 'workerRolls', poked, told).poke).toBe(false);
  });

  it('plans from nothing applied when it plans anew', () => {
    const context = {
      ...fresh,
      stacks: { s: { kind: 'cluster' as const, state: 'applied' as const, since: 1 } },
      components: ['c'],
    };
    expect(contextAfter(clusterUpdateMachine, 'manifests', context, events.replan)).toMatchObject({
      stacks: {},
      components: [],
      rolls: {},
    });
  });
});
