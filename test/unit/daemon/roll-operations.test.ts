import { describe, expect, it } from 'vitest';
import type { ApiError } from '../../../src/api/errors.ts';
import { rollBody } from '../../../src/api/roll-schemas.ts';
import { createRollOperations } from '../../../src/daemon/roll-operations.ts';
import { rollOverridesOf } from '../../../src/planning/roll/overrides.ts';
import type { JournalEntry, Json, OutboxMessage, ProcessRow, ReadStore } from '../../../src/ports/store.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

const now = Date.UTC(2026, 10, 21, 8);
const ada = { name: 'ada' };
const template = { id: 'lt-1', version: '1' };

function rollRow(pool: string, previous: Json): ProcessRow {
  return {
    id: `roll:${pool}`,
    machine: 'nodePoolRoll',
    context: { pool, memory: { groups: [{ previous }] } },
    status: 'active',
    cluster: sampleCluster.id,
  } as unknown as ProcessRow;
}

function bench(rows: ProcessRow[]) {
  const facts = new Map<string, Json>();
  const posted: { messages: OutboxMessage[]; journal: JournalEntry[] }[] = [];
  const woken: string[] = [];
  const store = {
    rows: async () => rows,
    facts: async () => [...facts].map(([key, value]) => ({ kind: 'override', key, value, updatedAt: 0 })),
  } as unknown as ReadStore;
  const { act } = createRollOperations({
    store,
    engine: {
      wake: (id) => woken.push(id),
      post: async (messages, more) => {
        posted.push({ messages: [messages].flat(), journal: more?.journal ?? [] });
        for (const fact of more?.facts ?? []) {
          if (fact.value === null) facts.delete(fact.key);
          else facts.set(fact.key, fact.value);
        }
      },
    },
    clusters: () => [sampleCluster],
    nodesOf: async () => ['node-1', 'node-2'],
    now: () => now,
  });
  const overrides = () =>
    rollOverridesOf(
      [...facts.values()].map((value) => ({ value })),
      sampleCluster.id,
    );
  return { act: (body: object) => act(rollBody.parse(body), ada), facts, posted, woken, overrides };
}

const refused = async (work: Promise<unknown>): Promise<ApiError> =>
  work.then(
    () => {
      throw new Error('it was not refused');
    },
    (error: unknown) => error as ApiError,
  );

const cluster = sampleCluster.alias;
const reason = 'ticket 88';

describe('what an operator does to rolls', () => {
  it('reaches the roll of one pool, or all that are under way', async () => {
    const { act, posted } = bench([rollRow('workers', null), rollRow('gpu', null)]);
    const one = await act({ action: 'abort', cluster, pool: 'gpu', reason });
    expect(one.told).toEqual(['roll:gpu']);
    expect(posted[0]?.messages).toEqual([{ to: 'roll:gpu', event: { type: 'ABORT', by: 'ada', reason } }]);
    expect(posted[0]?.journal).toMatchObject([
      { source: 'operator:ada', kind: 'roll-abort', cluster: sampleCluster.id },
    ]);
    expect((await act({ action: 'resume', cluster, reason })).told).toEqual(['roll:workers', 'roll:gpu']);
  });

  it('pauses with an end', async () => {
    const { act, posted } = bench([rollRow('workers', null)]);
    await act({ action: 'pause', cluster, reason, forSeconds: 60 });
    expect(posted[0]?.messages[0]?.event).toEqual({ type: 'PAUSE', by: 'ada', reason, expiresAt: now + 60_000 });
  });

  it('is refused with what is under way, when the pool is not', async () => {
    const none = await refused(bench([]).act({ action: 'pause', cluster, reason }));
    expect(none).toMatchObject({ status: 409, body: { error: { code: 'no-roll' } } });
    const other = await refused(bench([rollRow('gpu', null)]).act({ action: 'pause', cluster, pool: 'web', reason }));
    expect(other.message).toMatch(/^Pool web of .* is not being rolled now\. Under way: gpu/);
    expect(none.message).toMatch(/^No pool of .* is being rolled now\. clm why sample says what it is at\.$/);
    const nowhere = await refused(bench([]).act({ action: 'pause', cluster: `${cluster}x`, reason }));
    expect(nowhere).toMatchObject({ status: 404, body: { error: { near: expect.arrayContaining([cluster]) } } });
  });

  it('rolls back only where there is a template to go back to', async () => {
    const { act, posted } = bench([rollRow('workers', null)]);
    expect(await refused(act({ action: 'rollback', cluster, reason }))).toMatchObject({ status: 409 });
    expect(posted).toEqual([]);
    const able = bench([rollRow('workers', template)]);
    await able.act({ action: 'rollback', cluster, reason });
    expect(able.posted[0]?.messages[0]?.event).toEqual({ type: 'ROLLBACK', by: 'ada', reason });
  });
});

describe('an override over rolls', () => {
  it('of budgets has actor, reason and end, wakes the rolls, and can be ended', async () => {
    const { act, overrides, woken } = bench([rollRow('workers', null)]);
    const answer = await act({ action: 'force-drain', cluster, reason });
    expect(overrides().force).toEqual({ actor: 'ada', reason, expiresAt: now + 6 * 3_600_000 });
    expect(answer.message).toContain('until 2026-11-21T14:00:00.000Z');
    expect(woken).toEqual(['roll:workers']);
    await act({ action: 'keep-budgets', cluster, reason });
    expect(overrides().force).toBeUndefined();
    expect(await refused(act({ action: 'keep-budgets', cluster, reason }))).toMatchObject({ status: 409 });
  });

  it('of a node names one that exists', async () => {
    const { act, overrides } = bench([]);
    await act({ action: 'skip', cluster, node: 'node-2', reason, forSeconds: 3600 });
    expect([...overrides().skips]).toEqual([['node-2', { actor: 'ada', reason, expiresAt: now + 3_600_000 }]]);
    const wrong = await refused(act({ action: 'skip', cluster, node: 'node-3', reason }));
    expect(wrong).toMatchObject({ status: 404, body: { error: { near: expect.arrayContaining(['node-1']) } } });
    await act({ action: 'unskip', cluster, node: 'node-2', reason });
    expect(overrides().skips.size).toBe(0);
  });

  it('never lasts longer than a week for budgets, and never without a reason', () => {
    expect(rollBody.safeParse({ action: 'force-drain', cluster, reason, forSeconds: 8 * 86_400 }).success).toBe(false);
    expect(rollBody.safeParse({ action: 'skip', cluster, node: 'n', reason: ' ' }).success).toBe(false);
  });
});
