import { describe, expect, it } from 'vitest';
import { InsideCluster, probeImage } from './inside-cluster.ts';

const node = (n: number): string => `ip-10-0-0-${n}.eu-central-1.compute.internal`;

function server(args: string[], probes: object): object {
  return { containers: [{ name: 'probe', image: probeImage, args: ['serve', ...args], ...probes }] };
}

describe('readiness and liveness', () => {
  it('are asked of the program: over HTTP, TCP, gRPC and by command', () => {
    const inside = new InsideCluster();
    const probes = {
      http: { httpGet: { path: '/readyz', port: 8080 } },
      tcp: { tcpSocket: { port: 7 } },
      grpc: { grpc: { port: 9 } },
      exec: { exec: { command: ['clm-probe', 'http', '--url', 'http://localhost:8080/readyz'] } },
      wrong: { httpGet: { path: '/status/503', port: 8080 } },
      closed: { tcpSocket: { port: 11 } },
    };
    for (const [name, probe] of Object.entries(probes)) {
      inside.cluster.create('/api/v1/namespaces/default/pods', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, labels: { set: 'probed' } },
        spec: server(['--http', '8080', '--tcp', '7', '--grpc', '9'], { readinessProbe: probe }),
      });
    }
    inside.settle(60_000);
    expect(
      inside.cluster
        .ready('set=probed')
        .map((pod) => pod.metadata.name)
        .sort(),
    ).toEqual(['exec', 'grpc', 'http', 'tcp']);
  });

  it('leave no timer behind when they are asked out of turn', () => {
    const inside = new InsideCluster();
    const { clock } = inside.cluster;
    const at = clock.at.bind(clock);
    let twice = 0;
    // Every timer is cancelled once at most: one that is cancelled again was kept somewhere.
    clock.at = (moment, run) => {
      const timer = at(moment, run);
      let cancelled = false;
      return {
        cancel: () => {
          if (cancelled) twice += 1;
          cancelled = true;
          timer.cancel();
        },
      };
    };
    const livenessProbe = { httpGet: { path: '/status/503', port: 8080 }, periodSeconds: 5, failureThreshold: 1000 };
    inside.cluster.create('/api/v1/namespaces/default/pods', {
      metadata: { name: 'p' },
      spec: server(['--http', '8080'], { livenessProbe }),
    });
    for (let i = 0; i < 20; i++) {
      inside.settle(1_500);
      inside.faults.set({ dnsLatencyMs: i });
    }
    inside.cluster.send('DELETE', '/api/v1/namespaces/default/pods/p', { gracePeriodSeconds: 0 });
    inside.settle();
    expect(twice).toBe(0);
  });

  it('restart a container that is alive no more, and keep the log of the run before', () => {
    const inside = new InsideCluster();
    const livenessProbe = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 5, failureThreshold: 2 };
    inside.cluster.create('/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'mortal', labels: { app: 'mortal' } },
      spec: server(['--live-for', '60s'], { livenessProbe }),
    });
    inside.settle(30_000);
    inside.probe(['http', '--url', `http://${inside.podAddress('mortal')}:8080/first`]);
    const status = () => inside.cluster.get('/api/v1/namespaces/default/pods/mortal').status.containerStatuses[0];
    expect(status().restartCount).toBe(0);
    inside.cluster.until(() => status().restartCount === 1);
    expect(status().lastState.terminated.exitCode).toBe(137);
    expect(inside.log('mortal', '?previous=true')).toContain('GET /first 404');
    expect(inside.log('mortal')).not.toContain('/first');
  });

  it('follow the program while it runs, after as many failures as the probe allows', () => {
    const inside = new InsideCluster();
    inside.serve('web', { replicas: 1 });
    inside.faults.set({ images: { 'clm-probe': 'failing' } });
    inside.settle(3_000);
    expect(inside.cluster.ready('app=web')).toHaveLength(1);
    inside.settle(3_000);
    expect(inside.cluster.ready('app=web')).toHaveLength(0);
    inside.faults.clear();
    inside.settle(3_000);
    expect(inside.cluster.ready('app=web')).toHaveLength(1);
  });
});

