/** Every green cluster still runs what it was verified with, and nothing new is wrong with it. */
import { closed, type GateVerdict, open } from './gate-verdict.ts';

export interface ConvergenceMember {
  state: string;
  version: string | null;
  blocked: { message: string } | null;
  stalled: { message: string } | null;
}

export interface ConvergenceInput {
  members: Record<string, ConvergenceMember>;
  /** What each cluster is recorded to run now; null while an update has it in hand. */
  running: ReadonlyMap<string, { version: string | null; settled: boolean }>;
}

export function judgeConvergence({ members, running }: ConvergenceInput): GateVerdict {
  const troubles: string[] = [];
  let alike = 0;
  for (const id of Object.keys(members).sort()) {
    const member = members[id] as ConvergenceMember;
    if (member.state !== 'updated') continue;
    const now = running.get(id);
    const trouble = member.blocked?.message ?? member.stalled?.message;
    if (trouble !== undefined) troubles.push(`${id}: ${trouble}`);
    else if (now === undefined) troubles.push(`${id}: what it runs is not known`);
    else if (!now.settled) troubles.push(`${id} is being changed again`);
    else if (now.version !== member.version) troubles.push(`${id} runs ${now.version ?? 'something unknown'} now`);
    else alike += 1;
  }
  const first = troubles[0];
  if (first === undefined) return open(`${alike === 1 ? '1 cluster runs' : `${alike} clusters run`} what was verified`);
  const more = troubles.length > 1 ? `; and ${troubles.length - 1} more` : '';
  return closed(`${first}${more}`, 'the clusters named, once they run it again');
}
