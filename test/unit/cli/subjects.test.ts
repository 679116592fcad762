import { describe, expect, it } from 'vitest';
import { parseMoment } from '../../../src/cli/moment.ts';
import { fullSubjects, requireKnown, shownNames } from '../../../src/cli/subjects.ts';
import { explainSubject } from '../../../src/planning/explain/explain-subject.ts';
import type { Explanation, StatusDocument } from '../../../src/planning/explain/status-document.ts';
import { clusterFixture, statusFixture } from '../../support/status-fixture.ts';

const status = statusFixture();
const commit = status.channels[0]?.head as string;
const reader = {
  status: async () => status,
  explain: async (subject: string): Promise<Explanation> => {
    const answer = explainSubject(status, subject, []);
    if (answer.found) return answer.explanation;
    throw new Error(`There is no '${subject}'.`);
  },
};

describe('names that narrow a list', () => {
  it('are written out in full: aliases, and the beginning of a commit', async () => {
    expect(await fullSubjects({ cluster: 'beta-done', commit: commit.slice(0, 8) }, reader)).toEqual({
      cluster: 'aws:123456789012:eu-central-1:beta-done',
      commit,
    });
    expect(await fullSubjects({ commit: 'A'.repeat(40) }, reader)).toEqual({ commit: 'a'.repeat(40) });
    expect(await fullSubjects({ commit: status.channels[0]?.name }, reader)).toEqual({ commit });
  });

  it('stay as they are where nobody knows them: history outlives clusters', async () => {
    expect(await fullSubjects({ cluster: 'nightly', channel: 'gone' }, reader)).toEqual({
      cluster: 'nightly',
      channel: 'gone',
    });
  });

  it('are refused when they are no commit, or several clusters', async () => {
    await expect(fullSubjects({ commit: '3f2a' }, reader)).rejects.toThrow("There is no '3f2a'");
    await expect(fullSubjects({ commit: 'beta-done' }, reader)).rejects.toThrow("'beta-done' is a cluster, no commit");
    const twins = statusFixture({ clusters: [clusterFixture('twin'), clusterFixture('twin', { id: 'aws:2' })] });
    await expect(fullSubjects({ cluster: 'twin' }, { ...reader, status: async () => twins })).rejects.toThrow('aws:2');
  });

  it('end with bad input and near names when they found nothing', async () => {
    await expect(requireKnown({ cluster: 'beta-dome' }, reader)).rejects.toThrow(
      /cluster 'beta-dome'; near: .*beta-done/,
    );
    await expect(requireKnown({ channel: 'bta' }, reader)).rejects.toThrow(/channel 'bta'; near: .*beta/);
    await requireKnown({ cluster: 'beta-done', channel: 'beta' }, reader);
    await requireKnown({}, reader);
  });
});

describe('a moment', () => {
  it('has a day and a time, and a zone when it is not the one of the shell', () => {
    expect(parseMoment('2026-12-27T08:00Z')).toBe(Date.UTC(2026, 11, 27, 8));
    expect(parseMoment('2026-12-27T08:00:30+02:00')).toBe(Date.UTC(2026, 11, 27, 6, 0, 30));
    expect(parseMoment('2026-12-27T08:00')).toBe(new Date(2026, 11, 27, 8).getTime());
  });

  for (const text of ['2026-02-31T08:00', '2026-13-01T08:00Z', '2026-12-27', '2026-12-27T24:30', '12', 'tomorrow', ''])
    it(`is not '${text}'`, () => expect(parseMoment(text)).toBeUndefined());
});

describe('a cluster in a table', () => {
  it('is shown by its alias, and by its id where that is nobody alone, or it is not known any more', () => {
    const cluster = (id: string, alias: string) => ({ id, alias }) as StatusDocument['clusters'][number];
    const named = shownNames({ clusters: [cluster('aws:1', 'one'), cluster('aws:2', 'two'), cluster('aws:3', 'two')] });
    expect(['aws:1', 'aws:2', 'aws:3', 'aws:9'].map(named)).toEqual(['one', 'aws:2', 'aws:3', 'aws:9']);
  });
});
