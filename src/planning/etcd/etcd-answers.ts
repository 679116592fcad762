/** What members of etcd answer over HTTP: /health, and the member list of the v3 API's JSON gateway. Whatever is not understood is unknown. */
import { z } from 'zod';
import type { ListedMember, MemberHealth } from './plan-etcd-roll.ts';

const healthSchema = z.object({
  health: z.union([z.string(), z.boolean()]),
  reason: z.string().optional(),
});

/**
 * etcd answers `{"health":"true"}` after a read that a majority has confirmed and that the member has caught up with; `false` with a
 * reason, and status 503, otherwise.
 */
export function readMemberHealth({ status, body }: { status: number; body: string }): MemberHealth {
  const parsed = healthSchema.safeParse(jsonOf(body));
  if (!parsed.success) return { state: 'unknown', said: `its health answers ${status}, and not as etcd does` };
  const { health, reason } = parsed.data;
  if (status === 200 && String(health) === 'true') return { state: 'healthy', said: 'it is healthy' };
  return { state: 'unhealthy', said: `it says that it is not healthy${reason ? ` (${reason.slice(0, 120)})` : ''}` };
}

// 64-bit numbers are texts in the gateway's JSON; what has its default value is left out
const listSchema = z.object({
  members: z
    .array(
      z.object({
        ID: z.string(),
        name: z.string().default(''),
        isLearner: z.boolean().default(false),
        peerURLs: z.array(z.string()).default([]),
        clientURLs: z.array(z.string()).default([]),
      }),
    )
    .min(1),
});

/** A text says what is wrong with the answer. */
export function readMemberList({ status, body }: { status: number; body: string }): ListedMember[] | string {
  if (status !== 200) return `its member list answers ${status}`;
  const parsed = listSchema.safeParse(jsonOf(body));
  if (!parsed.success) return 'its member list is not as the v3 API has it';
  return parsed.data.members.map(({ ID, name, isLearner, peerURLs, clientURLs }) => ({
    id: ID,
    name,
    learner: isLearner,
    peerUrls: peerURLs,
    clientUrls: clientURLs,
  }));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
