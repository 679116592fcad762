import { describe, expect, it } from 'vitest';
import { type Body, inDefault, TestCluster } from './test-cluster.ts';

const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };

function pod(name: string, initContainers: object[], spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { initContainers, containers: [{ name: 'main', image: 'web' }], ...spec },
  };
}

const task = (name: string, script: string): object => ({ name, image: 'busybox', command: ['sh', '-c', script] });

describe('init containers', () => {
  const cluster = TestCluster.withNodes(1);
  const path = (name: string): string => `${inDefault}/pods/${name}`;
  const status = (name: string): Body => cluster.get(path(name)).status;
  const cell = (name: string, column: number): string =>
    cluster.send('GET', path(name), undefined, table).body.rows[0].cells[column];
  const condition = (name: string, type: string): Body =>
    status(name).conditions.find((each: Body) => each.type === type);

  it('run one after the other, and the containers only after them', () => {
    cluster.create(`${inDefault}/pods`, pod('two', [task('first', 'sleep 20; exit 0'), task('second', 'sleep 20')]));
    cluster.advance(15_000);
    expect(cell('two', 2)).toBe('Init:0/2');
    expect(status('two')).toMatchObject({
      phase: 'Pending',
      initContainerStatuses: [
        { name: 'first', ready: false, state: { running: {} } },
        { name: 'second', state: { waiting: { reason: 'PodInitializing' } } },
      ],
      containerStatuses: [{ state: { waiting: { reason: 'PodInitializing' } } }],
    });
    expect(condition('two', 'Initialized')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: 'containers with incomplete status: [first second]',
    });
    cluster.advance(20_000);
    expect(cell('two', 2)).toBe('Init:1/2');
    const waiting = cluster.send('GET', `${path('two')}/log`);
    expect(waiting).toMatchObject({
      status: 400,
      body: { message: 'container "main" in pod "two" is waiting to start: PodInitializing' },
    });
    expect(cluster.send('GET', `${path('two')}/log?container=first`).status).toBe(200);
    cluster.advance(30_000);
    expect(cell('two', 2)).toBe('Running');
    expect(condition('two', 'Initialized').status).toBe('True');
    expect(status('two').initContainerStatuses).toMatchObject([
      { ready: true, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
      { ready: true, state: { terminated: { exitCode: 0 } } },
    ]);
    const reasons = cluster
      .get(`${inDefault}/events?fieldSelector=involvedObject.name=two`)
      .items.map((each: Body) => each.message);
    expect(reasons).toEqual(expect.arrayContaining(['Started container first', 'Started container main']));
  });

  it('that fail are tried again with back-off, and hold the pod', () => {
    cluster.create(`${inDefault}/pods`, pod('failing', [task('first', 'exit 3')]));
    cluster.advance(30_000);
    expect(cell('failing', 2)).toBe('Init:CrashLoopBackOff');
    expect(cell('failing', 3)).toMatch(/^[12] \(\d+s ago\)$/);
    expect(status('failing').initContainerStatuses[0].lastState.terminated.exitCode).toBe(3);
    cluster.advance(600_000);
    expect(status('failing').phase).toBe('Pending');
  });

  it('that fail in a pod that never restarts fail the pod', () => {
    cluster.create(`${inDefault}/pods`, pod('once', [task('first', 'exit 3')], { restartPolicy: 'Never' }));
    cluster.advance(30_000);
    expect(status('once').phase).toBe('Failed');
    expect(cell('once', 2)).toBe('Init:Error');
    expect(status('once').containerStatuses[0].state).toEqual({ waiting: { reason: 'PodInitializing' } });
  });

  it('with restartPolicy Always are sidecars: they stay, count for readiness, and end with the pod', () => {
    const sidecar = { name: 'proxy', image: 'proxy:1', restartPolicy: 'Always' };
    cluster.create(`${inDefault}/pods`, pod('beside', [sidecar, task('then', 'sleep 5')]));
    cluster.advance(30_000);
    expect(cell('beside', 1)).toBe('2/2');
    expect(status('beside').initContainerStatuses[0]).toMatchObject({ name: 'proxy', ready: true, started: true });
    const job = pod('job', [sidecar], { restartPolicy: 'Never', containers: [task('main', 'sleep 10')] });
    cluster.create(`${inDefault}/pods`, job);
    cluster.advance(60_000);
    expect(status('job').phase).toBe('Succeeded');
    expect(status('job').initContainerStatuses[0].state.terminated.exitCode).toBe(0);
  });

  it('count in what the pod asks for: the largest, or all that run together', () => {
    const asking = (cpu: string) => ({ resources: { requests: { cpu } } });
    cluster.create(`${inDefault}/pods`, pod('large', [{ ...task('first', 'exit 0'), ...asking('3') }]));
    cluster.advance(5_000);
    expect(condition('large', 'PodScheduled').message).toContain('Insufficient cpu');
  });

  it('and a container that ended show the log of the run that ended', () => {
    cluster.create(`${inDefault}/pods`, pod('crash', [], { containers: [task('main', 'echo "no database"; exit 1')] }));
    cluster.advance(20_000);
    expect(cell('crash', 2)).toBe('CrashLoopBackOff');
    expect(cluster.send('GET', `${path('crash')}/log`).body).toBe('no database\n');
    expect(cluster.send('GET', `${path('crash')}/log?previous=true`).status).toBe(200);
    expect(cluster.send('GET', `${path('two')}/log?previous=true`).body.message).toBe(
      'previous terminated container "main" in pod "two" not found',
    );
  });
});
