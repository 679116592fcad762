import { readFile } from 'node:fs/promises';
import {
  AutoScalingClient,
  CreateAutoScalingGroupCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeScalingActivitiesCommand,
  LaunchInstancesCommand,
  SetDesiredCapacityCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import {
  CloudFormationClient,
  ContinueUpdateRollbackCommand,
  DescribeStacksCommand,
  ListStacksCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import { DescribeLaunchTemplatesCommand, DescribeLaunchTemplateVersionsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { World } from '../../../src/simulator/model/world.ts';
import { callKinds } from '../../../src/simulator/scenarios/scenario-schema.ts';
import { type ServedWorld, serveWorld } from '../../../src/simulator/wire/serve.ts';
import { ScaledClock } from '../../../src/support/clock.ts';
import { account, clusterId, poolTemplate, region, smallWorld } from '../../unit/simulator-aws/small-world.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers of every kind are read
type Body = any;

/** Kinds that hit the cloud itself, and not single calls. */
const cloudKinds = ['rate-limit', 'stack-failure', 'no-capacity', 'bad-image', 'spot-interruption', 'clock-skew'];

/** Every kind of fault, begun at run time over the control endpoint and seen through the APIs that it hits. */
describe('a fault, over the wire', () => {
  let world: World;
  let served: ServedWorld;
  const errors: unknown[] = [];

  beforeEach(async () => {
    ({ world } = smallWorld());
    const wall = new ScaledClock(0, 1).now();
    // As fast as the wall's clock; minutes pass when the test says so.
    const clock = new ScaledClock(Math.round(world.clock.now() - wall), 1);
    served = await serveWorld({
      world,
      host: '127.0.0.1',
      port: 0,
      clock,
      onError: (_handler, error) => errors.push(error),
    });
  });
  afterEach(async () => {
    await served.stop();
    expect(errors).toEqual([]);
  });

  const config = () => ({
    endpoint: served.awsEndpoint,
    region,
    credentials: { accessKeyId: `AKIA${account}`, secretAccessKey: 'x' },
    maxAttempts: 1,
  });
  const autoscaling = (): AutoScalingClient => new AutoScalingClient(config());
  function pass(minutes: number): void {
    world.advanceTo(world.clock.now() + minutes * 60_000);
  }

  async function begin(fault: object): Promise<string> {
    const answer = await fetch(`${served.controlUrl}/faults`, { method: 'POST', body: JSON.stringify(fault) });
    const { started, problems } = (await answer.json()) as { started?: string[]; problems?: unknown };
    if (!started?.[0]) throw new Error(JSON.stringify(problems));
    return started[0];
  }
  const end = (id: string): Promise<Response> => fetch(`${served.controlUrl}/faults/${id}`, { method: 'DELETE' });

  async function kube(path: string, method = 'GET', body?: object): Promise<{ status: number; body: Body }> {
    const answer = await fetch(`${served.kubeUrl(clusterId)}${path}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    });
    return { status: answer.status, body: await answer.json() };
  }
  const configMaps = '/api/v1/namespaces/default/configmaps';
  const makeMap = (name: string) => kube(configMaps, 'POST', { metadata: { name } });

  async function workers(): Promise<Body> {
    const names = { AutoScalingGroupNames: ['workers'] };
    return (await autoscaling().send(new DescribeAutoScalingGroupsCommand(names))).AutoScalingGroups?.[0];
  }
  const desire = (DesiredCapacity: number, AutoScalingGroupName = 'workers') =>
    autoscaling().send(new SetDesiredCapacityCommand({ AutoScalingGroupName, DesiredCapacity }));
  async function nodes(ready: boolean): Promise<string[]> {
    const { items } = (await kube('/api/v1/nodes')).body as { items: Body[] };
    return items
      .filter(
        ({ status }) =>
          status.conditions.some((each: Body) => each.type === 'Ready' && each.status === 'True') === ready,
      )
      .map((each) => each.metadata.name as string);
  }

  test('lost-after: no answer comes, and yet it is done', async () => {
    // Once for each API.
    await begin({ kind: 'lost-after', times: 1 });
    await expect(makeMap('a')).rejects.toThrow();
    await expect(desire(4)).rejects.toThrow();
    expect((await kube(`${configMaps}/a`)).status).toBe(200);
    expect((await workers()).DesiredCapacity).toBe(4);
  });

  test('lost-before and reset: no answer comes, and nothing is done', async () => {
    for (const kind of ['lost-before', 'reset']) {
      const id = await begin({ kind });
      await expect(makeMap('a')).rejects.toThrow();
      await expect(desire(4)).rejects.toThrow();
      await end(id);
    }
    expect((await kube(`${configMaps}/a`)).status).toBe(404);
    expect((await workers()).DesiredCapacity).toBe(3);
  });

  test('stale-reads: what was changed is not seen for up to 30 seconds', async () => {
    await makeMap('before');
    await begin({ kind: 'stale-reads', staleness: '30s' });
    expect((await workers()).DesiredCapacity).toBe(3);
    const list = async (): Promise<number> => (await kube(configMaps)).body.items.length as number;
    const seen = await list();
    await desire(4);
    await makeMap('after');
    expect([(await workers()).DesiredCapacity, await list()]).toEqual([3, seen]);
    pass(0.6);
    expect([(await workers()).DesiredCapacity, await list()]).toEqual([4, seen + 1]);
  });

  test('throttle, server-error: refused in the words of each API, where and as often as it says', async () => {
    await begin({ kind: 'throttle', api: 'autoscaling:Describe*', times: 1 });
    await begin({ kind: 'throttle', api: 'kubernetes:list', resource: 'configmaps', times: 1 });
    await expect(workers()).rejects.toMatchObject({ name: 'Throttling' });
    expect((await workers()).DesiredCapacity).toBe(3);
    expect(await kube(configMaps)).toMatchObject({ status: 429, body: { kind: 'Status', reason: 'TooManyRequests' } });
    await begin({ kind: 'server-error', status: 503, times: 1 });
    await expect(workers()).rejects.toMatchObject({ $metadata: { httpStatusCode: 503 } });
    expect(await kube(configMaps)).toMatchObject({ status: 503, body: { kind: 'Status' } });
    expect((await kube(configMaps)).status).toBe(200);
  });

  test('latency: an answer is late, and others overtake it', async () => {
    await begin({ kind: 'latency', api: 'kubernetes:get', name: 'default', latency: '1s' });
    const order: string[] = [];
    const late = kube('/api/v1/namespaces/default').then(() => order.push('late'));
    await kube(configMaps).then(() => order.push('other'));
    await late;
    expect(order).toEqual(['other', 'late']);
  });

  test('no-capacity: a zone has no instances, and the group says so', async () => {
    for (const zone of ['a', 'b', 'c']) await begin({ kind: 'no-capacity', zone: `${region}${zone}` });
    await desire(4);
    pass(5);
    const { Activities } = await autoscaling().send(
      new DescribeScalingActivitiesCommand({ AutoScalingGroupName: 'workers' }),
    );
    expect(Activities?.[0]).toMatchObject({
      StatusCode: 'Failed',
      StatusMessage: expect.stringContaining('do not have sufficient') as string,
    });
  });

  test('bad-image: its nodes never become Ready', async () => {
    const template = (await workers()).LaunchTemplate;
    const { LaunchTemplateVersions } = await new EC2Client(config()).send(
      new DescribeLaunchTemplateVersionsCommand({
        LaunchTemplateId: template.LaunchTemplateId,
        Versions: [template.Version],
      }),
    );
    await begin({ kind: 'bad-image', image: LaunchTemplateVersions?.[0]?.LaunchTemplateData?.ImageId });
    await desire(4);
    pass(20);
    expect([(await nodes(true)).length, (await nodes(false)).length]).toEqual([6, 1]);
  });

  test('flapping-kubelet: a node is NotReady for a while, time and again', async () => {
    await begin({ kind: 'flapping-kubelet', cluster: clusterId, for: '3m', every: '10m' });
    const seen: number[] = [];
    for (let minute = 0; minute < 20; minute++) {
      pass(1);
      seen.push((await nodes(false)).length);
    }
    expect(seen.join('')).toMatch(/1+0+1+0+/);
  });

  test('budget-never-allows and budget-conflicts: evictions are refused', async () => {
    const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'x' }] } };
    await kube('/api/v1/namespaces/default/pods', 'POST', pod);
    pass(2);
    const evict = () =>
      kube('/api/v1/namespaces/default/pods/p/eviction?dryRun=All', 'POST', { metadata: { name: 'p' } });
    expect((await evict()).status).toBe(201);
    const id = await begin({ kind: 'budget-never-allows', cluster: clusterId });
    pass(1);
    expect((await evict()).status).toBe(429);
    await end(id);
    expect((await evict()).status).toBe(201);

    await kube('/apis/policy/v1/namespaces/default/poddisruptionbudgets', 'POST', {
      metadata: { name: 'b' },
      spec: { minAvailable: 0, selector: {} },
    });
    pass(1);
    const conflicts = await begin({ kind: 'budget-conflicts', cluster: clusterId });
    pass(0.1);
    const really = () => kube('/api/v1/namespaces/default/pods/p/eviction', 'POST', { metadata: { name: 'p' } });
    expect(await really()).toMatchObject({ status: 504, body: { kind: 'Status', reason: 'Timeout' } });
    await end(conflicts);
    expect((await really()).status).toBe(201);
  });

  test('registry-overload: images cannot be pulled', async () => {
    const id = await begin({ kind: 'registry-overload', cluster: clusterId });
    const pods = '/api/v1/namespaces/default/pods';
    await kube(pods, 'POST', { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'never/seen:1' }] } });
    pass(1);
    const state = async (): Promise<Body> => (await kube(`${pods}/p`)).body.status;
    expect((await state()).containerStatuses[0].state.waiting.reason).toMatch(/ErrImagePull|ImagePullBackOff/);
    await end(id);
    pass(10);
    expect((await state()).phase).toBe('Running');
  });

  test('api-needs-master: the API is gone while its last master is, and back with the next', async () => {
    await begin({ kind: 'api-needs-master', cluster: clusterId });
    expect((await kube('/api/v1/nodes')).status).toBe(200);
    const masters = await autoscaling().send(
      new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: ['masters'] }),
    );
    for (const { InstanceId } of masters.AutoScalingGroups?.[0]?.Instances ?? [])
      await autoscaling().send(
        new TerminateInstanceInAutoScalingGroupCommand({ InstanceId, ShouldDecrementDesiredCapacity: false }),
      );
    pass(1);
    await expect(kube('/api/v1/nodes')).rejects.toThrow();
    pass(15);
    expect((await kube('/api/v1/nodes')).status).toBe(200);
  });

  test('clock-skew: signatures are of the wrong time until the client learns the right one', async () => {
    await begin({ kind: 'clock-skew', skew: '20m' });
    const client = autoscaling();
    const ask = () => client.send(new DescribeAutoScalingGroupsCommand({}));
    await expect(ask()).rejects.toMatchObject({ name: expect.stringMatching(/Signature|Skew|Expired/) as string });
    // The SDK has read the Date of the refusal, and corrects its clock.
    expect((await ask()).AutoScalingGroups).toHaveLength(2);
  });

  test('as the example scenario has them: every kind that AWS knows is seen at its time, and over at its end', async () => {
    const file = new URL('../../../examples/scenario.yaml', import.meta.url);
    const text = await readFile(file, 'utf8');
    const { faults } = parse(text) as { faults: { kind: string; api?: string }[] };
    const kinds = [...callKinds, ...cloudKinds];
    // The others are played in test/integration/simulator-kube/cluster-faults.test.ts.
    const played = faults.filter((each) => kinds.includes(each.kind));
    const ofAws = played.filter((each) => each.api?.startsWith('kubernetes') !== true).map((each) => each.kind);
    expect(new Set(ofAws)).toEqual(new Set(kinds));

    const asg = autoscaling();
    const spot = {
      LaunchTemplateSpecification: {
        LaunchTemplateId: (await workers()).LaunchTemplate.LaunchTemplateId,
        Version: '1',
      },
    };
    await asg.send(
      new CreateAutoScalingGroupCommand({
        AutoScalingGroupName: 'spot',
        MinSize: 1,
        MaxSize: 3,
        AvailabilityZones: [`${region}b`],
        MixedInstancesPolicy: {
          LaunchTemplate: { ...spot, Overrides: [{ InstanceType: 'm5.large' }] },
          InstancesDistribution: { OnDemandPercentageAboveBaseCapacity: 0, OnDemandBaseCapacity: 0 },
        },
      }),
    );
    pass(5);
    const from = world.clock.now();
    const answer = await fetch(`${served.controlUrl}/faults`, {
      method: 'POST',
      body: JSON.stringify({ faults: played }),
    });
    expect(((await answer.json()) as { started: string[] }).started).toHaveLength(played.length);
    const at = (minute: number): unknown => world.advanceTo(from + minute * 60_000);
    const outcome = (call: Promise<unknown>): Promise<string> =>
      call.then(
        () => 'ok',
        (error: unknown) => (error as Error).name,
      );
    const launch = (ClientToken: string, AvailabilityZone: string) =>
      asg.send(
        new LaunchInstancesCommand({
          AutoScalingGroupName: 'workers',
          RequestedCapacity: 1,
          ClientToken,
          AvailabilityZones: [AvailabilityZone],
        }),
      );

    at(0.1);
    expect(await outcome(launch('one', `${region}b`))).not.toBe('ok');
    expect((await workers()).DesiredCapacity).toBe(4);
    expect(await outcome(launch('two', `${region}b`))).not.toBe('ok');
    expect((await launch('three', `${region}a`)).Errors).toMatchObject([{ ErrorCode: 'InsufficientInstanceCapacity' }]);
    at(1.1);
    const said = new Set<string>();
    for (let i = 0; i < 40; i++) said.add(await outcome(workers()));
    expect(said).toEqual(new Set(['ok', 'Throttling']));
    at(6.5);
    await workers();
    const before = (await workers()).DesiredCapacity as number;
    await desire(before - 1);
    expect((await workers()).DesiredCapacity).toBe(before);
    at(16);
    expect((await workers()).DesiredCapacity).toBe(before - 1);
    // Launched since, of an image that is bad.
    expect((await nodes(false)).length).toBeGreaterThan(0);

    const describeTemplates = () => new EC2Client(config()).send(new DescribeLaunchTemplatesCommand({}));
    at(20.1);
    await expect(describeTemplates()).rejects.toMatchObject({ $metadata: { httpStatusCode: 503 } });
    at(22.1);
    expect(await outcome(desire(5))).not.toBe('ok');
    expect((await workers()).DesiredCapacity).toBe(before - 1);
    const cloudformation = new CloudFormationClient(config());
    at(24.1);
    expect(await outcome(cloudformation.send(new ListStacksCommand({})))).not.toBe('ok');
    const sts = () => new STSClient(config()).send(new GetCallerIdentityCommand({}));
    at(26.1);
    const order: string[] = [];
    const late = sts().then(() => order.push('sts'));
    await workers().then(() => order.push('autoscaling'));
    await late;
    expect(order).toEqual(['autoscaling', 'sts']);
    const victim = (await workers()).Instances[0].InstanceId as string;
    const terminate = () =>
      asg.send(
        new TerminateInstanceInAutoScalingGroupCommand({ InstanceId: victim, ShouldDecrementDesiredCapacity: false }),
      );
    at(28.1);
    expect([await outcome(terminate()), await outcome(workers())]).toEqual(['ScalingActivityInProgressFault', 'ok']);
    at(30.1);
    expect([await outcome(desire(before)), await outcome(desire(4, 'masters'))]).toEqual([
      'ResourceContentionFault',
      'ok',
    ]);
    at(32.1);
    expect([await outcome(workers()), await outcome(workers()), await outcome(workers())]).toContain('Throttling');
    at(39);
    const { events } = (await (await fetch(`${served.controlUrl}/events?limit=2000`)).json()) as { events: Body[] };
    const notices = events.filter((each) => each.kind === 'spot-notice');
    expect(new Set(notices.map((each) => each.group))).toEqual(new Set(['spot']));
    const StackName = `nodepool-workers-${clusterId.replaceAll(':', '-')}`;
    const stack = async () =>
      (await cloudformation.send(new DescribeStacksCommand({ StackName }))).Stacks?.[0]?.StackStatus;
    at(40.1);
    const TemplateBody = JSON.stringify(poolTemplate('workers', 'ami-00000002'));
    await cloudformation.send(new UpdateStackCommand({ StackName, TemplateBody }));
    at(50);
    expect(await stack()).toBe('UPDATE_ROLLBACK_FAILED');
    await cloudformation.send(new ContinueUpdateRollbackCommand({ StackName }));
    at(64);
    expect(await stack()).toBe('UPDATE_ROLLBACK_COMPLETE');
    at(65.1);
    expect(await outcome(sts())).toMatch(/Signature|Skew|Expired/);
    at(68);
    // Whatever has an end is over.
    expect([
      await outcome(sts()),
      await outcome(describeTemplates()),
      await outcome(terminate()),
      await outcome(desire(3)),
    ]).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  test('names what it hits and when, and is over when its time is', async () => {
    await begin({ kind: 'throttle', api: 'autoscaling', account, at: '1m', for: '1m' });
    const listed = async (): Promise<Body> =>
      ((await (await fetch(`${served.controlUrl}/faults`)).json()) as { faults: Body[] }).faults[0];
    const states: unknown[] = [];
    for (let minute = 0; minute < 3; minute++) {
      const answer = await workers().then(
        () => 'ok',
        (error: unknown) => (error as Error).name,
      );
      states.push([answer, (await listed()).acting]);
      pass(1.01);
    }
    expect(states).toEqual([
      ['ok', false],
      ['Throttling', true],
      ['ok', false],
    ]);
    expect((await listed()).fault).toMatchObject({ kind: 'throttle', api: 'autoscaling', account, at: 60_000 });
  });
});
