import { describe, expect, it } from 'vitest';
import { initialTransition, transition } from 'xstate';
import type { RollStepOutput } from '../../../src/machines/node-pool-roll/context.ts';
import { maxFailures, nodePoolRollMachine } from '../../../src/machines/node-pool-roll/machine.ts';
import { nodePoolRollModule } from '../../../src/machines/node-pool-roll/versions.ts';
import { buildInput } from '../../support/roll-builders.ts';

const input = {
  clusterId: 'aws:1:eu:kube-1',
  updateId: 'update:1',
  rolloutId: 'rollout:1',
  pool: 'workers',
  controlPlane: false,
  commit: 'c0ffee',
  blockLimitMs: 600_000,
  bootTimeoutMs: 900_000,
};
const { memory } = buildInput({ pools: [{ nodes: [{ name: 'a', old: true }] }] }).pools[0] as {
  memory: RollStepOutput['memory'];
};
const body = { progress: { total: 3, updated: 1, nodes: [] }, memory, nodesReplaced: 1 };
const done = (next: RollStepOutput['next'], reason: string | null = null) => ({
  type: 'STEP_DONE' as const,
  output: { ...body, next, reason } as never,
  now: 5,
});
const failed = (kind: 'transient' | 'terminal') => ({
  type: 'STEP_FAILED' as const,
  failure: { kind, code: 'aws-x', message: 'no' },
  retryAt: 9,
  now: 5,
});

type State = ReturnType<typeof initialTransition<typeof nodePoolRollMachine>>[0];
const start = (): State => initialTransition(nodePoolRollMachine, input)[0];
const send = (state: State, ...events: Parameters<typeof transition<typeof nodePoolRollMachine>>[2][]): State =>
  events.reduce((now, event) => transition(nodePoolRollMachine, now, event)[0], state);

