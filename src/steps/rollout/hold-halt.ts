import type { BisectState } from '../../domain/bisect.ts';
import type { RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import { describeHold, readOverrides, vetoOn } from '../../planning/pipeline/overrides.ts';
import type { StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import { lastGoodVersion } from '../channel/last-good-version.ts';
import { type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';

const haltLookMs = 60 * 60_000;
const searchLookMs = 5 * 60_000;
/** An automatic veto ends by itself, as every override does. */
const vetoMs = 90 * 86_400_000;
const answerable = new Set(['failure-budget-spent', 'nothing-passed', 'same-failure']);

/** Halted: somebody has to look. It says so again by and by, so that a lost event delays and never hangs. */
export function holdHalt(deps: PipelineDependencies) {
  return async (input: StepInput<RolloutState>): Promise<StepOutcome> => {
    const { context } = input;
    const { halt } = context;
    const policy = policyOf(deps, context.channel);
    const automatic = policy?.rollback === 'automatic' && context.lane !== 'rollback';
    if (automatic && halt !== null && halt.answered !== true && answerable.has(halt.code)) {
      return rollBack(deps, input, halt);
    }
    const searches = policy?.bisect !== undefined && context.lane === 'normal';
    if (searches && halt !== null && halt.answered !== true && answerable.has(halt.code)) return search(input);
    const found = await searchOf(deps, input);
    const message = `${halt?.message ?? 'halted'}${found === undefined ? '' : `; ${found.said}`}`;
    const wakeAt = input.now + (found?.goesOn === true ? searchLookMs : haltLookMs);
    const code = found?.goesOn === true ? 'bisecting' : 'halted';
    return { kind: 'waiting', reason: { code, message }, wakeAt, progress: message };
  };
}

/** Has the commit searched that is to blame; once, whatever comes of it. */
function search({ id, context }: StepInput<RolloutState>): StepOutcome {
  const { channel, commit, tree } = context;
  const start = { machine: 'bisect', parent: null, channel, cluster: '', commit };
  return {
    kind: 'done',
    output: { kind: 'answered' } satisfies RolloutOutput as unknown as Json,
    messages: [
      { to: bisectId(context), event: { type: 'START', input: { channel, commit, tree, rolloutId: id } }, start },
    ],
    journal: [
      { kind: 'bisect-started', message: `the commit that halts ${channel} is searched behind ${commit.slice(0, 12)}` },
    ],
  };
}

/** How far the search is, or what it came to. */
async function searchOf(
  deps: PipelineDependencies,
  { context }: StepInput<RolloutState>,
): Promise<{ said: string; goesOn: boolean } | undefined> {
  const row = await deps.store.load(bisectId(context));
  if (row === undefined) return undefined;
  const { verdict, wait } = row.context as unknown as BisectState;
  if (verdict !== null) return { said: verdict.message, goesOn: false };
  return { said: `the commit to blame is searched: ${wait?.message ?? 'it begins'}`, goesOn: row.status === 'active' };
}

function bisectId({ channel, commit }: Pick<RolloutState, 'channel' | 'commit'>): string {
  return `bisect:${channel}:${commit}`;
}

/** Asks the channel to put the last good version back; once, whatever comes of it. */
async function rollBack(
  deps: PipelineDependencies,
  input: StepInput<RolloutState>,
  halt: { code: string; message: string },
): Promise<StepOutcome> {
  const { channel, commit, tree } = input.context;
  const output = { kind: 'answered' } satisfies RolloutOutput as unknown as Json;
  const overrides = readOverrides(await deps.store.facts('override'));
  const good = await lastGoodVersion(deps, { channel, head: commit, tree, overrides, now: input.now });
  if (good === undefined) {
    const message = `${channel} is not rolled back: no earlier version that was proven here is known`;
    return { kind: 'done', output, journal: [{ kind: 'rollback-impossible', message }] };
  }
  const reason = `automatic rollback: ${halt.message}`;
  const by = `rollout ${input.id}`;
  const move = {
    kind: 'rollback',
    id: input.id,
    commit: good.commit,
    from: null,
    waived: ['soak', 'waves', 'gates'],
    by,
    reason,
  };
  const veto = {
    kind: 'veto',
    scope: `commit:${commit}`,
    actor: by,
    reason,
    expiresAt: input.now + vetoMs,
    commit,
    tree,
  };
  const known = vetoOn(overrides, { commit, tree }, input.now);
  const message = `${channel} goes back to ${good.commit.slice(0, 12)} by itself: ${halt.message}`;
  return {
    kind: 'done',
    output,
    facts: known === undefined ? [{ kind: 'override', key: `veto/commit:${commit}`, value: veto }] : [],
    messages: [{ to: `channel:${channel}`, event: { type: 'MOVE', move } }],
    journal: [
      { kind: 'rollback-requested', message, data: { to: good.commit, bad: commit } },
      ...(known === undefined
        ? [{ kind: 'vetoed', message: `${commit.slice(0, 12)} is vetoed: ${reason}`, data: { ...veto } }]
        : [{ kind: 'veto-known', message: describeHold(known) }]),
    ],
  };
}
