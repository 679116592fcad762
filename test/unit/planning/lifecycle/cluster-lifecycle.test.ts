import { describe, expect, it } from 'vitest';
import type { LifecycleStatus } from '../../../../src/domain/cluster.ts';
import { nextRegistryStatus } from '../../../../src/domain/registry-status.ts';
import {
  effectiveLifecycle,
  lifecycleSaid,
  withLifecycle,
} from '../../../../src/planning/lifecycle/cluster-lifecycle.ts';
import { sampleCluster } from '../../../support/sample-cluster.ts';

const registry: LifecycleStatus[] = ['requested', 'creating', 'ready', 'decommission-requested', 'decommissioned'];
const reached = ['creating', 'ready', 'decommissioned'] as const;

describe('the lifecycle status that counts', () => {
  it('is the registry`s while clm knows nothing', () => {
    expect(registry.map((status) => effectiveLifecycle(status, undefined))).toEqual(registry);
  });

  it('is what clm has reached, unless people want something newer', () => {
    const table = Object.fromEntries(
      registry.map((status) => [status, reached.map((known) => effectiveLifecycle(status, { status: known, at: 1 }))]),
    );
    expect(table).toEqual({
      // what was taken away is made anew when somebody asks for it, and then only
      requested: ['creating', 'ready', 'requested'],
      creating: ['creating', 'ready', 'decommissioned'],
      ready: ['creating', 'ready', 'decommissioned'],
      'decommission-requested': ['decommission-requested', 'decommission-requested', 'decommissioned'],
      decommissioned: ['decommissioned', 'decommissioned', 'decommissioned'],
    });
  });

  it('is laid over the clusters that clm knows something of, and over no other', () => {
    const other = { ...sampleCluster, id: 'other' };
    const requested = { ...sampleCluster, lifecycleStatus: 'requested' as const };
    const known = new Map([[sampleCluster.id, { status: 'ready' as const, at: 1 }]]);
    expect(withLifecycle([requested, other], known)).toEqual([sampleCluster, other]);
    expect(withLifecycle([requested, other], known)[1]).toBe(other);
  });

  it('is heard from the journal of a commit, the newest word last', () => {
    const said = (status: string) => ({ kind: 'cluster-lifecycle', data: { status, at: 1 } });
    expect(lifecycleSaid([{ kind: 'update-started', data: null }])).toBeUndefined();
    expect(lifecycleSaid([said('creating'), said('ready')])).toEqual({ status: 'ready', at: 1 });
    expect(lifecycleSaid([said('on fire')])).toBeUndefined();
  });
});

describe('what the registry is told of it', () => {
  it('are steps forward of a life that somebody asked for, and never over a newer wish', () => {
    const known = { currentVersion: '', lastVersion: '', nextVersion: '', problems: [] };
    const table = Object.fromEntries(
      registry.map((there) => [
        there,
        registry.map(
          (lifecycle) => nextRegistryStatus({ ...known, lifecycle: there }, { problems: [], lifecycle }).lifecycle,
        ),
      ]),
    );
    expect(table).toEqual({
      requested: ['requested', 'creating', 'ready', 'requested', 'requested'],
      creating: ['creating', 'creating', 'ready', 'creating', 'creating'],
      ready: ['ready', 'ready', 'ready', 'ready', 'ready'],
      'decommission-requested': [
        'decommission-requested',
        'decommission-requested',
        'decommission-requested',
        'decommission-requested',
        'decommissioned',
      ],
      decommissioned: ['decommissioned', 'decommissioned', 'decommissioned', 'decommissioned', 'decommissioned'],
    });
    expect(nextRegistryStatus(known, { problems: [], lifecycle: 'ready' })).not.toHaveProperty('lifecycle');
  });
});
