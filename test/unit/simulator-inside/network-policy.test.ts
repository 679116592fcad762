import { beforeEach, describe, expect, it } from 'vitest';
import { InsideCluster } from './inside-cluster.ts';

function policy(spec: object, name = 'policy', namespace = 'default'): object {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace }, spec };
}
const web = { podSelector: { matchLabels: { app: 'web' } } };

describe('network policies', () => {
  let inside: InsideCluster;
  beforeEach(() => {
    inside = new InsideCluster();
    inside.serve('web', { replicas: 1, args: ['--http', '9090'] });
    inside.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other', labels: { team: 'red' } } });
  });

  /** Whether a pod with these labels gets through to the port. */
  function passes(metadata: object = {}, port = 8080): boolean {
    const url = `http://${inside.podAddress('web')}:${port}/`;
    return inside.probe(['http', '--url', url, '--timeout', '1s'], {}, metadata).code === 0;
  }

  it('let everything through until one selects the pod, then only what they name', () => {
    expect(passes()).toBe(true);
    inside.apply(policy({ ...web, policyTypes: ['Ingress'] }, 'deny'));
    expect(passes()).toBe(false);
    inside.apply(
      policy({ ...web, ingress: [{ from: [{ podSelector: { matchLabels: { role: 'client' } } }] }] }, 'allow'),
    );
    expect(passes({ labels: { role: 'client' } })).toBe(true);
    expect(passes({ labels: { role: 'other' } })).toBe(false);
    expect(passes({ labels: { role: 'client' }, namespace: 'other' })).toBe(false);
  });

  it('select namespaces, ports by number and name, and address blocks with exceptions', () => {
    inside.apply(
      policy({
        ...web,
        ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'red' } } }], ports: [{ port: 'http' }] }],
      }),
    );
    expect(passes({ namespace: 'other' })).toBe(true);
    expect(passes({ namespace: 'other' }, 9090)).toBe(false);
    expect(passes()).toBe(false);
    inside.apply(
      policy({
        ...web,
        ingress: [{ from: [{ ipBlock: { cidr: '100.64.0.0/10' } }], ports: [{ port: 9000, endPort: 9100 }] }],
      }),
    );
    expect(passes({}, 9090)).toBe(true);
    expect(passes({}, 8080)).toBe(false);
    inside.apply(
      policy({ ...web, ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['100.64.0.0/10'] } }] }] }),
    );
    expect(passes({}, 9090)).toBe(false);
  });

  it('of egress cut names off too, unless DNS is let through', () => {
    const client = { podSelector: { matchLabels: { role: 'client' } } };
    const ask = (): string[] => {
      const run = inside.probe(
        ['http', '--url', 'http://web/', '--timeout', '30s'],
        {},
        { labels: { role: 'client' } },
      );
      return run.result.targets[0].errors?.map((error: { kind: string }) => error.kind) ?? [];
    };
    inside.apply(policy({ ...client, policyTypes: ['Egress'], egress: [{ to: [web] }] }));
    expect(ask()).toEqual(['dns-timeout']);
    inside.apply(
      policy({
        ...client,
        policyTypes: ['Egress'],
        egress: [{ to: [web] }, { ports: [{ port: 53, protocol: 'UDP' }] }],
      }),
    );
    expect(ask()).toEqual([]);
  });

  it('do nothing when the network plugin does not know them, and never stop a probe of the kubelet', () => {
    inside.apply(policy({ ...web, policyTypes: ['Ingress'] }));
    expect(passes()).toBe(false);
    inside.settle(60_000);
    expect(inside.cluster.ready('app=web')).toHaveLength(1);
    inside.faults.set({ networkPolicies: 'ignored' });
    expect(passes()).toBe(true);
  });
});
