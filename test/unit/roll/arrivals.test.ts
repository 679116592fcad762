import { describe, expect, it } from 'vitest';
import { workloadOf } from '../../../src/planning/roll/cluster-index.ts';
import { Arrivals } from '../../../src/steps/roll/arrivals.ts';
import { readStops } from '../../../src/steps/roll/measurements.ts';
import { TerminationTimes } from '../../../src/steps/roll/termination-times.ts';
import { buildInput, type PodSpec } from '../../support/roll-builders.ts';

const seen = (pods: PodSpec[], draining = true) =>
  buildInput({ pools: [{ nodes: [{ name: 'old-1', old: true, ...(draining ? { drainingFor: 1 } : {}) }] }], pods })
    .view;

describe('pods that still come to a node that is drained', () => {
  it('are noticed when they are first seen; those that leave change nothing', () => {
    const arrivals = new Arrivals();
    arrivals.observe(
      seen([
        { name: 'a', node: 'old-1' },
        { name: 'b', node: 'old-1' },
      ]),
      1_000,
    );
    arrivals.observe(seen([{ name: 'a', node: 'old-1' }]), 2_000);
    expect(arrivals.last.get('old-1')).toBe(1_000);
    arrivals.observe(seen([{ name: 'c', node: 'old-1' }]), 3_000);
    arrivals.observe(seen([]), 4_000);
    expect(arrivals.last.get('old-1')).toBe(3_000);
  });

  it('are none when they are DaemonSet pods, and nothing is known of nodes that are not drained', () => {
    const arrivals = new Arrivals();
    arrivals.observe(seen([]), 1_000);
    arrivals.observe(seen([{ name: 'd', node: 'old-1', daemon: 'agent' }]), 2_000);
    expect(arrivals.last.get('old-1')).toBe(1_000);
    arrivals.observe(seen([], false), 3_000);
    expect([...arrivals.last]).toEqual([]);
  });
});

describe('how long pods take to end', () => {
  it('is kept by workload, whatever its version', () => {
    const of = (name: string, kind = 'ReplicaSet', labels = {}) =>
      workloadOf({ namespace: 'shop', owner: { kind, name, uid: 'u' }, labels });
    expect(of('web-5d8f', 'ReplicaSet', { 'pod-template-hash': '5d8f' })).toBe('shop/ReplicaSet/web');
    expect(of('db', 'StatefulSet')).toBe('shop/StatefulSet/db');
    expect(of('report-29384720', 'Job')).toBe('shop/Job/report');
    expect(workloadOf({ namespace: 'shop', labels: {} })).toBeUndefined();
  });

  it('is smoothed; what this process has measured goes before what was stored', () => {
    const times = new TerminationTimes();
    const measure = (ms: number): void => {
      times.begin('p', 'w', 0);
      times.observe(new Set(), ms);
    };
    measure(10_000);
    measure(20_000);
    times.load({ w: 1, v: 2 });
    expect(Object.fromEntries(times.byWorkload)).toEqual({ w: 13_000, v: 2 });
    expect(times.changed).toBe(true);
  });

  it('is not believed from a fact that says something else', () => {
    expect(readStops({ w: 'long' })).toBeUndefined();
    expect(readStops([1])).toBeUndefined();
    expect(readStops({ w: 3 })).toEqual({ w: 3 });
  });
});
