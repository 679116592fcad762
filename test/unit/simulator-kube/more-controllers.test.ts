import { describe, expect, it } from 'vitest';
import {
  apps,
  type Body,
  deployment,
  inDefault,
  mergePatchType,
  strategicPatchType,
  TestCluster,
} from './test-cluster.ts';

const container = { name: 'c', image: 'nginx:1' };
const pod = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: { containers: [container], ...spec },
});
const jobs = '/apis/batch/v1/namespaces/default/jobs';
const cronJobs = '/apis/batch/v1/namespaces/default/cronjobs';
const names = (list: Body[]): string[] => list.map((each) => each.metadata.name);

function cronJob(command: string, spec: object = {}): object {
  const task = {
    containers: [{ name: 'c', image: 'busybox', command: ['sh', '-c', command] }],
    restartPolicy: 'Never',
  };
  return {
    metadata: { name: 'tick' },
    spec: { schedule: '*/10 * * * *', jobTemplate: { spec: { template: { spec: task } } }, ...spec },
  };
}

describe('cron jobs', () => {
  it('make a job at each of their moments, and keep as many ended ones as they say', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(cronJobs, cronJob('echo done'));
    cluster.advance(3_600_000);
    const made = cluster.get(jobs).items as Body[];
    expect(made).toHaveLength(3);
    const last = made.at(-1);
    expect(last.metadata.annotations['batch.kubernetes.io/cronjob-scheduled-timestamp']).toBe('2026-01-01T01:00:00Z');
    expect(last.metadata.name).toBe(`tick-${Date.parse('2026-01-01T01:00:00Z') / 60_000}`);
    const status = cluster.get(`${cronJobs}/tick`).status;
    expect(status).toMatchObject({ lastScheduleTime: '2026-01-01T01:00:00Z' });
    expect(status.lastSuccessfulTime > '2026-01-01T01:00:00Z').toBe(true);
    expect(cluster.model.truth().internalErrors).toEqual([]);
  });

  it('start nothing while a run goes on that forbids it, nor while they are suspended', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(cronJobs, cronJob('sleep infinity', { concurrencyPolicy: 'Forbid' }));
    cluster.advance(1_800_000);
    expect(cluster.get(jobs).items).toHaveLength(1);
    expect(cluster.get(`${cronJobs}/tick`).status.active).toHaveLength(1);
    cluster.send('PATCH', `${cronJobs}/tick`, { spec: { suspend: true } }, { type: mergePatchType });
    cluster.send('DELETE', `${jobs}/${names(cluster.get(jobs).items)[0]}`, { propagationPolicy: 'Background' });
    cluster.advance(1_800_000);
    expect(cluster.get(jobs).items).toEqual([]);
  });

  it('are refused with a schedule that is none', () => {
    const answer = new TestCluster().send('POST', cronJobs, cronJob('true', { schedule: 'at noon' }));
    expect(answer).toMatchObject({ status: 422, body: { details: { causes: [{ field: 'spec.schedule' }] } } });
  });
});

describe('endpoints', () => {
  it('mirror the slices of a service, ready and not, and go with it', () => {
    const cluster = TestCluster.withNodes(1, { behaviours: [{ image: 'never', neverReady: true }] });
    cluster.create(`${apps}/deployments`, deployment('web', 2));
    cluster.create(`${inDefault}/services`, {
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    cluster.create(`${inDefault}/pods`, {
      metadata: { name: 'late', labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'never' }] },
    });
    cluster.until(() => cluster.ready('app=web').length === 2);
    cluster.advance(60_000);
    const [subset] = cluster.get(`${inDefault}/endpoints/web`).subsets;
    expect(subset).toMatchObject({
      addresses: [{ targetRef: { kind: 'Pod' } }, {}],
      ports: [{ port: 80, protocol: 'TCP' }],
    });
    expect(subset.notReadyAddresses.map((each: Body) => each.targetRef.name)).toEqual(['late']);
    cluster.send('DELETE', `${inDefault}/services/web`);
    cluster.advance(10_000);
    expect(cluster.send('GET', `${inDefault}/endpoints/web`).status).toBe(404);
  });
});

