/** Updates are named by attempts: whoever starts one never gets a name that another may get. */
import { describe, expect, it } from 'vitest';
import { attemptsEach, firstOfBisect, firstOfChannel, firstOfRollout } from '../../../src/domain/attempts.ts';
import { afterRetry, withJoined } from '../../../src/machines/rollout/members.ts';
import { freeAttempt } from '../../../src/steps/channel/catch-up.ts';
import type { PipelineDependencies } from '../../../src/steps/pipeline-dependencies.ts';

/** Every number that the n-th rollout of a version gives a cluster that came late and failed again and again. */
function ofRollout(n: number): number[] {
  const numbers: number[] = [];
  let members = withJoined({}, ['a'], firstOfRollout(n));
  while (members['a']?.state === 'pending') {
    numbers.push(members['a'].attempt);
    members = afterRetry({ a: { ...members['a'], state: 'failed' } }).members;
  }
  return numbers;
}

/** Every number that a search or a channel takes when none comes free. */
async function ofSearch(first: number): Promise<number[]> {
  const taken = new Set<string>();
  const store = { load: async (id: string) => (taken.has(id) ? {} : undefined), fact: async () => undefined };
  const numbers: number[] = [];
  for (;;) {
    const attempt = await freeAttempt({ store } as unknown as PipelineDependencies, 'dev', 'c1', 'a', first);
    if (attempt === undefined) return numbers;
    numbers.push(attempt);
    taken.add(`update:dev:c1:a:${attempt}`);
  }
}

describe('attempts', () => {
  it('are never those of two starters: nobody waits for an update that reports to another', async () => {
    const starters = {
      rollout: ofRollout(1),
      again: ofRollout(2),
      third: ofRollout(3),
      bisect: await ofSearch(firstOfBisect),
      channel: await ofSearch(firstOfChannel),
    };
    expect(Object.values(starters).map((numbers) => numbers.length)).toEqual(Array(5).fill(attemptsEach));
    const all = Object.values(starters).flat();
    expect(new Set(all).size).toBe(all.length);
  });
});
