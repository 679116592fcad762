import type { ChannelStatus, StatusDocument } from '../../planning/explain/status-document.ts';
import { sleep, wallMs } from '../../support/deadline.ts';
import { type DaemonClient, DaemonUnreachable } from '../daemon-client.ts';
import type { DaemonProcess } from './daemon-process.ts';
import type { DemoOutcome } from './options.ts';

export interface FollowResult {
  outcome: DemoOutcome;
  reason: string;
  status: StatusDocument | undefined;
}

const askEveryMs = 500;

/** Asks for the status until the change has arrived, or cannot go further. */
export async function follow(input: {
  client: DaemonClient;
  daemon: DaemonProcess;
  commit: string;
  timeoutSeconds: number;
  signal: AbortSignal;
  onStatus(status: StatusDocument): void;
}): Promise<FollowResult> {
  const { client, daemon, commit, signal } = input;
  const deadline = wallMs() + input.timeoutSeconds * 1000;
  let status: StatusDocument | undefined;
  while (!signal.aborted) {
    if (daemon.unexpectedExit !== undefined) return { outcome: 'failed', reason: daemon.unexpectedExit, status };
    if (wallMs() > deadline) {
      return { outcome: 'timed-out', reason: `not over after ${input.timeoutSeconds} s of wall time`, status };
    }
    try {
      status = await client.get<StatusDocument>('/v1/status');
      input.onStatus(status);
      const verdict = judge(status, commit);
      if (verdict) return { ...verdict, status };
    } catch (error) {
      // A killed daemon comes back; one that does not is caught above.
      if (!(error instanceof DaemonUnreachable)) throw error;
    }
    await daemon.samplePeakMemory();
    await sleep(askEveryMs, signal);
  }
  return { outcome: 'interrupted', reason: 'stopped by Ctrl-C', status };
}

function judge(status: StatusDocument, commit: string): { outcome: DemoOutcome; reason: string } | undefined {
  const last = status.channels.filter((channel) => channel.promotesTo.length === 0);
  if (last.length > 0 && last.every((channel) => channel.proven === commit)) {
    return {
      outcome: 'promoted',
      reason: `${last.map((channel) => channel.name).join(', ')} proven at ${commit.slice(0, 12)}`,
    };
  }
  const ofCommit = (channel: ChannelStatus): boolean => channel.rollout?.commit === commit;
  for (const channel of status.channels.filter(ofCommit)) {
    if (channel.state === 'halted')
      return { outcome: 'halted', reason: `${channel.name}: ${channel.reason ?? 'halted'}` };
    const blocked = status.clusters.find((cluster) => cluster.channel === channel.name && cluster.state === 'blocked');
    if (blocked) {
      const why = blocked.blocker?.message ?? blocked.pools.find((pool) => pool.blocker)?.blocker?.message;
      return { outcome: 'blocked', reason: `${blocked.alias}: ${why ?? channel.reason ?? 'blocked'}` };
    }
  }
  return undefined;
}

/** How far the change is: a channel that it has not reached says so, whatever it has proven before. */
export function progressLine(
  channels: readonly Pick<ChannelStatus, 'name' | 'state' | 'counts' | 'proven' | 'rollout'>[],
  commit: string,
): string {
  return channels
    .map(({ name, state, counts, proven, rollout }) =>
      rollout?.commit === commit || proven === commit
        ? `${name} ${state} ${counts.updated}/${counts.total}`
        : `${name} not yet`,
    )
    .join(' · ');
}

/** Waits until the daemon answers; undefined when it ended instead. */
export async function awaitDaemon(
  client: DaemonClient,
  daemon: DaemonProcess,
  signal: AbortSignal,
): Promise<StatusDocument | undefined> {
  while (!signal.aborted && daemon.unexpectedExit === undefined) {
    try {
      return await client.get<StatusDocument>('/v1/status');
    } catch (error) {
      if (!(error instanceof DaemonUnreachable)) throw error;
    }
    await sleep(100, signal);
  }
  return undefined;
}