describe('quotas', () => {
  it('refuse what is beyond them, tell what is used, and let controllers try again', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(`${inDefault}/resourcequotas`, {
      metadata: { name: 'q' },
      spec: { hard: { pods: '2', 'requests.cpu': '300m' } },
    });
    const refused = cluster.send('POST', `${inDefault}/pods`, pod('p'));
    expect(refused).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
    expect(refused.body.message).toBe('pods "p" is forbidden: failed quota: q: must specify requests.cpu for: c');
    const asking = (cpu: string): object => ({ containers: [{ ...container, resources: { requests: { cpu } } }] });
    cluster.create(`${apps}/deployments`, deployment('web', 3, asking('100m')));
    cluster.advance(30_000);
    expect(cluster.pods('app=web')).toHaveLength(2);
    expect(cluster.get(`${inDefault}/resourcequotas/q`).status.used).toEqual({ pods: '2', 'requests.cpu': '200m' });
    const over = cluster.send('POST', `${inDefault}/pods`, pod('p', asking('200m')));
    expect(over.body.message).toBe(
      'pods "p" is forbidden: exceeded quota: q, requested: pods=1,requests.cpu=200m, used: pods=2,requests.cpu=200m, limited: pods=2,requests.cpu=300m',
    );
    const failed = cluster.get(`${inDefault}/events`).items.filter((each: Body) => each.reason === 'FailedCreate');
    expect(failed[0].message).toContain('exceeded quota: q, requested: pods=1');
    cluster.send('PATCH', `${inDefault}/resourcequotas/q`, { spec: { hard: { pods: '5' } } }, { type: mergePatchType });
    cluster.advance(30_000);
    expect(cluster.pods('app=web')).toHaveLength(3);
  });
});

