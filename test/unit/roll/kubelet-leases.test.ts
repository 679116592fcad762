import { describe, expect, it } from 'vitest';
import { KubeletLeases } from '../../../src/steps/roll/kubelet-leases.ts';

const at = Date.UTC(2026, 10, 21, 8);
const second = 1_000;
const hour = 3_600_000;
const lease = (renewed: number | string) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'n1', namespace: 'kube-node-lease' },
  spec: { renewTime: typeof renewed === 'string' ? renewed : new Date(renewed).toISOString() },
});

describe('the Leases of kubelets', () => {
  it('count by their own time where the clocks agree', () => {
    const leases = new KubeletLeases();
    expect(leases.observe([lease(at - 7 * second)], at).get('n1')).toBe(at - 7 * second);
    expect(leases.observe([lease(at - 7 * second)], at + hour).get('n1')).toBe(at - 7 * second);
    expect(leases.observe([lease(at + hour + second)], at + hour).get('n1')).toBe(at + hour);
    expect(leases.observe([], at).size).toBe(0);
    expect(leases.observe([lease('soon')], at).size).toBe(0);
  });

  for (const [where, ahead] of [
    ['ahead of', hour],
    ['behind', -hour],
  ] as const) {
    it(`count by their change on a clock that is ${where} the cluster's, and stop with the kubelet`, () => {
      const leases = new KubeletLeases();
      const read = (now: number, renewed: number) => leases.observe([lease(renewed - ahead)], now).get('n1');
      const first = read(at, at - second);
      expect(first === undefined || first <= at - hour).toBe(true);
      expect(read(at + 15 * second, at + 9 * second)).toBe(at);
      // it may have ended a moment after the last read, however long ago that is
      expect(read(at + hour, at + 20 * second)).toBe(at + 15 * second);
      expect(read(at + 2 * hour, at + 20 * second)).toBe(at + 15 * second);
    });
  }

  it('tell nothing by what was read before the clock was set back', () => {
    const leases = new KubeletLeases();
    leases.observe([lease(at)], at);
    expect(leases.observe([lease(at + second)], at - hour).get('n1')).toBeUndefined();
    expect(leases.observe([lease(at + 20 * second)], at - hour + 15 * second).get('n1')).toBe(at - hour);
  });
});
