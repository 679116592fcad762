/** What an audit found, and records of moves in words. */
import type { AuditReport, ChannelAudit } from '../../daemon/audit.ts';
import type { MoveProof } from '../../domain/move-record.ts';
import type { JudgedMove } from '../../planning/pipeline/audit.ts';
import type { NoteLine } from '../../planning/pipeline/move-record.ts';
import { formatDuration } from '../../support/duration.ts';
import { printable } from './terminal.ts';

const shownMoves = 5;

export function auditLines(report: AuditReport): string[] {
  const lines = report.channels.flatMap((channel) => [...channelLines(channel), '']);
  if (report.findings.length > 0) {
    lines.push('NOT PROVEN');
    for (const { channel, commit, message } of report.findings)
      lines.push(`  ${[channel, short(commit)].filter((part) => part !== '').join(' ')}: ${printable(message)}`);
    lines.push('');
  }
  lines.push(journalLine(report.journal));
  const moves = report.channels.reduce((sum, channel) => sum + channel.moves.length, 0);
  if (report.proven && moves === 0)
    lines.push('There is no record of a move, so nothing is proven, and nothing speaks against it.');
  else if (report.proven) lines.push(`${moves === 1 ? '1 move is' : `${moves} moves are`} proven.`);
  return lines;
}

function channelLines({ channel, head, moves, byPeople, begins }: ChannelAudit): string[] {
  const proven = moves.filter((move) => move.findings.length === 0).length;
  const signatures = signaturesOf(moves);
  const lines = [
    `${channel}  at ${head === null ? 'no commit' : short(head)}: ` +
      (moves.length === 0
        ? 'clm has not moved it'
        : `${moves.length === 1 ? '1 move' : `${moves.length} moves`} on record, ${proven} proven, ${signatures}`),
  ];
  for (const move of moves.slice(0, shownMoves)) {
    const mark = move.findings.length === 0 ? 'ok ' : 'NOT';
    lines.push(`  ${mark} ${date(move.at)}  ${short(move.from)} → ${short(move.to)}  ${printable(move.summary)}`);
  }
  if (moves.length > shownMoves) lines.push(`  and ${moves.length - shownMoves} older ones (-o json shows all)`);
  for (const { to, why } of byPeople) lines.push(`  --- ${short(to)}  ${printable(why)}`);
  if (moves.length > 0)
    lines.push(begins === null ? '  older moves were not looked at (--limit)' : `  records begin at ${short(begins)}`);
  return lines;
}

const signatureWords: Record<JudgedMove['signature'], string> = {
  counts: 'signed',
  none: 'not signed',
  unjudged: 'signed by somebody (nobody said whose signatures count: --allowed-signers)',
  'does-not-count': 'signed by somebody whose signature does not count',
};

function signaturesOf(moves: readonly JudgedMove[]): string {
  const counts = Object.entries(signatureWords).flatMap(([state, words]) => {
    const count = moves.filter((move) => move.signature === state).length;
    return count === 0 ? [] : [count === moves.length ? words : `${count} ${words}`];
  });
  return counts.join(', ');
}

function journalLine(journal: AuditReport['journal']): string {
  switch (journal.state) {
    case 'absent':
      return 'Journal: not looked at.';
    case 'broken':
      return `Journal: BROKEN at entry ${journal.at}: it, or one before it, was changed.`;
    case 'intact':
      return `Journal: ${journal.entries} entries, unbroken.`;
  }
}

/** One record, for people. */
export function recordLines({ move, signature }: NoteLine): string[] {
  const { record, journal } = move;
  const { branch, from, to, at, proof, asked, approvals } = record;
  const lines = [
    `${branch}  ${short(from)} → ${short(to)}  ${date(at)}`,
    ...(asked === null
      ? []
      : [`  ${record.by} by ${asked.actor}: ${asked.reason}; waived: ${asked.waived.join(', ') || 'nothing'}`]),
    ...(proof === null ? [] : proofLines(proof)),
    ...approvals.map(
      ({ gate, actor, verdict, reason, at: when }) => `  ${verdict} by ${actor} at ${gate}, ${date(when)}: ${reason}`,
    ),
    `  configuration ${short(record.tree)}, policy ${short(record.policy)}, journal entry ${journal.id}, ` +
      (signature === null ? 'not signed' : 'signed (clm audit verify judges it)'),
    '',
  ];
  return lines.map((line) => `${line.startsWith('  ') ? '  ' : ''}${printable(line)}`);
}

function proofLines({ channel, rollout, members, soak, gates }: MoveProof): string[] {
  const states = new Map<string, number>();
  for (const member of Object.values(members)) {
    const said = member.evidence === undefined ? member.state : `${member.state}, checks ${member.evidence.result}`;
    const inherited = member.evidence?.inheritedFrom == null ? said : `${said} (inherited)`;
    states.set(inherited, (states.get(inherited) ?? 0) + 1);
  }
  return [
    `  proven on ${channel} by ${rollout}`,
    ...[...states].map(([state, count]) => `  ${count === 1 ? '1 cluster' : `${count} clusters`} ${state}`),
    ...(soak === null
      ? []
      : [
          `  soaked ${formatDuration(soak.observedMs)} of ${formatDuration(soak.requiredMs)}, ${formatDuration(soak.clusterMs)} summed over clusters`,
        ]),
    ...gates.map(({ name, state, reason }) => `  gate ${name} ${state}: ${reason}`),
  ];
}

function date(at: number): string {
  return Number.isFinite(at) && Math.abs(at) < 8.64e15
    ? new Date(at).toISOString().slice(0, 16).replace('T', ' ')
    : 'at no time';
}

function short(commit: string): string {
  return commit.slice(0, 12);
}
