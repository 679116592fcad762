import { describe, expect, it } from 'vitest';
import { progressLine } from '../../../src/cli/demo/follow.ts';

const counts = { updated: 3, total: 3 } as Parameters<typeof progressLine>[0][number]['counts'];
const rollout = { id: 'r', commit: 'new', state: 'updating', startedAt: 'now', active: true };

describe('how far the change of a demo is', () => {
  it('says of a channel that the change has not reached nothing that the version before has earned', () => {
    const line = progressLine(
      [
        { name: 'dev', state: 'proven', counts, proven: 'new' },
        { name: 'alpha', state: 'updating', counts: { ...counts, updated: 1 }, proven: 'old', rollout },
        { name: 'stable', state: 'proven', counts, proven: 'old', rollout: { ...rollout, commit: 'old' } },
      ],
      'new',
    );
    expect(line).toBe('dev proven 3/3 · alpha updating 1/3 · stable not yet');
  });
});
