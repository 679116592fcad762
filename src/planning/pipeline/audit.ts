/** Judges the published records of a branch's moves: do they prove, by what they say themselves, that each move was right? Pure. */
import type { MoveRecord, PublishedMove } from '../../domain/move-record.ts';
import type { SignedBy } from '../../ports/signer.ts';
import { digestText } from '../../support/digest.ts';
import { type EvidenceFact, evidenceKey } from './facts.ts';
import { judgeGate } from './gate.ts';
import { recordDigest } from './move-record.ts';

/** One move as it was found in the notes, with what the repository and the journal say of it. */
export interface FoundMove {
  move: PublishedMove;
  /** The statement's text, as it stands in the note. */
  text: string;
  /** Commit whose note it was found in. */
  notedAt: string;
  /** null = published without a signature; `unjudged` = signed, and there are no allowed signers to judge by. */
  signature: SignedBy | 'unjudged' | null;
  /** `from` is an ancestor of `to`. */
  fastForward: boolean;
  /** Tree of the channel configuration at `to`; undefined when the repository has not got it. */
  tree: string | undefined;
}

export interface AuditPolicy {
  /** An unsigned record is a finding. */
  signatures: boolean;
}

export interface JudgedMove {
  from: string;
  to: string;
  at: number;
  by: MoveRecord['by'];
  /** One sentence: what moved it. */
  summary: string;
  /** `unjudged`: signed, and nobody said whose signatures count. */
  signature: 'none' | 'unjudged' | 'counts' | 'does-not-count';
  signedBy: string | null;
  /** Empty when the record proves the move. */
  findings: string[];
}

/** `older` is the statement of the same branch before this one, when it was found. */
export function judgeMove(found: FoundMove, older: FoundMove | undefined, policy: AuditPolicy): JudgedMove {
  const { record, previous } = found.move;
  const proof = record.by === 'promotion' ? replayedProof(record) : askedBy(record);
  const findings = [...proof.findings, ...signatureFindings(found.signature, policy)];
  if (found.notedAt !== record.to)
    findings.push(`it is noted at ${short(found.notedAt)}, and tells of ${short(record.to)}`);
  if (!found.fastForward)
    findings.push(`${short(record.to)} does not descend from ${short(record.from)}: this was no fast-forward`);
  if (found.tree !== record.tree) {
    findings.push(
      `the configuration at ${short(record.to)} is ${short(found.tree ?? 'not there')}, the record says ${short(record.tree)}`,
    );
  }
  if (older !== undefined && previous !== digestText(older.text)) {
    findings.push(
      `it does not follow the record before it, of ${short(older.move.record.to)}: one of them was changed, or one between is gone`,
    );
  }
  const { from, to, at, by } = record;
  const signedBy = typeof found.signature === 'object' && found.signature?.valid === true ? found.signature.by : null;
  const signature = signatureState(found.signature);
  return { from, to, at, by, summary: proof.summary, signature, signedBy, findings };
}

/** The gate is judged again, on the evidence that the record carries. */
function replayedProof(record: MoveRecord): { summary: string; findings: string[] } {
  const { proof, tree, asked } = record;
  if (proof === null)
    return { summary: 'promoted without a proof', findings: ['it is a promotion, and carries no proof'] };
  const evidence = new Map<string, EvidenceFact>();
  for (const [cluster, member] of Object.entries(proof.members)) {
    if (member.evidence === undefined) continue;
    evidence.set(evidenceKey(cluster, proof.commit, member.attempt), { ...member.evidence, failures: [] });
  }
  const { commit, maxFailures, members, gates, channel } = proof;
  const verdict = judgeGate({ commit, tree, members, maxFailures, evidence });
  const findings = verdict.open ? [] : [`its evidence does not open the gate: ${verdict.reason}`];
  for (const gate of gates) {
    if (gate.state !== 'open') findings.push(`gate ${gate.name} was ${gate.state}: ${gate.reason}`);
  }
  if (gates.length === 0) findings.push('it names no gate');
  const merged = asked === null ? '' : `; ${asked.reason} by ${asked.actor}`;
  return { summary: `proven on ${channel}: ${verdict.reason}${merged}`, findings };
}

function askedBy({ asked, by }: MoveRecord): { summary: string; findings: string[] } {
  if (asked === null) return { summary: by, findings: [`it is a ${by}, and nobody asked for it`] };
  const findings = [
    ...(asked.actor.trim() === '' ? [`it is a ${by} without an actor`] : []),
    ...(asked.reason.trim() === '' ? [`it is a ${by} without a reason`] : []),
  ];
  return { summary: `${by} by ${asked.actor}: ${asked.reason}`, findings };
}

function signatureState(signature: FoundMove['signature']): JudgedMove['signature'] {
  if (signature === null) return 'none';
  if (signature === 'unjudged') return 'unjudged';
  return signature.valid ? 'counts' : 'does-not-count';
}

function signatureFindings(signature: FoundMove['signature'], { signatures }: AuditPolicy): string[] {
  if (signature === null) return signatures ? ['it is not signed'] : [];
  if (signature === 'unjudged') return signatures ? ['its signature cannot be judged without allowed signers'] : [];
  return signature.valid ? [] : [`its signature does not count: ${signature.reason}`];
}

/** What the journal has to say of the moves: the entry of each, by its id. */
export interface JournalMove {
  id: number;
  hash: string;
  branch: string;
  to: string;
  /** Digest of the record; undefined for moves of before records were kept. */
  record: string | undefined;
}

/** Moves of the journal that are not in the notes as it knows them, by commit. */
export function judgeJournal(
  moves: readonly JournalMove[],
  found: readonly FoundMove[],
): { branch: string; to: string; message: string }[] {
  return moves.flatMap((entry) => {
    if (entry.record === undefined) return [];
    const { branch, to } = entry;
    const published = found.find(({ move }) => move.record.branch === branch && move.record.to === to);
    const told = `entry ${entry.id} of the journal moved ${branch} to ${short(to)}`;
    if (published === undefined) return [{ branch, to, message: `${told}, and there is no record of it in the notes` }];
    if (recordDigest(published.move.record) !== entry.record) {
      return [{ branch, to, message: `${told}, on another record than the one in the notes` }];
    }
    const { journal } = published.move;
    if (journal.id === entry.id && journal.hash !== entry.hash) {
      return [{ branch, to, message: `${told}; its record was published with another journal before it` }];
    }
    return [];
  });
}

function short(commit: string): string {
  return commit.slice(0, 12);
}
