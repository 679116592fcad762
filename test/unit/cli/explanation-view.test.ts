import { describe, expect, it } from 'vitest';
import { renderExplanation } from '../../../src/cli/view/explanation-view.ts';
import { palette } from '../../../src/cli/view/terminal.ts';
import { explainSubject } from '../../../src/planning/explain/explain-subject.ts';
import type { ChannelStatus } from '../../../src/planning/explain/status-document.ts';
import { channelFixture, statusFixture } from '../../support/status-fixture.ts';

const since = '2026-11-21T08:10:00.000Z';
const gates: ChannelStatus['gates'] = [
  { name: 'checks', state: 'open', reason: '3 clusters are green', openedBy: '', since },
  {
    name: 'release',
    state: 'closed',
    reason: '1 of 2 approvals (ana)',
    openedBy: 'sre (ana, bo): clm approve 3f2a1bc',
    since,
    earliest: '2026-11-21T09:30:00.000Z',
  },
];

describe('the answer of clm why on a terminal', () => {
  it('is a tree: gates side by side below their channel, what blocks a node pool below the pool', () => {
    const beta = channelFixture('beta', { state: 'gating', gates });
    const lines = (subject: string, columns: number): string[] => {
      const status = statusFixture();
      const channels = status.channels.map((one) => (one.name === 'beta' ? { ...one, gates: beta.gates } : one));
      const answer = explainSubject({ ...status, channels }, subject, []);
      if (!answer.found) throw new Error('not found');
      return renderExplanation(answer.explanation, { columns, colors: palette(false) });
    };
    expect(lines('beta', 90).slice(2)).toEqual([
      'channel beta (for 20m)',
      '│  3 clusters are in flight',
      '│  next: wave 2 of 3 (half); 5 clusters are still queued',
      '├─ gate release (for 20m) [gate-closed]',
      '│     closed: 1 of 2 approvals (ana)',
      '│     next: it can open in 1h',
      '│     you can: opened by sre (ana, bo): clm approve 3f2a1bc',
      '├─ gate checks (for 20m)',
      '│     open: 3 clusters are green',
      '└─ cluster beta-blocked (for 18m)',
      '   │  It is in phase worker rolls.',
      '   └─ node pool workers (for 10m) [budget-never-allows]',
      '      │  Budget shop/cart never allows a disruption: pod cart-0 of StatefulSet/cart stays',
      '      │  on ip-10-0-0-9',
      '      │  you can: ask the owner of StatefulSet/cart on beta-blocked to add replicas or',
      '      │  make pods healthy so that budget shop/cart allows a disruption; clm never',
      '      │  overrides a budget',
      '      └─ blocked by [budget-never-allows]',
      '            budget shop/cart, pod shop/cart-0, owner StatefulSet/cart, node ip-10-0-0-9',
    ]);
    for (const line of lines('beta', 60)) expect(line.length).toBeLessThanOrEqual(60);
  });
});
