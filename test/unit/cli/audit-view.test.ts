import { describe, expect, it } from 'vitest';
import { auditLines } from '../../../src/cli/view/audit-view.ts';
import type { ChannelAudit } from '../../../src/daemon/audit.ts';
import type { JudgedMove } from '../../../src/planning/pipeline/audit.ts';

const move = (signature: JudgedMove['signature'], findings: string[] = []): JudgedMove => ({
  from: 'a'.repeat(40),
  to: 'b'.repeat(40),
  at: Date.UTC(2026, 2, 4, 5, 6),
  by: 'promotion',
  summary: 'proven on dev: 1 cluster is green',
  signature,
  signedBy: signature === 'counts' ? 'clm@example.org' : null,
  findings,
});

function told(moves: JudgedMove[], proven = true): string[] {
  const stable: ChannelAudit = {
    channel: 'stable',
    branch: 'stable',
    head: 'b'.repeat(40),
    moves,
    byPeople: [],
    begins: 'a'.repeat(40),
  };
  return auditLines({ proven, channels: [stable], findings: [], journal: { state: 'absent' } });
}

describe('what clm audit verify prints', () => {
  it('says of signatures what is known: theirs count, are not judged, do not count, or are not there', () => {
    expect(told([move('counts'), move('counts')])[0]).toMatch(/2 moves on record, 2 proven, signed$/);
    expect(told([move('none')])[0]).toMatch(/1 move on record, 1 proven, not signed$/);
    expect(told([move('unjudged')])[0]).toContain('signed by somebody (nobody said whose signatures count');
    expect(told([move('counts'), move('does-not-count', ['x'])], false)[0]).toMatch(
      /1 proven, 1 signed, 1 signed by somebody whose signature does not count$/,
    );
  });

  it('does not call nothing proven', () => {
    expect(told([]).at(-1)).toContain('no record of a move');
    expect(told([move('none')]).at(-1)).toBe('1 move is proven.');
  });
});
