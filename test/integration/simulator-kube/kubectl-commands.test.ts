import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { budget, configMap, deployment, TestCluster } from '../../unit/simulator-kube/test-cluster.ts';
import { KubectlHome, kubectlIsThere, serverVersions } from './kubectl-home.ts';
import { WireCluster } from './wire-cluster.ts';

const node = 'ip-10-0-0-1.eu-central-1.compute.internal';

/** Command by command, in one cluster: what `kubectl.test.ts` does not do in passing. */
const suite = describe.skipIf(!kubectlIsThere()).each(serverVersions);

suite('kubectl, command by command, to a server of %s', { timeout: 180_000 }, (kubernetesVersion) => {
  let wire: WireCluster;
  let home: KubectlHome;
  let web: string;

  const kubectl = (...args: string[]): Promise<{ out: string; code: number }> => home.run(...args);
  const out = async (...args: string[]): Promise<string> => (await kubectl(...args)).out;
  const rolled = (): Promise<string> => out('rollout', 'status', 'deploy/web', '--timeout=50s');

  beforeAll(async () => {
    wire = await WireCluster.start(TestCluster.withNodes(3, { kubernetesVersion }), 60);
    home = new KubectlHome(wire.url);
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    };
    const items = [deployment('web', 3), service, budget('web', { minAvailable: 3 })];
    web = home.file('web', { apiVersion: 'v1', kind: 'List', items });
  }, 60_000);

  afterAll(async () => {
    home.remove();
    await wire.stop();
  });

  it('applies a file of kind List, and refuses one with unknown fields by its schema', async () => {
    expect(await out('apply', '-f', web)).toBe(
      'deployment.apps/web created\nservice/web created\npoddisruptionbudget.policy/web created\n',
    );
    expect(await rolled()).toContain('successfully rolled out');
    const container = { name: 'c', image: 'nginx:1', imagge: 'x' };
    const bad = home.file('bad', {
      apiVersion: 'v1',
      kind: 'List',
      items: [deployment('bad', 1, { containers: [container] })],
    });
    const listed = await kubectl('apply', '-f', bad);
    expect(listed.code).toBe(1);
    expect(listed.out).toContain('unknown field "imagge" in io.k8s.api.core.v1.Container');
    const alone = home.file('alone', deployment('bad', 1, { containers: [container] }));
    expect(await out('create', '-f', alone, '--validate=strict')).toContain(
      'strict decoding error: unknown field "spec.template.spec.containers[0].imagge"',
    );
    expect(await out('create', '-f', alone, '--validate=warn', '--dry-run=server')).toContain(
      'Warning: unknown field "spec.template.spec.containers[0].imagge"',
    );
  });

  it('gets: tables, selectors, JSON, paths, columns, names, pages, watches', async () => {
    expect(await out('get', 'pods', '-l', 'app=web', '--no-headers')).toMatch(
      /^(web-\S+ +1\/1 +Running +0 +\S+\n){3}$/,
    );
    const object = JSON.parse(await out('get', 'deploy', 'web', '-o', 'json')) as { kind: string };
    expect(object.kind).toBe('Deployment');
    expect(await out('get', 'deploy', 'web', '-o', 'jsonpath={.spec.replicas}')).toBe('3');
    expect(await out('get', 'pods', '-o', 'custom-columns=N:.metadata.labels.app', '--no-headers')).toBe(
      'web\nweb\nweb\n',
    );
    expect(await out('get', 'pods', '--field-selector=status.phase=Running', '-o', 'name', '--chunk-size=1')).toMatch(
      /^(pod\/web-\S+\n){3}$/,
    );
    expect(await out('get', 'pods', '--field-selector=status.phase=Failed')).toContain('No resources found');
    expect(await out('get', 'deploy,svc,pdb', '-o', 'wide')).toContain('deployment.apps/web');
    const watched = await out('get', 'nodes', '-w', '--request-timeout=2s');
    expect(watched.match(/Ready/g)?.length).toBeGreaterThanOrEqual(3);
  });

  it('describes', async () => {
    expect(await out('describe', 'deploy', 'web')).toMatch(
      /Normal +ScalingReplicaSet +.* Scaled up replica set web-\w+ from 0 to 3/,
    );
    expect(await out('describe', 'pods', '-l', 'app=web')).toMatch(
      /Normal +Scheduled +.*default-scheduler +Successfully assigned/,
    );
    expect(await out('describe', 'node', node)).toMatch(/Normal +NodeReady/);
    expect(await out('describe', 'pdb', 'web')).toMatch(/Allowed disruptions: +0\n +Current: +3\n +Desired: +3/);
    expect(await out('describe', 'svc', 'web')).toMatch(/Endpoints: +100\.64\.\d+\.\d+:80,/);
    expect(await out('get', 'endpoints', 'web')).toMatch(/web +100\.64\.\S+:80/);
  });

  it('labels, annotates, taints, cordons', async () => {
    expect(await out('label', 'node', node, 'a=b')).toContain('labeled');
    expect((await kubectl('label', 'node', node, 'a=c')).code).toBe(1);
    expect(await out('label', 'node', node, 'a=c', '--overwrite')).toContain('labeled');
    expect(await out('annotate', 'node', node, 'x=y')).toContain('annotated');
    expect(await out('taint', 'node', node, 'k=v:PreferNoSchedule')).toContain('tainted');
    expect(await out('taint', 'node', node, 'k-')).toContain('untainted');
    expect(await out('cordon', node)).toContain('cordoned');
    expect(await out('cordon', node)).toContain('already cordoned');
    expect(await out('uncordon', node)).toContain('uncordoned');
  });

  it('drains: refused while the budget allows nothing, done once it does', async () => {
    const refused = await kubectl('drain', node, '--ignore-daemonsets', '--timeout=3s');
    expect(refused.code).toBe(1);
    expect(refused.out).toContain("Cannot evict pod as it would violate the pod's disruption budget.");
    const loosened = '{"spec":{"minAvailable":2}}';
    expect(await out('patch', 'pdb', 'web', '--type=merge', '-p', loosened)).toContain('patched');
    expect(await kubectl('drain', node, '--ignore-daemonsets', '--timeout=50s')).toMatchObject({
      code: 0,
      out: expect.stringContaining(`node/${node} drained`),
    });
    expect(await out('get', 'pods', '--field-selector', `spec.nodeName=${node}`)).toContain('No resources found');
    await kubectl('uncordon', node);
  });

  it('rolls: image, history with causes, undo, restart, pause', async () => {
    expect(await out('set', 'image', 'deploy/web', 'c=nginx:2')).toContain('image updated');
    expect(await out('annotate', 'deploy/web', 'kubernetes.io/change-cause=a newer image')).toContain('annotated');
    expect(await rolled()).toContain('successfully rolled out');
    expect(await out('rollout', 'history', 'deploy/web')).toMatch(/1 +<none>\n2 +a newer image/);
    expect(await out('rollout', 'history', 'deploy/web', '--revision=2')).toContain('nginx:2');
    expect(await out('rollout', 'undo', 'deploy/web')).toContain('rolled back');
    expect(await rolled()).toContain('successfully rolled out');
    expect(await out('get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}')).toBe(
      'nginx:1',
    );
    expect(await out('rollout', 'restart', 'deploy/web')).toContain('restarted');
    expect(await rolled()).toContain('successfully rolled out');
    expect(await out('rollout', 'pause', 'deploy/web')).toContain('paused');
    expect(await out('rollout', 'resume', 'deploy/web')).toContain('resumed');
  });

  it('rolls stateful and daemon sets: history, undo, status', async () => {
    const labels = { app: 'set' };
    const spec = { selector: { matchLabels: labels } };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'set:1' }] } };
    const sets = home.file(
      'sets',
      {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db' },
        spec: { ...spec, serviceName: 'db', template },
      },
      { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent' }, spec: { ...spec, template } },
    );
    await kubectl('apply', '-f', sets);
    for (const set of ['sts/db', 'ds/agent']) {
      const done = (): Promise<{ code: number }> => kubectl('rollout', 'status', set, '--timeout=50s');
      expect((await done()).code).toBe(0);
      await kubectl('set', 'image', set, 'c=set:2');
      expect((await done()).code).toBe(0);
      expect(await out('rollout', 'history', set)).toMatch(/1 +<none>\n2 +<none>/);
      expect(await out('rollout', 'history', set, '--revision=1')).toContain('set:1');
      expect(await out('rollout', 'undo', set)).toContain('rolled back');
      expect((await done()).code).toBe(0);
      expect(await out('get', set, '-o', 'jsonpath={.spec.template.spec.containers[0].image}')).toBe('set:1');
    }
    expect(await out('describe', 'sts', 'db')).toContain('create Pod db-0 in StatefulSet db successful');
    expect(await out('delete', 'sts/db', 'ds/agent', '--timeout=50s')).toContain('deleted');
  });

  it('waits for what is placed nowhere: its log is empty, its description says why', async () => {
    const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'open' } };
    const access = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'open' } }];
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'stuck' } };
    const containers = [{ name: 'c', image: 'x' }];
    await kubectl(
      'apply',
      '-f',
      home.file('stuck', { ...claim, spec: access }, { ...pod, spec: { containers, volumes } }),
    );
    expect((await kubectl('wait', '--for=condition=Ready', 'pod/stuck', '--timeout=1s')).code).toBe(1);
    expect(await kubectl('logs', 'stuck')).toEqual({ code: 0, out: '' });
    expect(await out('describe', 'pod', 'stuck')).toContain(
      'pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are available: 3 Preemption is not helpful',
    );
    expect(await out('delete', 'pod/stuck', 'pvc/open', '--timeout=50s')).toContain('deleted');
  });

  it('scales, patches, exposes, creates and runs', async () => {
    expect((await kubectl('scale', 'deploy/web', '--replicas=4', '--current-replicas=9')).code).toBe(1);
    expect(await out('scale', 'deploy/web', '--replicas=4', '--current-replicas=3')).toContain('scaled');
    const json = '[{"op":"replace","path":"/spec/replicas","value":3}]';
    expect(await out('patch', 'deploy', 'web', '--type=json', '-p', json)).toContain('patched');
    expect(
      await out('patch', 'deploy', 'web', '--subresource=scale', '--type=merge', '-p', '{"spec":{"replicas":2}}'),
    ).toContain('patched');
    expect(await out('expose', 'deploy', 'web', '--name=again', '--port=80')).toContain('exposed');
    expect(await out('create', 'secret', 'generic', 's', '--from-literal=a=b')).toContain('created');
    expect(await out('create', 'job', 'once', '--image=busybox', '--', 'echo', 'hello')).toContain('created');
    expect(await out('wait', '--for=condition=complete', 'job/once', '--timeout=50s')).toContain('condition met');
    expect(await out('logs', 'job/once')).toContain('hello');
    expect(await out('get', 'job', 'once')).toMatch(/once +Complete +1\/1/);
    expect(await out('create', 'token', 'default')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\s*$/);
    expect(await out('run', 'one', '--image=nginx:1')).toContain('created');
    expect(await out('wait', '--for=condition=Ready', 'pod/one', '--timeout=50s')).toContain('condition met');
    expect(await out('wait', '--for=delete', 'pod/none', '--timeout=5s')).not.toContain('timed out');
    expect(await out('logs', '-f', 'one', '--tail=1')).toContain('nginx:1 started');
  });

  it('merges three ways, shows differences, and takes fields over only by force', async () => {
    const one = home.file('map-1', configMap('m', { a: '1', b: '1' }));
    const two = home.file('map-2', configMap('m', { a: '2' }));
    await kubectl('apply', '-f', one);
    await kubectl('patch', 'configmap', 'm', '--type=merge', '-p', '{"data":{"c":"other"}}');
    const diff = await kubectl('diff', '-f', two);
    expect(diff.code).toBe(1);
    expect(diff.out).toMatch(/- {2}a: "1"\n- {2}b: "1"\n\+ {2}a: "2"/);
    expect(await out('apply', '-f', two)).toContain('configured');
    expect(await out('get', 'configmap', 'm', '-o', 'jsonpath={.data}')).toBe('{"a":"2","c":"other"}');
    expect((await kubectl('diff', '-f', two)).code).toBe(0);
    const refused = await kubectl('apply', '--server-side', '--field-manager=me', '-f', one);
    expect(refused).toMatchObject({
      code: 1,
      out: expect.stringContaining('conflict with "kubectl-client-side-apply"'),
    });
    expect(await out('apply', '--server-side', '--field-manager=me', '--force-conflicts', '-f', one)).toContain(
      'serverside-applied',
    );
    expect(await out('get', 'configmap', 'm', '-o', 'yaml', '--show-managed-fields')).toContain('manager: me');
  });

  it('asks: permissions, resources, versions, explanations, events', async () => {
    expect((await out('auth', 'can-i', '--list')).split('\n')[0]).toContain('Resources');
    expect((await out('auth', 'whoami')).trim()).toContain('kubernetes-admin');
    expect(await out('api-resources', '--api-group=apps')).toMatch(/deployments +deploy +apps\/v1 +true +Deployment/);
    expect(await out('api-versions')).toContain('policy/v1\n');
    expect(await out('explain', 'pdb.spec.maxUnavailable')).toContain('FIELD: maxUnavailable');
    expect(await out('explain', 'deploy.spec.template.spec.containers', '--recursive')).toContain('readinessProbe');
    expect(await out('events', '--for', 'deploy/web')).toContain('ScalingReplicaSet');
    expect(await out('get', 'events', '--sort-by=.lastTimestamp', '--field-selector=type=Normal')).toContain(
      'SuccessfulCreate',
    );
    expect(await out('version')).toContain(`Server Version: ${kubernetesVersion}`);
  });

  it('deletes: and waits, and leaves behind what it is told to', async () => {
    expect(await out('delete', 'pod', 'one', '--timeout=50s')).toContain('deleted');
    expect(await out('get', 'pod', 'one')).toContain('not found');
    expect(await out('delete', 'deploy', 'web', '--cascade=orphan', '--timeout=50s')).toContain('deleted');
    expect(await out('get', 'rs', '-o', 'name')).toMatch(/replicaset.apps\/web-/);
    expect(await out('delete', 'rs', '--all', '--cascade=foreground', '--timeout=50s')).toContain('deleted');
    expect(await out('get', 'pods', '-l', 'app=web')).toContain('No resources found');
    expect(await out('delete', 'pod', 'none', '--ignore-not-found')).toBe('');
    expect((await kubectl('delete', 'pod', 'none')).code).toBe(1);
    expect(wire.cluster.model.truth().internalErrors).toEqual([]);
  });
});
