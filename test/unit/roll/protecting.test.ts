import { describe, expect, it } from 'vitest';
import { type NodeSpec, now, plan, words } from '../../support/roll-builders.ts';

describe('an old node that others may scale in', () => {
  const nodes: NodeSpec[] = [{ name: 'old-1', old: true, protect: false, annotations: { 'clm/protected-by': 'r1' } }];
  const decided = (...asked: number[]): { protects: boolean; nextLookAt: number } => {
    const protectedAt = new Map(asked.map((ago) => ['i-old-1', now - ago]));
    const found = plan({ pools: [{ nodes }], input: { protectedAt } });
    return { protects: words(found.actions).includes('protect 1'), nextLookAt: found.nextLookAt };
  };

  it('is protected once, though a describe does not show it yet, and again when that lasts', () => {
    expect(decided()).toMatchObject({ protects: true });
    expect(decided(1_000)).toEqual({ protects: false, nextLookAt: now + 29_000 });
    expect(decided(30_000)).toMatchObject({ protects: true });
  });
});
