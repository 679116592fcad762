/** A status document with one of everything, and the rows that it could have come from. */
import type { ChannelStatus, ClusterStatus, StatusDocument } from '../../src/planning/explain/status-document.ts';
import type { StoredJournalEntry } from '../../src/ports/store.ts';

const statusAt = '2026-11-21T08:30:00.000Z';

export function channelFixture(name: string, change: Partial<ChannelStatus> = {}): ChannelStatus {
  return {
    name,
    branch: name,
    promotesTo: [],
    state: 'proven',
    head: '3f2a1bc0d4e5f60718293a4b5c6d7e8f90a1b2c3',
    subject: 'Roll out new node images and a new ingress',
    proven: '3f2a1bc0d4e5f60718293a4b5c6d7e8f90a1b2c3',
    counts: { total: 1, updated: 1, inFlight: 0, queued: 0, blocked: 0, stalled: 0, failed: 0 },
    checks: { passed: 5, failed: 0 },
    nodes: { total: 0, updated: 0 },
    gates: [],
    promotions: [],
    waits: [],
    ...change,
  };
}

export function clusterFixture(alias: string, change: Partial<ClusterStatus> = {}): ClusterStatus {
  return {
    id: `aws:123456789012:eu-central-1:${alias}`,
    alias,
    channel: 'beta',
    environment: 'production',
    region: 'eu-central-1',
    account: 'aws:123456789012',
    lifecycle: 'ready',
    state: 'up-to-date',
    version: '3f2a1bc0d4e5f60718293a4b5c6d7e8f90a1b2c3#0123456789abcdef',
    waits: [],
    pools: [],
    ...change,
  };
}

export function statusFixture(change: Partial<StatusDocument> = {}): StatusDocument {
  return {
    apiVersion: 'clm/v1',
    kind: 'Status',
    at: statusAt,
    asOfSeq: 4711,
    daemon: { running: true },
    adopted: true,
    fleet: {
      clusters: 84,
      byState: { 'up-to-date': 6, updating: 2, blocked: 1, queued: 75 },
      inFlight: 3,
      maxParallel: 40,
    },
    channels: [
      channelFixture('dev'),
      channelFixture('alpha', {
        state: 'soaking',
        counts: { total: 3, updated: 3, inFlight: 0, queued: 0, blocked: 0, stalled: 0, failed: 0 },
        checks: { passed: 15, failed: 0 },
        soak: { observedSeconds: 185, requiredSeconds: 600 },
      }),
      channelFixture('beta', {
        state: 'updating',
        counts: { total: 10, updated: 2, inFlight: 3, queued: 5, blocked: 1, stalled: 0, failed: 0 },
        checks: { passed: 10, failed: 0 },
        rollout: {
          id: 'rollout:beta:3f2a1bc',
          commit: '3f2a1bc0d4e5f60718293a4b5c6d7e8f90a1b2c3',
          subject: 'Roll out new node images and a new ingress',
          state: 'updating',
          startedAt: '2026-11-21T08:10:00.000Z',
          wave: { number: 2, of: 3, name: 'half' },
          active: true,
        },
        reason: '3 clusters are in flight',
      }),
      channelFixture('stable', {
        state: 'halted',
        counts: { total: 70, updated: 0, inFlight: 0, queued: 69, blocked: 0, stalled: 0, failed: 1 },
        checks: { passed: 4, failed: 1 },
        reason:
          '1 failed, 0 allowed: kube-70 (check network.service-endpoints failed: the service has no ready endpoint after 120 s)',
      }),
    ],
    clusters: [
      clusterFixture('beta-blocked', {
        state: 'blocked',
        target: '3f2a1bc0d4e5f60718293a4b5c6d7e8f90a1b2c3',
        phase: 'worker rolls',
        since: '2026-11-21T08:12:00.000Z',
        blocker: {
          code: 'budget-never-allows',
          message: 'Budget shop/cart never allows a disruption: pod cart-0 of StatefulSet/cart stays on ip-10-0-0-9',
          namespace: 'shop',
          budget: 'cart',
          pod: 'cart-0',
          owner: 'StatefulSet/cart',
          node: 'ip-10-0-0-9',
          since: '2026-11-21T08:20:00.000Z',
        },
        pools: [
          {
            name: 'workers',
            controlPlane: false,
            state: 'blocked',
            total: 5,
            updated: 2,
            nodes: [
              {
                name: 'ip-10-0-0-9',
                phase: 'blocked',
                detail: 'draining',
                since: '2026-11-21T08:20:00.000Z',
                blockedBy: 'shop/cart',
              },
              { name: 'ip-10-0-0-12', phase: 'booting', detail: 'booting', since: '2026-11-21T08:29:20.000Z' },
            ],
            blocker: {
              code: 'budget-never-allows',
              message:
                'Budget shop/cart never allows a disruption: pod cart-0 of StatefulSet/cart stays on ip-10-0-0-9',
              namespace: 'shop',
              budget: 'cart',
              pod: 'cart-0',
              owner: 'StatefulSet/cart',
              node: 'ip-10-0-0-9',
              since: '2026-11-21T08:20:00.000Z',
            },
          },
        ],
      }),
      clusterFixture('beta-moving', {
        state: 'updating',
        target: '3f2a1bc0d4e5f60718293a4b5c6d7e8f90a1b2c3',
        phase: 'control plane roll',
        since: '2026-11-21T08:25:00.000Z',
        waits: [{ code: 'node-booting', message: 'ip-10-0-1-7 is booting', since: '2026-11-21T08:29:00.000Z' }],
        pools: [
          {
            name: 'masters',
            controlPlane: true,
            state: 'running',
            total: 3,
            updated: 1,
            nodes: [{ name: 'ip-10-0-1-7', phase: 'draining', detail: 'draining', since: '2026-11-21T08:29:00.000Z' }],
          },
        ],
      }),
      clusterFixture('beta-done'),
    ],
    problems: [
      {
        severity: 'error',
        scope: 'cluster',
        subject: 'beta-blocked',
        code: 'budget-never-allows',
        message: 'Budget shop/cart never allows a disruption: pod cart-0 of StatefulSet/cart stays on ip-10-0-0-9',
        since: '2026-11-21T08:20:00.000Z',
      },
    ],
    problemsOmitted: 0,
    overrides: [],
    ...change,
  };
}

export function eventFixture(id: number, message: string): StoredJournalEntry {
  return {
    id,
    hash: 'x',
    at: Date.parse(statusAt) - 1000 * (100 - id),
    source: 'roll:1',
    seq: id,
    kind: 'node-drained',
    channel: 'beta',
    cluster: 'aws:123456789012:eu-central-1:beta-moving',
    commit: '3f2a1bc',
    message,
    data: null,
  };
}
