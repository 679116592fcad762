/** Clusters that somebody wants to be rid of: each gets a process that waits for everything that has to hold first. */
import type { ChannelState } from '../../domain/channel.ts';
import { lifecycleKind, parseLifecycle } from '../../planning/lifecycle/cluster-lifecycle.ts';
import type { JournalNote, StepInput } from '../../ports/step.ts';
import type { OutboxMessage } from '../../ports/store.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';

export async function startDecommissions(
  deps: PipelineDependencies,
  { context, now, state }: StepInput<ChannelState>,
): Promise<{ messages: OutboxMessage[]; journal: JournalNote[] } | undefined> {
  const { channel } = context;
  const wanted = deps
    .registry()
    .clusters.filter((one) => one.channel === channel && one.lifecycleStatus === 'decommission-requested');
  if (wanted.length === 0 || state === 'paused') return undefined;
  if ((await deps.store.fact('adoption', 'fleet')) === undefined) return undefined;
  const rows = await deps.store.rows({ machine: 'decommission', status: 'active' });
  const known = new Set(rows.map((row) => row.cluster));
  const messages: OutboxMessage[] = [];
  const journal: JournalNote[] = [];
  for (const { id } of wanted) {
    if (known.has(id)) continue;
    // what was committed a moment ago goes before what the registry's reader knows
    const life = parseLifecycle((await deps.store.fact(lifecycleKind, id))?.value);
    if (life?.status === 'decommissioned') continue;
    messages.push({
      to: `decommission:${id}:${now}`,
      event: { type: 'START', input: { clusterId: id, channel } },
      start: { machine: 'decommission', parent: null, channel, cluster: id, commit: '' },
    });
    const message = `the registry asks that ${id} be taken away; clm why ${id} says what it waits for`;
    journal.push({ kind: 'decommission-requested', message, data: { cluster: id } });
  }
  return messages.length === 0 ? undefined : { messages, journal };
}
