import { afterEach, describe, expect, it } from 'vitest';
import { type RegistryReporter, startRegistryReporter } from '../../../src/daemon/registry-reporter.ts';
import { FailureError, transient } from '../../../src/domain/failure.ts';
import { type RegistryStatus, sameRegistryStatus } from '../../../src/domain/registry-status.ts';
import type { ClusterStatus, StatusDocument } from '../../../src/planning/explain/status-document.ts';
import { createLogger } from '../../../src/support/logger.ts';
import { seededRandom } from '../../../src/support/random.ts';

const empty: RegistryStatus = { currentVersion: '', lastVersion: '', nextVersion: '', problems: [] };
let reporter: RegistryReporter | undefined;
afterEach(() => reporter?.close());

const cluster = (more: Partial<ClusterStatus>): ClusterStatus => ({
  id: 'c1',
  alias: 'c1',
  channel: 'dev',
  environment: 'test',
  region: 'eu-central-1',
  account: 'aws:123456789012',
  lifecycle: 'ready',
  state: 'up-to-date',
  waits: [],
  pools: [],
  ...more,
});

/** A registry in memory, and a status document that the test writes. */
function stage(options: { adopted?: boolean; known?: RegistryStatus } = {}) {
  const stored = new Map([['c1', options.known ?? empty]]);
  const state = {
    clusters: [cluster({})],
    adopted: options.adopted ?? true,
    leaseHeld: true,
    failing: false,
    writes: 0,
    passes: 0,
  };
  reporter = startRegistryReporter({
    statuses: {
      known: () => new Map(options.known === undefined ? [] : [['c1', options.known]]),
      update: async (id, change) => {
        if (state.failing) throw new FailureError(transient('registry-unreachable', 'nobody answers'));
        const there = stored.get(id) ?? empty;
        const next = change(there);
        if (!sameRegistryStatus(there, next)) state.writes += 1;
        stored.set(id, next);
        return { kind: 'written' };
      },
    },
    status: async () => {
      state.passes += 1;
      return { adopted: state.adopted, clusters: state.clusters } as unknown as StatusDocument;
    },
    leaseHeld: () => state.leaseHeld,
    random: seededRandom(1),
    log: createLogger({ level: 'silent' }),
    shortestPassMs: 1,
  });
  const show = (more: Partial<ClusterStatus>): void => {
    state.clusters = [cluster(more)];
    reporter?.notify();
  };
  /** Until the reporter has looked at what is shown now, and is done with it. */
  const looked = async (): Promise<void> => {
    for (let i = 0; i < 2; i += 1) {
      const before = state.passes;
      reporter?.notify();
      await expect.poll(() => state.passes).toBeGreaterThan(before);
    }
  };
  return { stored, state, show, looked };
}

describe('telling the registry how far clusters are', () => {
  it('follows a cluster from one version to the next, through a failure', async () => {
    const { stored, show } = stage();
    show({ version: 'a#1' });
    await expect.poll(() => stored.get('c1')).toMatchObject({ currentVersion: 'a#1', nextVersion: '', problems: [] });
    const failure = { kind: 'terminal' as const, code: 'stack-failed', message: 'stack x: limit exceeded' };
    show({ version: 'a#1', state: 'failed', target: 'b', failure });
    await expect
      .poll(() => stored.get('c1'))
      .toMatchObject({
        currentVersion: 'a#1',
        nextVersion: 'b',
        problems: [{ type: 'urn:clm:problem:stack-failed', title: 'stack x: limit exceeded', instance: 'c1' }],
      });
    show({ version: 'b#2', target: 'b' });
    await expect
      .poll(() => stored.get('c1'))
      .toEqual({
        currentVersion: 'b#2',
        lastVersion: 'a#1',
        nextVersion: '',
        problems: [],
      });
  });

  it('names the budget that blocks a roll', async () => {
    const { stored, show } = stage();
    const blocker = { code: 'budget-blocks', message: 'no eviction allowed', namespace: 'shop', budget: 'cart' };
    show({ state: 'blocked', target: 'b', blocker });
    await expect
      .poll(() => stored.get('c1')?.problems)
      .toEqual([
        {
          type: 'urn:clm:problem:budget-blocks',
          title: 'no eviction allowed',
          instance: 'poddisruptionbudget/shop/cart',
        },
      ]);
  });

  it('tells nothing of a fleet that is not adopted, and all of it once it is', async () => {
    const { stored, state, show, looked } = stage({ adopted: false });
    show({ version: 'a#1' });
    await looked();
    expect(state.writes).toBe(0);
    state.adopted = true;
    reporter?.notify();
    await expect.poll(() => stored.get('c1')?.currentVersion).toBe('a#1');
  });

  it('writes nothing when the registry has it already, or when another daemon may act', async () => {
    const { state, looked } = stage({ known: { ...empty, currentVersion: 'a#1', lastVersion: 'z' } });
    state.clusters = [cluster({ version: 'a#1' })];
    reporter?.notify();
    await looked();
    expect(state.writes).toBe(0);
    state.leaseHeld = false;
    state.clusters = [cluster({ version: 'b#1' })];
    reporter?.notify();
    await looked();
    expect(state.writes).toBe(0);
  });

  it('shows that it cannot tell, and tells it later', async () => {
    const { stored, state, show } = stage();
    state.failing = true;
    show({ version: 'a#1' });
    await expect
      .poll(() => reporter?.problems().map((one) => one.message))
      .toEqual(['The status of 1 cluster is not told to the registry: nobody answers']);
    state.failing = false;
    await expect.poll(() => stored.get('c1')?.currentVersion, { timeout: 10_000 }).toBe('a#1');
    await expect.poll(() => reporter?.problems()).toEqual([]);
  });
});