describe('the probe program', () => {
  it('ends with its code, its message and its log', () => {
    const inside = new InsideCluster();
    const well = inside.probe(['env', '--name', 'A', '--name', 'B', '--id', 'x'], {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'probe',
          image: probeImage,
          args: ['env', '--name', 'A', '--name', 'B', '--name', 'WHERE', '--id', '$(A)-1'],
          env: [
            { name: 'A', value: 'one' },
            { name: 'WHERE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
          ],
        },
      ],
      nodeName: node(2),
    });
    expect(well).toMatchObject({ code: 0, result: { probe: 'env', version: 1, ok: true, id: 'one-1' } });
    expect(well.result.targets.map((each: { value: unknown }) => each.value)).toEqual(['one', null, node(2)]);
    expect(JSON.parse(inside.log(well.pod.metadata.name))).toEqual(well.result);
    const wrong = inside.probe(['http', '--urk', 'x']);
    expect(wrong).toMatchObject({
      code: 2,
      result: { ok: false, usage: ['http has no flag --urk', "unexpected argument 'x'", 'http needs --url'] },
    });
    expect(inside.probe(['exit', '--code', '7']).code).toBe(7);
  });

  it('does several things in one pod, and retries the first attempt as long as it may', () => {
    const inside = new InsideCluster();
    const plan = [
      ['dns', '--name', 'late'],
      ['http', '--url', 'http://late/', '--retry-for', '2m', '--id', 'wait'],
    ];
    inside.cluster.clock.at(inside.cluster.clock.now() + 40_000, () => inside.serve('late'));
    const run = inside.probe(['batch', '--plan', JSON.stringify(plan)]);
    expect(run.code).toBe(0);
    expect(run.result.results).toMatchObject([
      { probe: 'dns', ok: true, targets: [{ rcode: 'NXDOMAIN' }] },
      { probe: 'http', id: 'wait', ok: true, failed: 0 },
    ]);
    expect(run.result.durationMs).toBeGreaterThan(35_000);
  });

  it('keeps its message within 4096 bytes, failures first', () => {
    const inside = new InsideCluster();
    inside.serve('web');
    const urls = Array.from({ length: 60 }, (_, n) => ['--url', `http://web/long-path-number-${n}`]).flat();
    const run = inside.probe(['http', ...urls, '--url', 'http://nowhere/']);
    expect(Buffer.byteLength(JSON.stringify(run.result))).toBeLessThanOrEqual(4096);
    expect(run.result).toMatchObject({ truncated: true, attempts: 61, failed: 1 });
    expect(run.result.targets).toHaveLength(1);
    expect(run.result.targets[0].errors[0].kind).toBe('dns-nxdomain');
  });
});

describe('volumes', () => {
  function claim(inside: InsideCluster, size = '1Gi'): void {
    inside.apply(
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'gp3' },
        provisioner: 'ebs.csi.aws.com',
        volumeBindingMode: 'WaitForFirstConsumer',
      },
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data', namespace: 'default' },
        spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'gp3', resources: { requests: { storage: size } } },
      },
    );
  }
  function mounted(args: string[], source: object): object {
    const mounts = [{ name: 'v', mountPath: '/data' }];
    return {
      containers: [{ name: 'probe', image: probeImage, args, volumeMounts: mounts }],
      volumes: [{ name: 'v', ...source }],
    };
  }
  const onClaim = { persistentVolumeClaim: { claimName: 'data' } };

  it('of a claim keep what a pod wrote for the next one', () => {
    const inside = new InsideCluster(6);
    claim(inside);
    const write = ['file-write', '--path', '/data/marker', '--content', 'kept'];
    const written = inside.probe([], mounted(write, onClaim));
    expect(written.code).toBe(0);
    inside.cluster.send('DELETE', `/api/v1/namespaces/default/pods/${written.pod.metadata.name}`);
    const read = inside.probe([], mounted(['file-read', '--path', '/data/marker'], onClaim));
    expect(read.result.targets[0]).toMatchObject({ content: 'kept', bytes: 4 });
  });

  it('that are empty at first end with their pod; a full one says so', () => {
    const inside = new InsideCluster();
    inside.probe([], mounted(['file-write', '--path', '/data/marker', '--content', 'x'], { emptyDir: {} }));
    const read = inside.probe([], mounted(['file-read', '--path', '/data/marker'], { emptyDir: {} }));
    expect(read.result.targets[0].errors[0].kind).toBe('not-found');
    const full = mounted(['file-write', '--path', '/data/big', '--bytes', '2000'], { emptyDir: { sizeLimit: '1Ki' } });
    expect(inside.probe([], full).result.targets[0].errors[0].kind).toBe('full');
  });

  it('show config maps and secrets as they are, and cannot be written', () => {
    const inside = new InsideCluster();
    inside.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c', namespace: 'default' },
      data: { k: 'v1' },
    });
    const source = { configMap: { name: 'c' } };
    expect(inside.probe([], mounted(['file-read', '--path', '/data/k'], source)).result.targets[0].content).toBe('v1');
    const write = mounted(['file-write', '--path', '/data/k', '--content', 'y'], source);
    expect(inside.probe([], write).result.targets[0].errors[0].kind).toBe('denied');
  });
});

describe('the same seed', () => {
  it('gives the same answers', () => {
    const history = (seed: number): string => {
      const inside = new InsideCluster(3, {}, seed);
      inside.serve('web', { replicas: 3 });
      inside.faults.set({ links: [{ from: '*', to: '*', lossPercent: 20 }] });
      const run = inside.probe(['http', '--url', 'http://web/', '--count', '50', '--timeout', '60s']);
      return JSON.stringify(run.result);
    };
    expect(history(5)).toBe(history(5));
    expect(history(5)).not.toBe(history(6));
  });
});