describe('the nodePoolRoll machine', () => {
  it('goes from preparing over rolling and finalizing to rolled', () => {
    const end = send(start(), done('rolling'), done('again'), done('finalizing'), done('finished'));
    expect(end.value).toBe('rolled');
    expect(end.output).toEqual({ result: 'rolled', pool: 'workers', nodesReplaced: 1, evictions: 0 });
  });

  it('takes a verdict of checks for each first new node that it waits with, and for no other, once', () => {
    const input = {
      ...body,
      memory: {
        ...memory,
        firstNodes: ['1', '2'].map((one) => ({ content: `content-${one}`, node: `new-${one}`, since: 4 })),
      },
      next: 'again',
      reason: null,
    };
    const held = send(start(), done('rolling'), { type: 'STEP_DONE', output: input as never, now: 5 });
    expect(send(held, { type: 'CHECKED', node: 'new-0' }).context.checked).toBeUndefined();
    expect(send(held, { type: 'CHECKED', node: 'new-1' })).toMatchObject({
      value: 'rolling',
      context: { checked: ['content-1'] },
    });
    const both = ['new-2', 'new-1', 'new-2'].map((node) => ({ type: 'CHECKED' as const, node }));
    expect(send(held, ...both).context.checked).toEqual(['content-2', 'content-1']);
    const paused = send(held, { type: 'PAUSE', by: 'x', reason: 'y' }, { type: 'CHECKED', node: 'new-1' });
    expect(paused).toMatchObject({ value: 'paused', context: { checked: ['content-1'] } });
  });

  it('is over at once when there is nothing to roll', () => {
    expect(send(start(), done('finished')).value).toBe('rolled');
  });

  it.each(['preparing', 'rolling', 'paused'])(
    'is stopped from %s by SUPERSEDE, and cleans up before it ends',
    (from) => {
      const at = {
        preparing: start(),
        rolling: send(start(), done('rolling')),
        paused: send(start(), { type: 'PAUSE', by: 'x', reason: 'y' }),
      }[from] as State;
      const stopping = send(at, { type: 'SUPERSEDE', by: 'c2' });
      expect(stopping.value).toBe('aborting');
      const end = send(stopping, done('finished'));
      expect(end.output).toMatchObject({ result: 'aborted', reason: 'superseded by c2' });
    },
  );

  it.each(['preparing', 'rolling', 'finalizing', 'paused', 'aborting'])(
    'ends at once from %s when its cluster is written off: nothing answers that could be put back',
    (from) => {
      const at = {
        preparing: start(),
        rolling: send(start(), done('rolling')),
        finalizing: send(start(), done('rolling'), done('finalizing')),
        paused: send(start(), { type: 'PAUSE', by: 'x', reason: 'y' }),
        aborting: send(start(), { type: 'ABORT', by: 'x', reason: 'y' }),
      }[from] as State;
      const end = send(at, { type: 'WRITE_OFF', by: 'decommission:1', reason: 'its API is gone' });
      expect(end.value).toBe('aborted');
      expect(end.output).toMatchObject({ result: 'aborted', reason: 'given up by decommission:1: its API is gone' });
    },
  );

  it('finishes what it has begun to put back although it is superseded', () => {
    expect(send(start(), done('rolling'), done('finalizing'), { type: 'SUPERSEDE', by: 'c2' }).value).toBe(
      'finalizing',
    );
  });

  it('cleans up after a terminal failure before it has failed', () => {
    const failing = send(start(), done('rolling'), failed('terminal'));
    expect(failing.value).toBe('failing');
    expect(send(failing, done('finished')).output).toMatchObject({ result: 'failed', reason: 'no' });
  });

  it('goes on after transient failures, up to a limit', () => {
    let state = send(start(), done('rolling'));
    for (let i = 1; i < maxFailures; i++) state = send(state, failed('transient'));
    expect(state.value).toBe('rolling');
    expect(send(state, failed('transient')).value).toBe('failing');
  });

  it('pauses by itself when somebody else changed the group, and prepares anew on RESUME', () => {
    const paused = send(start(), done('rolling'), done('paused', 'max changed'));
    expect(paused.value).toBe('paused');
    expect(paused.context.paused).toMatchObject({ by: 'clm', reason: 'max changed' });
    expect(send(paused, { type: 'RESUME', by: 'x', reason: 'fine' }).value).toBe('preparing');
  });

  it('goes back on ROLLBACK, also from a pause, and ends as aborted with who and why', () => {
    const rollback = { type: 'ROLLBACK' as const, by: 'ada', reason: 'panics' };
    const rolling = send(start(), done('rolling'));
    for (const from of [rolling, send(rolling, { type: 'PAUSE', by: 'x', reason: 'y' })]) {
      const reverting = send(from, rollback);
      expect(reverting.value).toBe('reverting');
      expect(reverting.context.paused).toBeNull();
      const back = send(reverting, done('again'), done('rolling'));
      expect(back.value).toBe('rolling');
      const end = send(back, done('finalizing'), done('finished'));
      expect(end.output).toMatchObject({ result: 'aborted', reason: 'rolled back by ada: panics' });
    }
    const nothingNew = send(rolling, rollback, done('again'), done('finished'));
    expect(nothingNew.output).toMatchObject({ result: 'aborted', reason: 'rolled back by ada: panics' });
  });

  it('goes on by itself when its pause is over', () => {
    const paused = send(start(), done('rolling'), { type: 'PAUSE', by: 'x', reason: 'y', expiresAt: 7 });
    expect(send(paused, done('again')).value).toBe('preparing');
  });

  it('keeps a context that its schema reads back in every state', () => {
    const states = [
      start(),
      send(start(), done('rolling')),
      send(start(), done('rolling'), failed('terminal')),
      send(start(), { type: 'PAUSE', by: 'x', reason: 'y' }),
    ];
    for (const state of states)
      expect(nodePoolRollModule.parseContext(JSON.parse(JSON.stringify(state.context)))).toMatchObject({ ok: true });
    expect(nodePoolRollModule.parseContext({ pool: 'x' })).toMatchObject({ ok: false });
  });

  it('has a step or names what it waits for in every state that is not final', () => {
    const { states } = nodePoolRollMachine.root;
    for (const node of Object.values(states)) {
      const meta = node.meta as { step?: string; waitsFor?: string[] } | undefined;
      expect(node.type === 'final' || meta?.step !== undefined || (meta?.waitsFor?.length ?? 0) > 0, node.key).toBe(
        true,
      );
    }
  });
});
