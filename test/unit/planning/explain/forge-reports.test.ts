import { describe, expect, it } from 'vitest';
import { reportsFor, type ToldReport } from '../../../../src/planning/explain/forge-reports.ts';
import { channelFixture, statusFixture } from '../../../support/status-fixture.ts';

const a = 'a'.repeat(40);
const b = 'b'.repeat(40);
const rollout = (commit: string, state: string) => ({
  id: 'r',
  commit,
  state,
  startedAt: '2026-11-21T08:00:00.000Z',
  active: true,
});
const look = (commit: string, state: string, told: ToldReport[]) =>
  reportsFor(
    statusFixture({ channels: [channelFixture('dev', { rollout: rollout(commit, state) }), channelFixture('idle')] }),
    told,
  );
const told = (commit: string, state: ToldReport['state'], description: string): ToldReport => ({
  channel: 'dev',
  commit,
  state,
  description,
});

describe('what should stand on the forge', () => {
  it('is the state of the newest rollout of each channel, where it differs from what stands there', () => {
    expect(look(a, 'updating', [])).toEqual([told(a, 'pending', 'updating')]);
    expect(look(a, 'updating', [told(a, 'pending', 'updating')])).toEqual([]);
    expect(look(a, 'soaking', [told(a, 'pending', 'updating')])).toEqual([told(a, 'pending', 'soaking')]);
    expect(look(a, 'proven', [])).toMatchObject([{ state: 'success' }]);
    expect(look(a, 'halted', [])).toMatchObject([{ state: 'failure', description: 'halted: clm why dev' }]);
  });

  it('says that a version is over when another took its place, and leaves a proven one alone', () => {
    expect(look(b, 'updating', [told(a, 'pending', 'soaking')])).toEqual([
      told(a, 'superseded', `superseded by ${b.slice(0, 12)}`),
      told(b, 'pending', 'updating'),
    ]);
    expect(look(b, 'updating', [told(a, 'success', 'proven')])).toEqual([told(b, 'pending', 'updating')]);
  });
});
