/** How a cluster update starts runs of checks, and says what they found. */
import type { E2eFailure } from '../../domain/cluster-update.ts';
import type { JournalNote } from '../../ports/step.ts';
import type { OutboxMessage } from '../../ports/store.ts';
import type { UpdateInput } from './update-step.ts';

export interface CheckRun {
  child: string;
  profile: string;
  purpose: 'verify' | 'baseline' | 'mid-roll';
  /** What the cluster runs while it is checked. */
  commit: string;
  version: string;
  /** Epoch ms: nodes made since then are new ones. */
  newSince?: number;
  /** New nodes that have to be looked at. */
  newNodes?: string[];
}

const verbs = {
  verify: { kind: 'e2e-started', say: 'checks of profile' },
  baseline: { kind: 'e2e-started', say: 'before the change, checks of profile' },
  // Its checks ask to run while nodes are replaced: it is no run that keeps rolls away.
  'mid-roll': { kind: 'e2e-mid-roll-started', say: 'while nodes are replaced, checks of profile' },
} as const;

/** The START of the run's process, and what the journal says of it. */
export function checkRun(input: UpdateInput, run: CheckRun): { message: OutboxMessage; note: JournalNote } {
  const { context } = input;
  const { child, profile, purpose, commit, version, newSince, newNodes = [] } = run;
  const message: OutboxMessage = {
    to: child,
    event: {
      type: 'START',
      input: {
        clusterId: context.clusterId,
        channel: context.channel,
        commit,
        version,
        updateId: input.id,
        attempt: context.attempt,
        profile,
        ...(purpose === 'verify' ? {} : { purpose }),
        ...(newSince === undefined ? {} : { newSince }),
        ...(newNodes.length === 0 ? {} : { newNodes }),
      },
    },
    start: { machine: 'e2eRun', parent: input.id, channel: context.channel, cluster: context.clusterId, commit },
  };
  const { kind, say } = verbs[purpose];
  const at = version === '' ? '' : ` at ${version}`;
  const text = `${say} ${profile} start on ${context.clusterId}${at}`;
  return { message, note: { kind, message: text, data: { run: child, profile, version } } };
}

export function describeFailures(failures: readonly E2eFailure[]): string {
  const [first, ...others] = failures;
  if (first === undefined) return 'the checks did not pass';
  const more = others.length === 0 ? '' : `; also ${others.map((failure) => failure.check).join(', ')}`;
  return `check ${first.check} ${first.outcome}: ${first.message}${more}`;
}
