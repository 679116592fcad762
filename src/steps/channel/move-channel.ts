import type { ChannelMoveOutput, ChannelState } from '../../domain/channel.ts';
import { FailureError, transient } from '../../domain/failure.ts';
import { recordDigest } from '../../planning/pipeline/move-record.ts';
import { describeHold, readOverrides, vetoOn } from '../../planning/pipeline/overrides.ts';
import type { StepEffects, StepInput, StepOutcome } from '../../ports/step.ts';
import type { FactWrite, Json } from '../../ports/store.ts';
import { moveRecordWrite, recordOfOverride } from '../move-record.ts';
import { type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';

type Move = NonNullable<ChannelState['move']>;
type Input = StepInput<ChannelState>;

/** Puts a hotfix, a rollback or a picked change on the channel's branch, by fast-forward from its head (P7). */
export function moveChannel(deps: PipelineDependencies) {
  return async (input: Input): Promise<StepOutcome> => {
    const { move, channel } = input.context;
    const policy = policyOf(deps, channel);
    if (move === null) return ended({});
    if (policy === undefined)
      return refused(move, 'channel-unknown', `channel ${channel} is not in the pipeline any more`);
    try {
      return move.made === null
        ? await make(deps, input, move, policy.branch)
        : await push(deps, input, move, policy.branch, move.made);
    } catch (error) {
      if (!(error instanceof FailureError) || error.failure.kind === 'transient') throw error;
      return refused(move, error.failure.code, error.failure.message);
    }
  };
}

async function make(deps: PipelineDependencies, input: Input, move: Move, branch: string): Promise<StepOutcome> {
  deps.heads.forget();
  const look = await deps.heads.look(input.now);
  const problem = look.problems.get(branch);
  const head = look.byBranch.get(branch);
  if (problem !== undefined) return refused(move, `branch-${problem.kind}`, problem.message);
  if (head === undefined) return refused(move, 'branch-missing', `branch ${branch} was not found`);
  if (move.from !== null && move.from !== head) {
    const message = `branch ${branch} is at ${head.slice(0, 12)} now, not at ${move.from.slice(0, 12)}: look again, and ask again`;
    return refused(move, 'branch-moved', message);
  }
  const info = await deps.heads.commitInfo(move.commit);
  const veto = vetoOn(readOverrides(await deps.store.facts('override')), info, input.now);
  if (veto !== undefined) return refused(move, 'vetoed', describeHold(veto));
  const made = await newHead(deps, move, head, input.now);
  if ('conflict' in made) return refused(move, 'pick-conflict', made.conflict);
  return { kind: 'done', output: { kind: 'made', from: head, to: made.to } satisfies ChannelMoveOutput };
}

async function newHead(
  deps: PipelineDependencies,
  move: Move,
  head: string,
  at: number,
): Promise<{ to: string } | { conflict: string }> {
  const short = move.commit.slice(0, 12);
  const trailer = `\n\nAsked by ${move.by}: ${move.reason}\nClm-Request: ${move.id}`;
  switch (move.kind) {
    case 'hotfix': {
      if (await deps.source.isAncestor(head, move.commit)) return { to: move.commit };
      return { conflict: `${short} does not contain ${head.slice(0, 12)}: put it on top of the branch's head` };
    }
    case 'rollback': {
      const message = `Roll back to ${short}${trailer}`;
      return { to: await deps.source.restoringCommit({ parent: head, treeOf: move.commit, message, at }) };
    }
    case 'bypass': {
      const { subject } = await deps.heads.commitInfo(move.commit);
      const picked = await deps.source.pickedCommit({
        onto: head,
        commit: move.commit,
        message: `${subject}\n\nPicked from ${move.commit}${trailer}`,
        at,
      });
      return picked.kind === 'picked' ? { to: picked.commit } : { conflict: picked.message };
    }
  }
}

async function push(
  deps: PipelineDependencies,
  input: Input,
  move: Move,
  branch: string,
  made: { from: string; to: string },
): Promise<StepOutcome> {
  if (!input.leaseHeld()) {
    return { kind: 'failed', failure: transient('lease-lost', 'another daemon holds the lease') };
  }
  const result = await deps.source.fastForward(branch, made.from, made.to);
  deps.heads.forget();
  if (result.kind === 'refused') return refused(move, `push-${result.reason}`, result.message);
  const { channel } = input.context;
  const { tree } = await deps.heads.commitInfo(made.to);
  const approved: FactWrite = {
    kind: 'approved',
    key: `${channel}/${made.to}`,
    value: { by: move.by, lane: move.kind, waived: move.waived, reason: move.reason, tree, at: input.now },
  };
  const debt: FactWrite = {
    kind: 'debt',
    key: `${channel}/${made.to}`,
    value: { commit: made.to, skipped: skippedBy(move), actor: move.by, reason: move.reason, at: input.now },
  };
  const where = { channel, branch, from: made.from, to: made.to, tree, at: input.now };
  const record = await recordOfOverride(deps, move, where);
  const message =
    `branch ${branch} moved from ${made.from.slice(0, 12)} to ${made.to.slice(0, 12)}: ` +
    `${move.kind} by ${move.by}: ${move.reason}`;
  return ended({
    facts: [approved, ...(move.kind === 'rollback' ? [] : [debt]), moveRecordWrite(record)],
    journal: [
      {
        kind: 'branch-overridden',
        message,
        data: {
          branch,
          from: made.from,
          to: made.to,
          tree,
          target: channel,
          lane: move.kind,
          commit: move.commit,
          actor: move.by,
          reason: move.reason,
          waived: move.waived,
          record: recordDigest(record),
        },
      },
    ],
  });
}

function skippedBy(move: Move): string[] {
  return ['evidence of the channels before', ...move.waived];
}

function refused(move: Move, code: string, message: string): StepOutcome {
  const told = `${move.kind} asked by ${move.by} is not carried out: ${message}`;
  return ended({ journal: [{ kind: 'branch-override-refused', message: told, data: { code, request: move.id } }] });
}

function ended(effects: StepEffects): StepOutcome {
  return { kind: 'done', output: { kind: 'moveEnded' } satisfies ChannelMoveOutput as Json, ...effects };
}
