import { describe, expect, it } from 'vitest';
import { createOperations } from '../../../src/daemon/operations.ts';
import type { Pipeline } from '../../../src/domain/pipeline.ts';
import type { FactWrite, ReadStore } from '../../../src/ports/store.ts';

const now = Date.UTC(2026, 0, 1);
const later = now + 3_600_000;
const pipeline = { channels: [{ name: 'dev', waves: [{ name: 'rest' }] }] } as unknown as Pipeline;

function operations(facts: { key: string; value: unknown }[]) {
  const written: FactWrite[] = [];
  const store = { facts: async () => facts, rows: async () => [] } as unknown as ReadStore;
  const engine = {
    post: async (_: unknown, more?: { facts?: FactWrite[] }) => {
      written.push(...(more?.facts ?? []));
    },
  } as unknown as Parameters<typeof createOperations>[0]['engine'];
  const lastGood = { clusters: () => [], pipeline: () => pipeline };
  return { written, ...createOperations({ store, engine, lastGood, now: () => now }) };
}

const laid = (kind: string, scope: string, expiresAt = later) => ({
  key: `${kind}/${scope}`,
  value: { kind, scope, actor: 'ada', reason: 'because', expiresAt },
});
const by = { name: 'kim' };
const dev = { kind: 'channel', name: 'dev' } as const;

describe('resuming', () => {
  it('ends the pause, and tells of the freeze that goes on holding the same channel', async () => {
    const all = operations([laid('pause', 'channel:dev'), laid('freeze', 'channel:dev')]);
    const { message } = await all.resume({ scope: dev, reason: 'all clear' }, by);
    expect(message).toContain('Still held by freeze of channel:dev by ada');
    expect(message).toContain('clm unfreeze channel:dev');
    expect(all.written).toEqual([{ kind: 'override', key: 'pause/channel:dev', value: null }]);
  });

  it('tells of a pause of the fleet, and not of what holds nothing back or is over', async () => {
    const all = operations([
      laid('pause', 'channel:dev'),
      laid('pause', 'fleet'),
      laid('hold', 'fleet'),
      laid('freeze', 'fleet', now),
    ]);
    const { message } = await all.resume({ scope: dev, reason: 'all clear' }, by);
    expect(message.match(/Still held/g)).toHaveLength(1);
    expect(message).toContain('clm resume fleet');
  });

  it('says so when nobody had paused it', async () => {
    const { message } = await operations([]).resume({ scope: dev, reason: 'all clear' }, by);
    expect(message).toContain('Nobody had paused channel:dev');
    const paused = await operations([laid('pause', 'channel:dev')]).resume({ scope: dev, reason: 'all clear' }, by);
    expect(paused.message).not.toContain('Nobody');
  });
});

describe('pausing', () => {
  it('says what happens next, and how to end it', async () => {
    const { message } = await operations([]).pause({ scope: dev, reason: 'incident', forSeconds: 60 }, by);
    expect(message).toContain('clm resume channel:dev');
  });

  it('is refused for a commit, and lays nothing down', async () => {
    const all = operations([]);
    const scope = { kind: 'commit', name: 'abcdef0' } as const;
    await expect(all.pause({ scope, reason: 'incident', forSeconds: 60 }, by)).rejects.toThrow('clm veto');
    expect(all.written).toEqual([]);
  });
});
