/** Proves what branches were moved on: from the repository's notes alone, and against the journal where there is one. Changes nothing. */
import type { ChannelPolicy } from '../domain/pipeline.ts';
import {
  type AuditPolicy,
  type FoundMove,
  type JournalMove,
  type JudgedMove,
  judgeJournal,
  judgeMove,
} from '../planning/pipeline/audit.ts';
import { parseAdoption, parseApproved } from '../planning/pipeline/facts.ts';
import { parseMoveNote } from '../planning/pipeline/move-record.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { SignatureJudge } from '../ports/signer.ts';
import type { ReadStore, StoredJournalEntry } from '../ports/store.ts';
import { chainStart, verifyChain } from '../store/journal-chain.ts';
import { moveKinds } from './move-notes.ts';

export interface AuditInput {
  channels: readonly ChannelPolicy[];
  source: ChannelSource;
  /** undefined = no database: the journal is not held against the notes. */
  store: ReadStore | undefined;
  judge: SignatureJudge | undefined;
  policy: AuditPolicy;
  /** Newest moves of a branch that are looked at. */
  limit: number;
  onProgress?: (message: string) => void;
}

export interface AuditFinding {
  /**
   * `branch`: forced or missing; `unproven`: a record does not prove its move; `unrecorded`: the branch came somewhere without a record;
   * `unpublished`: the journal knows of a record that the notes do not have.
   */
  kind: 'branch' | 'unproven' | 'unrecorded' | 'unpublished';
  channel: string;
  commit: string;
  message: string;
}

export interface ChannelAudit {
  channel: string;
  branch: string;
  head: string | null;
  /** Newest first. */
  moves: JudgedMove[];
  /** Moves that no record tells of, with who accounted for them. */
  byPeople: { to: string; why: string }[];
  /** Where the records begin; null = the limit was reached before. */
  begins: string | null;
}

export interface AuditReport {
  proven: boolean;
  channels: ChannelAudit[];
  findings: AuditFinding[];
  journal: { state: 'intact'; entries: number } | { state: 'broken'; at: number } | { state: 'absent' };
}

type Notes = ReadonlyMap<string, ReturnType<typeof parseMoveNote>>;

export async function audit(input: AuditInput): Promise<AuditReport> {
  const { channels, source, store } = input;
  const say = input.onProgress ?? (() => {});
  say('reading the notes');
  const branches = channels.map((channel) => channel.branch);
  const { heads, problems } = await source.fetch(branches, {});
  const notes: Notes = new Map([...(await source.readNotes())].map(([id, text]) => [id, parseMoveNote(text)]));
  const findings: AuditFinding[] = problems.map(({ branch, message }) => ({
    kind: 'branch',
    channel: channels.find((channel) => channel.branch === branch)?.name ?? branch,
    commit: '',
    message,
  }));
  const found: FoundMove[] = [];
  const audited: ChannelAudit[] = [];
  for (const channel of channels) {
    say(`judging the moves of ${channel.branch}`);
    const head = heads.find((one) => one.branch === channel.branch)?.commit ?? null;
    const walked = await walk(input, channel, head, notes);
    const moves = walked.moves.map((one, i) => judgeMove(one, walked.moves[i + 1], input.policy));
    for (const { to, findings: own } of moves)
      findings.push(
        ...own.map((message) => ({ kind: 'unproven' as const, channel: channel.name, commit: to, message })),
      );
    findings.push(...walked.findings);
    found.push(...walked.moves);
    const { byPeople, begins } = walked;
    audited.push({ channel: channel.name, branch: channel.branch, head, moves, byPeople, begins });
  }
  if (store === undefined)
    return { proven: findings.length === 0, channels: audited, findings, journal: { state: 'absent' } };
  say('reading the journal');
  const journal = await readJournal(store);
  for (const { branch, to, message } of judgeJournal(within(journal.moves, audited), found)) {
    const channel = channels.find((one) => one.branch === branch)?.name ?? branch;
    findings.push({ kind: 'unpublished', channel, commit: to, message });
  }
  const state =
    journal.brokenAt === undefined
      ? ({ state: 'intact', entries: journal.entries } as const)
      : ({ state: 'broken', at: journal.brokenAt } as const);
  return { proven: findings.length === 0 && state.state === 'intact', channels: audited, findings, journal: state };
}

interface Walked {
  moves: FoundMove[];
  byPeople: { to: string; why: string }[];
  begins: string | null;
  findings: AuditFinding[];
}