describe('a ReplicaSet whose pods are refused', () => {
  it('keeps what was said first, and tries again at its own pace', () => {
    const cluster = TestCluster.withNodes(1);
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    cluster.send('PATCH', '/api/v1/namespaces/default', { metadata: { labels } }, { type: mergePatchType });
    cluster.create(`${apps}/deployments`, deployment('web', 1));
    cluster.advance(5_000);
    const set = (): Body => cluster.get(`${apps}/replicasets`).items[0];
    const first = set();
    expect(first.status.conditions).toMatchObject([{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }]);
    cluster.advance(10 * 60_000);
    expect(set().metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });
});

describe('service accounts of pods', () => {
  const asBuilder = { spec: { serviceAccountName: 'builder' } };

  it('must be there: a pod without is refused, and a controller has its pods a moment after the account is there', () => {
    const cluster = TestCluster.withNodes(1);
    const refused = cluster.send('POST', `${inDefault}/pods`, pod('p', asBuilder.spec));
    expect([refused.status, refused.body.message]).toEqual([
      403,
      'pods "p" is forbidden: error looking up service account default/builder: serviceaccount "builder" not found',
    ]);
    const web: Body = deployment('web', 1);
    cluster.create(`${apps}/deployments`, {
      ...web,
      spec: { ...web.spec, template: { ...web.spec.template, spec: { ...web.spec.template.spec, ...asBuilder.spec } } },
    });
    cluster.advance(1_000);
    const [set] = cluster.get(`${apps}/replicasets`).items as Body[];
    const said = `pods "${set.metadata.name}-" is forbidden: error looking up service account default/builder: serviceaccount "builder" not found`;
    expect(set.status.conditions).toMatchObject([{ type: 'ReplicaFailure', reason: 'FailedCreate', message: said }]);
    cluster.create(`${inDefault}/serviceaccounts`, { metadata: { name: 'builder' } });
    cluster.advance(1_000);
    expect(cluster.pods('app=web')).toHaveLength(1);
  });

  it('are given to every namespace by a controller, for which the server waits; without controllers there is none', () => {
    const home = { metadata: { name: 'fresh' } };
    const withControllers = new TestCluster();
    withControllers.create('/api/v1/namespaces', home);
    expect(withControllers.send('POST', '/api/v1/namespaces/fresh/pods', pod('p')).status).toBe(201);
    const alone = new TestCluster({ controllers: 'none' });
    alone.create('/api/v1/namespaces', home);
    const refused = alone.send('POST', '/api/v1/namespaces/fresh/pods', pod('p'));
    expect(refused.body.message).toContain('serviceaccount "default" not found');
    const mirrored = { ...pod('p'), metadata: { name: 'p', annotations: { 'kubernetes.io/config.mirror': 'x' } } };
    expect(alone.send('POST', '/api/v1/namespaces/fresh/pods', mirrored).status).toBe(201);
  });
});

describe('a server that takes no privileged containers', () => {
  it('says so of pods and of templates', () => {
    const cluster = new TestCluster({ allowPrivileged: false });
    const privileged = { securityContext: { privileged: true } };
    const message = (path: string): string =>
      `${path}.containers[0].securityContext.privileged: Forbidden: disallowed by cluster policy`;
    const bare: Body = pod('p');
    const given = { ...bare, spec: { ...bare.spec, containers: [{ name: 'c', image: 'nginx', ...privileged }] } };
    const answer = cluster.send('POST', `${inDefault}/pods`, given);
    expect([answer.status, answer.body.message]).toEqual([422, `Pod "p" is invalid: ${message('spec')}`]);
    const web: Body = deployment('web', 1);
    web.spec.template.spec.containers = given.spec.containers;
    expect(cluster.send('POST', `${apps}/deployments`, web).body.message).toBe(
      `Deployment.apps "web" is invalid: ${message('spec.template.spec')}`,
    );
    expect(cluster.send('POST', `${inDefault}/pods`, bare).status).toBe(201);
  });
});

describe('limit ranges', () => {
  it('give requests and limits to containers without, of clients and controllers alike, and refuse too much', () => {
    const cluster = TestCluster.withNodes(1);
    const limits = [
      { type: 'Container', default: { cpu: '200m' }, defaultRequest: { cpu: '100m' }, max: { cpu: '1' } },
    ];
    cluster.create(`${inDefault}/limitranges`, { metadata: { name: 'l' }, spec: { limits } });
    const wanted = { limits: { cpu: '200m' }, requests: { cpu: '100m' } };
    expect(cluster.create(`${inDefault}/pods`, pod('p')).spec.containers[0].resources).toEqual(wanted);
    cluster.create(`${apps}/deployments`, deployment('web', 1));
    cluster.advance(10_000);
    const made = cluster.pods('app=web')[0];
    expect(made?.spec.containers[0]?.resources).toEqual(wanted);
    expect(made?.status.qosClass).toBe('Burstable');
    const greedy = { containers: [{ ...container, resources: { limits: { cpu: '2' } } }] };
    const refused = cluster.send('POST', `${inDefault}/pods`, pod('greedy', greedy));
    expect(refused.status).toBe(403);
    expect(refused.body.message).toContain('maximum cpu usage per Container is 1, but limit is 2');
  });
});

describe('a deployment that is scaled while it rolls', () => {
  it('grows both of its replica sets in proportion', () => {
    const cluster = TestCluster.withNodes(3, { behaviours: [{ image: 'nginx:2', neverReady: true }] });
    const rolling = { strategy: { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } };
    cluster.create(`${apps}/deployments`, deployment('web', 10, {}, rolling));
    cluster.until(() => cluster.ready('app=web').length === 10);
    const image = { spec: { template: { spec: { containers: [{ name: 'c', image: 'nginx:2' }] } } } };
    cluster.send('PATCH', `${apps}/deployments/web`, image, { type: strategicPatchType });
    cluster.advance(60_000);
    const sizes = (): number[] =>
      cluster
        .get(`${apps}/replicasets`)
        .items.map((each: Body) => each.spec.replicas)
        .sort();
    expect(sizes()).toEqual([5, 8]);
    cluster.send('PATCH', `${apps}/deployments/web`, { spec: { replicas: 15 } }, { type: mergePatchType });
    cluster.advance(60_000);
    // 18 pods instead of 13, shared 8 : 5.
    expect(sizes()).toEqual([11, 7]);
  });

  it('carries its annotations to its replica set, and so the cause of a change', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(`${apps}/deployments`, deployment('web', 1));
    cluster.advance(10_000);
    const cause = { metadata: { annotations: { 'kubernetes.io/change-cause': 'because' } } };
    cluster.send('PATCH', `${apps}/deployments/web`, cause, { type: mergePatchType });
    cluster.advance(10_000);
    expect(cluster.get(`${apps}/replicasets`).items[0].metadata.annotations['kubernetes.io/change-cause']).toBe(
      'because',
    );
  });
});

describe('preferences', () => {
  it('draw pods to a node, and away from others', () => {
    const cluster = TestCluster.withNodes(3);
    const [first = '', second = ''] = [...cluster.model.truth().nodes.keys()];
    const preference = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [second] }] };
    const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 50, preference }] };
    for (let i = 0; i < 3; i++) cluster.create(`${inDefault}/pods`, pod(`near-${i}`, { affinity: { nodeAffinity } }));
    cluster.advance(10_000);
    expect(cluster.pods().map((each) => each.spec.nodeName)).toEqual([second, second, second]);
    const labelSelector = { matchLabels: { app: 'apart' } };
    const term = { weight: 100, podAffinityTerm: { labelSelector, topologyKey: 'kubernetes.io/hostname' } };
    const podAntiAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [term] };
    for (let i = 0; i < 3; i++) {
      const labels = { app: 'apart' };
      cluster.create(`${inDefault}/pods`, {
        ...pod('x', { affinity: { podAntiAffinity } }),
        metadata: { name: `apart-${i}`, labels },
      });
      cluster.advance(5_000);
    }
    expect(new Set(cluster.pods('app=apart').map((each) => each.spec.nodeName)).size).toBe(3);
    expect(first).not.toBe(second);
  });
});
