/** What the log of the upstream suite says, in the forms that its versions have written. */
import { describe, expect, it } from 'vitest';
import { mergeProgress, readLog, runIds } from '../../../src/checks/conformance/e2e-log.ts';

const head = `I1121 20:00:00.123456      20 e2e.go:109] Starting e2e run "0f8fad5b-d9cb-469f-a165-70867728950e" on Ginkgo node 1
Running Suite: Kubernetes e2e suite - /usr/local/bin
Will run 402 of 7201 specs
`;
const failure = `------------------------------
• [FAILED] [300.123 seconds]
[sig-network] DNS [It] should provide DNS for the cluster [Conformance]
  [FAILED] Told to stop trying after 12.3s • or so
------------------------------
`;

describe('the log of the upstream suite', () => {
  it('is read while it is written: marks on lines of their own, several on one, failures with words', () => {
    expect(readLog('')).toEqual({ total: 0, completed: 0, failed: 0, passed: 0, ended: false });
    expect(readLog(head)).toMatchObject({ total: 402, completed: 0 });
    expect(readLog(`${head}•\n•\n`)).toMatchObject({ total: 402, completed: 2, failed: 0 });
    expect(readLog(`${head}SSSS•SS••S\n`)).toMatchObject({ completed: 3 });
    expect(readLog(`${head}•\n${failure}• [SLOW TEST] [75.123 seconds]\nname\n`)).toMatchObject({
      completed: 3,
      failed: 1,
      passed: 2,
    });
  });

  it('says at its end what became of it', () => {
    const text = `${head}•\nRan 400 of 7201 Specs in 5632.401 seconds\nFAIL! -- 397 Passed | 3 Failed | 1 Flaked | 0 Pending | 6801 Skipped\n`;
    expect(readLog(text)).toEqual({ total: 402, completed: 400, failed: 3, passed: 397, ended: true });
    const flaked = text.replace('1 Flaked | ', '');
    expect(readLog(flaked)).toMatchObject({ passed: 397, failed: 3, ended: true });
  });

  it('never counts more tests than there are', () => {
    const text = `Will run 2 of 7201 specs\n${'•\n'.repeat(5)}`;
    expect(readLog(text)).toMatchObject({ total: 2, completed: 2 });
  });

  it('names the ids of the suite', () => {
    expect(runIds(head + head)).toEqual(['0f8fad5b-d9cb-469f-a165-70867728950e']);
  });
});

describe('progress', () => {
  const log = { total: 402, completed: 10, failed: 1 };

  it('is whichever is further on: what is posted, or what the log says', () => {
    expect(mergeProgress(log, { total: 402, completed: 20, failed: 2, failures: ['a', 'b'] })).toEqual({
      total: 402,
      completed: 22,
      failed: 2,
    });
    expect(mergeProgress(log, { total: 402, completed: 3, failed: 0 })).toEqual(log);
  });

  it('does not depend on the posts: a total of 0, none at all, or nonsense', () => {
    for (const posted of [undefined, {}, { total: 0, completed: 0 }, { total: Number.NaN, completed: -3 }, 'text'])
      expect(mergeProgress(log, posted)).toEqual(log);
  });

  it('never has more completed than there are', () => {
    expect(mergeProgress(log, { total: 402, completed: 500 })).toMatchObject({ completed: 402 });
  });
});