/** From the head back, record by record; where a commit has none, the next older commit that has one. */
async function walk(input: AuditInput, channel: ChannelPolicy, head: string | null, notes: Notes): Promise<Walked> {
  const walked: Walked = { moves: [], byPeople: [], begins: head, findings: [] };
  const { branch, name } = channel;
  // people merge to a channel that nothing is promoted to: only what clm put there has a record
  const fed = input.channels.some((other) => other.promotesTo.includes(name));
  let at = head;
  while (at !== null && walked.moves.length < input.limit) {
    const line = lineOf(notes, at, branch);
    if (line === undefined) {
      const older = await olderMove(input.source, notes, at, branch);
      const accounted = fed ? await accountedFor(input.store, name, at) : undefined;
      if (accounted !== undefined) walked.byPeople.push({ to: at, why: accounted });
      walked.begins = at;
      if (older === undefined) return walked;
      if (fed && accounted === undefined) {
        const message = `${branch} came to ${at.slice(0, 12)} without a record, after ${older.slice(0, 12)}`;
        walked.findings.push({ kind: 'unrecorded', channel: name, commit: at, message });
      }
      at = older;
      continue;
    }
    walked.moves.push(await foundMove(input, line, at));
    at = line.move.record.from;
    walked.begins = at;
  }
  if (at !== null && walked.moves.length >= input.limit) walked.begins = null;
  return walked;
}

function lineOf(notes: Notes, commit: string, branch: string) {
  return notes.get(commit)?.lines.findLast(({ move }) => move.record.branch === branch);
}

const mostBetween = 500;

async function olderMove(
  source: ChannelSource,
  notes: Notes,
  commit: string,
  branch: string,
): Promise<string | undefined> {
  const before = await source.commitsBetween(undefined, commit, mostBetween);
  return before.find((one) => one.commit !== commit && lineOf(notes, one.commit, branch) !== undefined)?.commit;
}

/** Why a commit may be on a channel although no record says so. */
async function accountedFor(
  store: ReadStore | undefined,
  channel: string,
  commit: string,
): Promise<string | undefined> {
  const approved = parseApproved((await store?.fact('approved', `${channel}/${commit}`))?.value);
  if (approved !== undefined)
    return `taken over by ${approved.by}${approved.reason === '' ? '' : `: ${approved.reason}`}`;
  const adoption = parseAdoption((await store?.fact('adoption', 'fleet'))?.value);
  return adoption?.heads[channel]?.commit === commit ? `there when ${adoption.actor} adopted the fleet` : undefined;
}

async function foundMove(
  { source, judge }: AuditInput,
  { move, text, signature }: { move: FoundMove['move']; text: string; signature: string | null },
  notedAt: string,
): Promise<FoundMove> {
  const { from, to } = move.record;
  const known = async <Answer>(answer: Promise<Answer>) => answer.catch(() => undefined);
  return {
    move,
    text,
    notedAt,
    signature: signature === null ? null : judge === undefined ? 'unjudged' : await judge.judge(text, signature),
    fastForward: (await known(source.isAncestor(from, to))) === true,
    tree: (await known(source.commitInfo(to)))?.tree,
  };
}

const page = 1_000;

async function readJournal(store: ReadStore): Promise<{ entries: number; brokenAt?: number; moves: JournalMove[] }> {
  const moves: JournalMove[] = [];
  let hash = chainStart;
  let afterId = 0;
  let entries = 0;
  for (;;) {
    const next = await store.journal({ afterId, limit: page });
    const last = next.at(-1);
    if (last === undefined) return { entries, moves };
    const verified = verifyChain(next, hash);
    moves.push(...next.flatMap(journalMove));
    if (!verified.ok) return { entries, moves, brokenAt: verified.brokenAt };
    hash = verified.hash;
    afterId = last.id;
    entries += next.length;
  }
}

function journalMove({ kind, id, hash, data }: StoredJournalEntry): JournalMove[] {
  if (!moveKinds.some((one) => one === kind)) return [];
  const { branch, to, record } = (data ?? {}) as Record<string, unknown>;
  if (typeof branch !== 'string' || typeof to !== 'string') return [];
  return [{ id, hash, branch, to, record: typeof record === 'string' ? record : undefined }];
}

/** A branch that was looked at only so far back says nothing about older moves. */
function within(moves: JournalMove[], audited: ChannelAudit[]): JournalMove[] {
  return moves.filter(({ branch, to }) => {
    const channel = audited.find((one) => one.branch === branch);
    return channel !== undefined && (channel.begins !== null || channel.moves.some((move) => move.to === to));
  });
}
