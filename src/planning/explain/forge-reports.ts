/** What should stand on the forge about each channel's version. Pure. */
import type { ChannelReport } from '../../ports/scm.ts';
import type { ChannelStatus, StatusDocument } from './status-document.ts';

export type ToldReport = Pick<ChannelReport, 'channel' | 'commit' | 'state' | 'description'>;

/** What differs from what was said last, oldest matters first: a version that another took the place of is said to be over. */
export function reportsFor(status: StatusDocument, told: readonly ToldReport[]): ChannelReport[] {
  return status.channels.flatMap((channel): ChannelReport[] => {
    const now = reportOf(channel);
    if (now === undefined) return [];
    const before = told.find((one) => one.channel === channel.name);
    if (before === undefined) return [now];
    if (before.commit === now.commit)
      return before.state === now.state && before.description === now.description ? [] : [now];
    if (before.state === 'success') return [now];
    const description = `superseded by ${now.commit.slice(0, 12)}`;
    return [{ channel: channel.name, commit: before.commit, state: 'superseded', description }, now];
  });
}

const failed = new Set(['halted', 'aborted']);

function reportOf({ name, rollout, counts }: ChannelStatus): ChannelReport | undefined {
  if (rollout === undefined || rollout.state === 'superseded') return undefined;
  const about = { channel: name, commit: rollout.commit };
  if (rollout.state === 'proven')
    return { ...about, state: 'success', description: `proven on ${counts.total} clusters` };
  if (failed.has(rollout.state))
    return { ...about, state: 'failure', description: `${rollout.state}: clm why ${name}` };
  // no counts: a status a cluster would be many, and GitHub keeps them all
  return { ...about, state: 'pending', description: rollout.state };
}
