/**
 * Records of branch moves as git notes keep them: what a note says, and how one is added. Pure. A note of a commit has a line for each
 * branch that moved to it; a line is JSON: the statement, and the signature of exactly the statement's text.
 */
import { z } from 'zod';
import type { MoveApproval, MoveProof, MoveRecord, ProofMember, PublishedMove } from '../../domain/move-record.ts';
import type { Pipeline } from '../../domain/pipeline.ts';
import { type RolloutState, waivables } from '../../domain/rollout.ts';
import { digestOf } from '../../support/digest.ts';
import { type EvidenceFact, evidenceKey, parseApproval } from './facts.ts';

/** What the gate judged, as it was when the branch moved. */
export function proofOf(
  rollout: { id: string; state: RolloutState },
  evidence: ReadonlyMap<string, EvidenceFact>,
  maxFailures: number,
): MoveProof {
  const { channel, commit, lane, waived, members, soak, gates } = rollout.state;
  return {
    channel,
    commit,
    rollout: rollout.id,
    lane,
    waived,
    maxFailures,
    members: Object.fromEntries(
      Object.entries(members).map(([cluster, { state, attempt, version, joined }]): [string, ProofMember] => {
        const known = evidence.get(evidenceKey(cluster, commit, attempt));
        return [
          cluster,
          {
            state,
            attempt,
            version,
            ...(joined === true ? { joined } : {}),
            ...(known === undefined ? {} : { evidence: withoutMessages(known) }),
          },
        ];
      }),
    ),
    soak:
      soak === null ? null : { requiredMs: soak.requiredMs, observedMs: soak.observedMs, clusterMs: soak.clusterMs },
    gates: gates.map(({ name, state, reason }) => ({ name, state, reason })),
  };
}

/** Messages of checks may quote what a cluster said; a note is read by whoever reads the repository. */
function withoutMessages({ failures: _, ...evidence }: EvidenceFact): NonNullable<ProofMember['evidence']> {
  return evidence;
}

/** Facts of kind `approval`, with keys `<channel>/<commit>/<gate>/<actor>`. */
export function approvalsOf(facts: readonly { key: string; value: unknown }[]): MoveApproval[] {
  return facts.flatMap(({ key, value }) => {
    const approval = parseApproval(value);
    if (approval === undefined) return [];
    const [channel = '', , gate = ''] = key.split('/');
    const { actor, verdict, reason, at } = approval;
    return [{ gate: `${channel}/${gate}`, actor, verdict, reason, at }];
  });
}

/** Digest of what the pipeline asks of these channels: tells later whether a move was made under other rules. */
export function policyDigest(pipeline: Pipeline, channels: readonly string[]): string {
  const { channels: all, ...common } = pipeline;
  return digestOf({ ...common, channels: all.filter((one) => channels.includes(one.name)) });
}

export function recordDigest(record: MoveRecord): string {
  return digestOf(record);
}

/** What is signed. */
export function statementText({ record, previous, journal }: PublishedMove): string {
  return JSON.stringify({ record, previous, journal });
}

export interface NoteLine {
  move: PublishedMove;
  /** null = published without a key. */
  signature: string | null;
}

/** The note's text with one line more. */
export function noteWith(text: string | undefined, { move, signature }: NoteLine): string {
  const { record, previous, journal } = move;
  return `${text ?? ''}${JSON.stringify({ statement: { record, previous, journal }, signature })}\n`;
}

const memberShape = z.object({
  state: z.enum(['pending', 'inFlight', 'updated', 'failed', 'superseded', 'aborted', 'left', 'skipped']),
  attempt: z.number(),
  version: z.string().nullable(),
  joined: z.boolean().exactOptional(),
  evidence: z
    .object({
      version: z.string(),
      tree: z.string(),
      result: z.enum(['passed', 'failed', 'error']),
      passed: z.number(),
      failed: z.number(),
      excused: z.array(z.string()),
      at: z.number(),
      inheritedFrom: z.string().nullable(),
    })
    .exactOptional(),
});

const recordShape = z.object({
  format: z.literal(1),
  branch: z.string().min(1),
  channel: z.string().min(1),
  from: z.string().min(1),
  to: z.string().min(1),
  tree: z.string().min(1),
  at: z.number(),
  by: z.enum(['promotion', 'hotfix', 'bypass', 'rollback']),
  proof: z
    .object({
      channel: z.string().min(1),
      commit: z.string().min(1),
      rollout: z.string().min(1),
      lane: z.enum(['normal', 'hotfix', 'rollback', 'bypass']),
      waived: z.array(z.enum(waivables)),
      maxFailures: z.number(),
      members: z.record(z.string(), memberShape),
      soak: z.object({ requiredMs: z.number(), observedMs: z.number(), clusterMs: z.number() }).nullable(),
      gates: z.array(
        z.object({ name: z.string(), state: z.enum(['open', 'closed', 'inconclusive']), reason: z.string() }),
      ),
    })
    .nullable(),
  asked: z.object({ actor: z.string(), reason: z.string(), waived: z.array(z.string()) }).nullable(),
  approvals: z.array(
    z.object({
      gate: z.string(),
      actor: z.string(),
      verdict: z.enum(['approved', 'rejected']),
      reason: z.string(),
      at: z.number(),
    }),
  ),
  policy: z.string(),
});

const lineShape = z.object({
  statement: z.object({
    record: recordShape,
    previous: z.string().nullable(),
    journal: z.object({ id: z.number(), hash: z.string() }),
  }),
  signature: z.string().nullable(),
});

export function parseMoveRecord(value: unknown): MoveRecord | undefined {
  const parsed = recordShape.safeParse(value);
  return parsed.success ? (parsed.data satisfies MoveRecord) : undefined;
}

/**
 * Lines of a note. `text` of a line is what its signature covers: the statement as it stands in the note, so that not even a field that
 * this version does not know can be changed unseen.
 */
export function parseMoveNote(text: string): { lines: (NoteLine & { text: string })[]; unreadable: string[] } {
  const lines: (NoteLine & { text: string })[] = [];
  const unreadable: string[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch {
      unreadable.push(`line ${i + 1} is no JSON`);
      continue;
    }
    const parsed = lineShape.safeParse(json);
    if (parsed.success) {
      const { statement, signature } = parsed.data;
      const written = JSON.stringify((json as { statement: unknown }).statement);
      lines.push({ move: statement satisfies PublishedMove, signature, text: written });
    } else {
      const issue = parsed.error.issues[0];
      unreadable.push(`line ${i + 1}: ${issue?.path.join('.') || 'the line'}: ${issue?.message ?? 'is wrong'}`);
    }
  }
  return { lines, unreadable };
}
