import { describe, expect, it } from 'vitest';
import { explainRef } from '../../../src/daemon/explain-ref.ts';
import { clusterFixture, statusFixture } from '../../support/status-fixture.ts';

const status = statusFixture({ clusters: [clusterFixture('twin'), clusterFixture('twin', { id: 'aws:2' })] });
const commit = status.channels[0]?.head as string;
const channel = status.channels[0]?.name as string;

describe('why, asked by the name of a commit', () => {
  const named = new Map([
    ['v1', commit],
    ['fix', 'f'.repeat(40)],
    [channel, 'f'.repeat(40)],
    ['twin', commit],
  ]);
  const why = (subject: string) => explainRef(status, subject, [], async (ref) => named.get(ref));

  it('takes a branch or a tag where no channel or cluster has that name', async () => {
    expect(await why('v1')).toMatchObject({ found: true, explanation: { subject: { kind: 'commit', name: commit } } });
    expect(await why(channel)).toMatchObject({ found: true, explanation: { subject: { kind: 'channel' } } });
    expect(await why('twin')).toMatchObject({ found: false, near: [expect.any(String), 'aws:2'] });
  });

  it('says so when the commit is one of git alone, or the name is nobody’s', async () => {
    await expect(why('fix')).rejects.toThrow("'fix' is commit ffffffffffff, which no channel has rolled out");
    expect(await why('v2')).toMatchObject({ found: false });
  });
});
