import { nextStacks } from '../../planning/lifecycle/decommission-plan.ts';
import { describeStackFailure, firstFailure } from '../../planning/pipeline/stack-state.ts';
import type { CloudProvider, StackView } from '../../ports/cloud-provider.ts';
import type { JournalNote, StepOutcome } from '../../ports/step.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import {
  assertLease,
  type DecommissionStep,
  done,
  type Input,
  named,
  stillGoing,
  waiting,
} from './decommission-step.ts';

const pollMs = 15_000;
const eventsRead = 100;
const failedCode = 'stack-delete-failed';
const retryMs = 15 * 60_000;

/** Deletes the stacks that carry the cluster's tag, in order. Termination protection is lifted here, and only here. */
export function removeStacks(deps: PipelineDependencies): DecommissionStep {
  return async (input) => {
    const going = await stillGoing(deps, input);
    if ('kind' in going) return going;
    const { clusterId, removed } = input.context;
    const { cloud } = await deps.sessions.sessionFor(clusterId);
    const tag = { key: `kubernetes.io/cluster/${clusterId}`, value: 'owned' };
    const all = (await cloud.listStacks(tag)).filter((stack) => stack.status !== 'DELETE_COMPLETE');
    const shared = deps
      .registry()
      .clusters.some(
        (other) =>
          other.id !== clusterId &&
          other.infrastructureAccount === going.cluster.infrastructureAccount &&
          other.region === going.cluster.region &&
          other.lifecycleStatus !== 'decommissioned',
      );
    // a stack that does not name the cluster may serve others in its account, etcd above all
    const own = all.filter((stack) => !shared || stack.name.includes(going.cluster.localId));
    const gone = removed.filter((name) => !own.some((stack) => stack.name === name));
    const next = nextStacks(own, going.cluster);
    if (next.length === 0) {
      const kept = all.filter((stack) => !own.includes(stack)).map((stack) => stack.name);
      const message = `stacks ${named(kept)} carry the tag of ${clusterId} and not its name: they stay, as others live in its account`;
      return done(
        { kind: 'next', removed: gone },
        { journal: kept.length === 0 ? [] : [{ kind: 'stack-kept', message }] },
      );
    }
    const refused = await refusal(cloud, input, next);
    if (refused !== undefined) return refused;
    const journal: JournalNote[] = [];
    for (const stack of next) journal.push(...(await remove(cloud, input, stack)));
    const names = [...new Set([...removed, ...next.map((stack) => stack.name)])];
    if (names.length > removed.length) return done({ kind: 'again', removed: names }, { journal });
    return {
      ...waiting(
        input,
        'stack-deletion',
        `CloudFormation deletes ${named(names.filter((name) => next.some((stack) => stack.name === name)))}`,
        pollMs,
      ),
      journal,
    };
  };
}

/** A stack that could not be deleted says why, and is asked again after a while, or when somebody wants it. */
async function refusal(cloud: CloudProvider, input: Input, stacks: StackView[]): Promise<StepOutcome | undefined> {
  const failed = stacks.find((stack) => stack.status === 'DELETE_FAILED');
  const { wait, since } = input.context;
  if (failed === undefined || wait?.code === 'retry') return undefined;
  if (wait?.code === failedCode && input.now - wait.since >= retryMs) return undefined;
  const failure = firstFailure(await cloud.stackEvents(failed.name, eventsRead), since);
  return waiting(input, failedCode, describeStackFailure(failed.name, failed.status, failure), retryMs);
}

/** Asks for it unless it is under way. */
async function remove(cloud: CloudProvider, input: Input, stack: StackView): Promise<JournalNote[]> {
  const { name, status } = stack;
  // a stack that changes cannot be deleted before it has come to rest
  if (status.endsWith('_IN_PROGRESS') && status !== 'REVIEW_IN_PROGRESS') return [];
  assertLease(input);
  if (stack.terminationProtection) await cloud.setTerminationProtection(name, false);
  await cloud.deleteStack(name, `${input.id}-${name}`.replace(/[^A-Za-z0-9-]/g, '-').slice(-120));
  return [{ kind: 'stack-removed', message: `stack ${name} of ${input.context.clusterId} is deleted` }];
}
