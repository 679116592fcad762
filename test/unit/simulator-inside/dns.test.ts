import { beforeEach, describe, expect, it } from 'vitest';
import { InsideCluster } from './inside-cluster.ts';

describe('cluster DNS', () => {
  let inside: InsideCluster;
  beforeEach(() => {
    inside = new InsideCluster();
  });

  /** The one target of a lookup. */
  function lookup(name: string, ...more: string[]) {
    return inside.probe(['dns', '--name', name, ...more]).result.targets[0];
  }

  it('resolves services along the search list, and says when there is no such name', () => {
    inside.serve('web');
    const address = inside.cluster.get('/api/v1/namespaces/default/services/web').spec.clusterIP;
    expect(lookup('web')).toMatchObject({
      rcode: 'NOERROR',
      answers: [address],
      name: 'web.default.svc.cluster.local',
    });
    expect(lookup('web.default.svc.cluster.local.').answers).toEqual([address]);
    expect(lookup('web', '--no-search').rcode).toBe('NXDOMAIN');
    expect(lookup('kubernetes.default.svc.cluster.local').answers).toEqual(['172.20.0.1']);
    expect(lookup('missing')).toMatchObject({ rcode: 'NXDOMAIN', answers: [] });
    expect(lookup(address, '--type', 'PTR').answers).toEqual(['web.default.svc.cluster.local']);
    expect(lookup('_http._tcp.web', '--type', 'SRV').answers).toEqual(['0 100 80 web.default.svc.cluster.local']);
  });

  it('lists the ready pods of a headless service, each by its own name', () => {
    inside.apply(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'db', namespace: 'default' },
        spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ name: 'http', port: 8080 }] },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db', namespace: 'default' },
        spec: {
          replicas: 2,
          serviceName: 'db',
          selector: { matchLabels: { app: 'db' } },
          template: {
            metadata: { labels: { app: 'db' } },
            spec: { containers: [{ name: 'c', image: 'x/clm-probe:1', args: ['serve'] }] },
          },
        },
      },
    );
    inside.cluster.until(() => inside.cluster.ready('app=db').length === 2);
    inside.settle();
    const [first, second] = inside.cluster.ready('app=db');
    expect(lookup('db').answers).toEqual([first?.status.podIP, second?.status.podIP].sort());
    expect(lookup('db-1.db').answers).toEqual([second?.status.podIP]);
    expect(lookup('_http._tcp.db', '--type', 'SRV').answers).toEqual([
      '0 50 8080 db-0.db.default.svc.cluster.local',
      '0 50 8080 db-1.db.default.svc.cluster.local',
    ]);
  });

  it('forwards other names, and follows ExternalName', () => {
    expect(lookup('example.com').answers).toEqual(['93.184.215.14']);
    inside.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'away', namespace: 'default' },
      spec: { type: 'ExternalName', externalName: 'example.com' },
    });
    expect(lookup('away').answers).toEqual(['93.184.215.14']);
    expect(lookup('away', '--type', 'CNAME').answers).toEqual(['example.com']);
  });

  it('is silent without its pods, and back with them', () => {
    const scale = (replicas: number): void => {
      inside.cluster.send(
        'PATCH',
        '/apis/apps/v1/namespaces/kube-system/deployments/coredns',
        { spec: { replicas } },
        {
          type: 'application/merge-patch+json',
        },
      );
      inside.settle(60_000);
    };
    scale(0);
    expect(lookup('kubernetes.default').errors[0].kind).toBe('dns-timeout');
    scale(2);
    expect(lookup('kubernetes.default').rcode).toBe('NOERROR');
  });

  it('fails as its pods fail, and is slow when they are', () => {
    inside.faults.set({ images: { coredns: 'silent' } });
    expect(lookup('kubernetes.default').errors[0].kind).toBe('dns-timeout');
    inside.faults.set({ images: { coredns: 'failing' } });
    expect(lookup('kubernetes.default').errors[0].kind).toBe('dns-servfail');
    inside.faults.set({ images: {}, dnsLatencyMs: 900 });
    inside.settle(60_000);
    expect(lookup('kubernetes.default').ms.min).toBeGreaterThan(900);
  });

  it('loses its endpoints when its readiness fails, and gets them back', () => {
    inside.faults.set({ images: { coredns: 'failing' } });
    inside.settle(60_000);
    expect(inside.cluster.ready('k8s-app=kube-dns')).toEqual([]);
    inside.faults.clear();
    inside.settle(60_000);
    expect(inside.cluster.ready('k8s-app=kube-dns')).toHaveLength(2);
  });

  it('does what its Corefile says', () => {
    inside.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'coredns', namespace: 'kube-system' },
      data: { Corefile: '.:53 {\n  kubernetes other.domain\n}\n' },
    });
    inside.cluster.send('DELETE', '/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app=kube-dns');
    inside.settle(60_000);
    expect(lookup('kubernetes.default.svc.cluster.local.').errors[0].kind).toBe('dns-refused');
    expect(lookup('kubernetes.default.svc.other.domain.').answers).toEqual(['172.20.0.1']);
  });
});

describe('public DNS', () => {
  it('is answered by the authoritative servers at once, by resolvers out of their caches', () => {
    const inside = new InsideCluster();
    const zone = inside.cluster.model.runtime.internet.zone('example.org');
    const [authority] = zone.nameServers;
    const ask = (server: string) =>
      inside.probe(['dns', '--name', 'x.example.org', '--server', server]).result.targets[0];
    expect(ask('1.1.1.1').rcode).toBe('NXDOMAIN');
    zone.set('x.example.org', 'A', 300, ['52.0.0.1']);
    expect(ask(authority?.address ?? '').answers).toEqual(['52.0.0.1']);
    expect(ask('1.1.1.1').rcode).toBe('NXDOMAIN');
    inside.settle(61_000);
    expect(ask('1.1.1.1').answers).toEqual(['52.0.0.1']);
    zone.set('x.example.org', 'A', 300, []);
    expect(ask(authority?.address ?? '').rcode).toBe('NXDOMAIN');
    expect(ask('1.1.1.1').answers).toEqual(['52.0.0.1']);
  });
});
