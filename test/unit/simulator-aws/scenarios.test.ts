import { readFile } from 'node:fs/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { WorldEvent } from '../../../src/simulator/model/seams.ts';
import type { World } from '../../../src/simulator/model/world.ts';
import { ScenarioPlayer, unknownPlace } from '../../../src/simulator/scenarios/scenario-player.ts';
import { type Fault, readFault, scenarioSchema } from '../../../src/simulator/scenarios/scenario-schema.ts';
import { account, call, clusterId, readyNodes, region, smallWorld } from './small-world.ts';

function fault(value: Record<string, unknown>): Fault {
  const read = readFault(value);
  if ('problems' in read) throw new Error(JSON.stringify(read.problems));
  return read.fault;
}

function problems(value: Record<string, unknown>): string {
  const read = readFault(value);
  return 'problems' in read ? read.problems.map(({ path, message }) => `${path}: ${message}`).join('; ') : 'none';
}

let world: World;
let events: WorldEvent[];
let player: ScenarioPlayer;
beforeEach(() => {
  ({ world, events } = smallWorld());
  player = new ScenarioPlayer(world);
});

function pass(seconds: number): void {
  world.advanceTo(world.clock.now() + seconds * 1000);
}

function templateOf(group: string): string {
  return (
    world.aws
      .truth()
      .groups()
      .find((each) => each.name === group)?.templateId ?? ''
  );
}

function awsCode(action = 'DescribeAutoScalingGroups', params: Record<string, unknown> = {}): string {
  const reply = world.aws.handle({ account, region, service: 'autoscaling', action, params });
  return reply.ok ? 'ok' : reply.code;
}

function kubeStatus(path: string, method = 'GET', body?: object): number {
  return world.kube(clusterId).handle({ method, path, query: new URLSearchParams(), body }).status;
}

describe('a scenario', () => {
  test('as the example shows it is valid; what it does to AWS and to all clusters fits any fleet', async () => {
    const text = await readFile(new URL('../../../examples/scenario.yaml', import.meta.url), 'utf8');
    const { faults } = scenarioSchema.parse(parse(text));
    const anywhere = faults.filter((each) => !('cluster' in each));
    expect(anywhere.length).toBeGreaterThan(15);
    expect(anywhere.map((each) => unknownPlace(world, each))).toEqual(anywhere.map(() => undefined));
  });

  test.each([
    [{ kind: 'throttle', every: '5m' }, 'every: every needs for: how long it lasts each time'],
    [
      { kind: 'throttle', every: '5m', for: '6m' },
      'for: it lasts as long as its period or longer: it would never pause',
    ],
    [{ kind: 'throttle', for: 'soon' }, 'for: "soon" is not a span of time'],
    [{ kind: 'latency', staleness: '5s' }, 'staleness: kind latency takes no staleness'],
    [{ kind: 'stale-reads', staleness: '31s' }, 'staleness: "31s" is too long'],
    [{ kind: 'reset', api: 'autoscaling', resource: 'nodes' }, 'resource: this is for api: kubernetes alone'],
    [
      { kind: 'reset', api: 'kubernetes', account },
      'account: api: kubernetes is chosen by cluster, not by account or region',
    ],
    [{ kind: 'reset', probability: 0 }, 'probability: a probability is above 0'],
    [{ kind: 'network', cluster: clusterId, dnsLatency: 'soon' }, 'dnsLatency: "soon" is not a span of time'],
    [{ kind: 'public-record', domain: 'Org', name: 'a.org', type: 'A', values: [] }, 'domain: this is no DNS name'],
    [{ kind: 'no-capacity', zone: 'eu-central-1' }, 'zone: this is no availability zone'],
    [{ kind: 'resource-contention', api: 'ec2' }, 'api: kind resource-contention is for api: autoscaling alone'],
  ])('is refused with the reason: %j', (value, message) => {
    expect(problems(value)).toBe(message);
  });

  test('names clusters, accounts and regions that exist', () => {
    expect(unknownPlace(world, fault({ kind: 'throttle', region: 'us-east-1' }))?.field).toBe('region');
    expect(unknownPlace(world, fault({ kind: 'throttle', account: '999999999999' }))?.field).toBe('account');
    expect(unknownPlace(world, fault({ kind: 'api-down', cluster: `aws:${account}:${region}:other` }))?.field).toBe(
      'cluster',
    );
  });
});

describe('faults of calls', () => {
  test('begin and end at their time, and come back with every period', () => {
    player.play(fault({ kind: 'throttle', api: 'autoscaling', at: '1m', for: '30s', every: '2m' }));
    const seen: string[] = [];
    for (let i = 0; i < 10; i++) {
      seen.push(awsCode());
      pass(30);
    }
    expect(seen.map((code) => (code === 'ok' ? '.' : 'x')).join('')).toBe('..x...x...');
  });

  test('let calls through first, hit as many as they may, and nobody else', () => {
    player.play(fault({ kind: 'server-error', api: 'autoscaling:Describe*', afterCalls: 2, times: 1, status: 503 }));
    expect([awsCode('DescribeTags'), awsCode(), awsCode(), awsCode()]).toEqual(['ok', 'ok', 'InternalFailure', 'ok']);
    player.play(fault({ kind: 'throttle', api: 'autoscaling', name: 'mast*' }));
    expect(awsCode('DescribeAutoScalingGroups', { AutoScalingGroupNames: ['workers'] })).toBe('ok');
    expect(awsCode('DescribeAutoScalingGroups', { AutoScalingGroupNames: ['masters'] })).toBe('Throttling');
  });

  test('refuse changes of Auto Scaling as busy or contended, and never a describe', () => {
    const desire = () => awsCode('SetDesiredCapacity', { AutoScalingGroupName: 'workers', DesiredCapacity: 3 });
    player.play(fault({ kind: 'scaling-activity-in-progress', for: '1m' }));
    player.play(fault({ kind: 'resource-contention', api: 'autoscaling:SetDesired*', at: '1m', times: 1 }));
    expect([desire(), awsCode()]).toEqual(['ScalingActivityInProgress', 'ok']);
    pass(60);
    expect([desire(), desire(), kubeStatus('/api/v1/nodes')]).toEqual(['ResourceContention', 'ok', 200]);
  });

  test('hold the calls of a service in a small bucket for a while, each account by itself', () => {
    player.play(fault({ kind: 'rate-limit', service: 'autoscaling', perSecond: 1, burst: 2, for: '1m' }));
    pass(1);
    expect([awsCode(), awsCode(), awsCode()]).toEqual(['ok', 'ok', 'Throttling']);
    pass(1);
    expect([awsCode(), awsCode()]).toEqual(['ok', 'Throttling']);
    pass(60);
    expect(Array.from({ length: 50 }, () => awsCode())).not.toContain('Throttling');
  });

  test('fail a resource of a stack, here and not elsewhere, as often as they say', () => {
    const stack = (name: string, more: object) => {
      player.play(fault({ kind: 'stack-failure', stack: 'fa*', phase: 'create', ...more }));
      const TemplateBody = JSON.stringify({ Resources: { A: { Type: 'AWS::SQS::Queue' } } });
      const { StackId } = call(world, 'cloudformation', 'CreateStack', { StackName: name, TemplateBody });
      pass(300);
      player.stopAll();
      const { Stacks } = call(world, 'cloudformation', 'DescribeStacks', { StackName: StackId }) as {
        Stacks: { StackStatus: string }[];
      };
      return Stacks[0]?.StackStatus;
    };
    expect(stack('fails', { resource: 'A', reason: 'no queue today' })).toBe('ROLLBACK_COMPLETE');
    expect(stack('fast', { resource: 'B' })).toBe('CREATE_COMPLETE');
    expect(stack('other', {})).toBe('CREATE_COMPLETE');
    expect(stack('far', { region: 'eu-west-1' })).toBe('CREATE_COMPLETE');
    expect(stack('fable', { account })).toBe('ROLLBACK_COMPLETE');
  });

  test('hit the Kubernetes API by verb, resource and name, with its own error bodies', () => {
    const [node = ''] = readyNodes(world);
    player.play(fault({ kind: 'throttle', api: 'kubernetes:get', resource: 'nodes', name: node, cluster: clusterId }));
    player.play(fault({ kind: 'server-error', api: 'kubernetes:list', resource: 'pods', status: 504 }));
    const refused = world.kube(clusterId).handle({
      method: 'GET',
      path: `/api/v1/nodes/${node}`,
      query: new URLSearchParams(),
    });
    expect(refused).toMatchObject({
      status: 429,
      headers: { 'retry-after': '1' },
      body: { kind: 'Status', reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } },
    });
    expect(kubeStatus('/api/v1/nodes')).toBe(200);
    expect(kubeStatus('/api/v1/pods')).toBe(504);
    expect(kubeStatus('/api/v1/namespaces/kube-system/pods')).toBe(504);
  });

  test('lose a Kubernetes answer before or after the effect', () => {
    const configMap = (name: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
    const path = '/api/v1/namespaces/default/configmaps';
    const before = player.play(fault({ kind: 'lost-before', api: 'kubernetes:create' }));
    expect(kubeStatus(path, 'POST', configMap('a'))).toBe(0);
    player.stop(before);
    player.play(fault({ kind: 'lost-after', api: 'kubernetes:create', times: 1 }));
    expect(kubeStatus(path, 'POST', configMap('b'))).toBe(0);
    expect([kubeStatus(`${path}/a`), kubeStatus(`${path}/b`)]).toEqual([404, 200]);
  });

  test('without an API hit AWS and Kubernetes alike', () => {
    const id = player.play(fault({ kind: 'reset' }));
    expect([awsCode(), kubeStatus('/api/v1/nodes')]).toEqual(['ConnectionReset', 0]);
    expect(player.list()).toMatchObject([{ id, acting: true }]);
    player.stopAll();
    expect([awsCode(), kubeStatus('/api/v1/nodes')]).toEqual(['ok', 200]);
  });

  test('make describes show each object as of a moment of its own, new ones not yet, gone ones still', () => {
    player.play(fault({ kind: 'stale-reads', api: 'autoscaling', staleness: '30s' }));
    const describeGroup = (name: string) =>
      (
        call(world, 'autoscaling', 'DescribeAutoScalingGroups', { AutoScalingGroupNames: [name] }) as {
          AutoScalingGroups: { DesiredCapacity: number }[];
        }
      ).AutoScalingGroups;
    for (const name of ['masters', 'workers'])
      call(world, 'autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: name, DesiredCapacity: 4 });
    expect(describeGroup('workers')).toMatchObject([{ DesiredCapacity: 3 }]);
    const learned: Record<string, number> = {};
    for (let second = 0; second <= 30; second++) {
      for (const name of ['masters', 'workers'])
        if (describeGroup(name)[0]?.DesiredCapacity === 4) learned[name] ??= second;
      pass(1);
    }
    expect(Object.values(learned).every((second) => second > 0 && second <= 30)).toBe(true);
    expect(learned['masters']).not.toBe(learned['workers']);
    call(world, 'autoscaling', 'CreateAutoScalingGroup', {
      AutoScalingGroupName: 'fresh',
      MinSize: 0,
      MaxSize: 1,
      AvailabilityZones: [`${region}a`],
      LaunchTemplate: { LaunchTemplateId: templateOf('workers'), Version: '1' },
    });
    expect(describeGroup('fresh')).toEqual([]);
    pass(31);
    expect(describeGroup('fresh')).toHaveLength(1);
    call(world, 'autoscaling', 'DeleteAutoScalingGroup', { AutoScalingGroupName: 'fresh', ForceDelete: true });
    pass(4);
    expect(
      world.aws
        .truth()
        .groups()
        .map((group) => group.name),
    ).not.toContain('fresh');
    expect(describeGroup('fresh')).toHaveLength(1);
    pass(31);
    expect(describeGroup('fresh')).toEqual([]);
  });
});

describe('faults of the world', () => {
  test('clocks of AWS that are ahead or behind refuse what clients sign, in the words of each service', () => {
    const code = (service: 'sts' | 'ec2' | 's3' | 'kms', action: string, minutes = 0): string => {
      const signedAt = world.clock.now() + minutes * 60_000;
      const reply = world.aws.handle({ account, region, service, action, params: {}, signedAt });
      return reply.ok ? 'ok' : reply.code;
    };
    player.play(fault({ kind: 'clock-skew', skew: '20m', for: '1m' }));
    player.play(fault({ kind: 'clock-skew', skew: '20m', behind: true, at: '2m', for: '1m' }));
    const all = () => [
      code('sts', 'GetCallerIdentity'),
      code('ec2', 'DescribeVpcs'),
      code('s3', 'ListBuckets'),
      code('kms', 'ListKeys'),
    ];
    const refused = ['SignatureDoesNotMatch', 'RequestExpired', 'RequestTimeTooSkewed', 'InvalidSignatureException'];
    expect([all(), code('sts', 'GetCallerIdentity', 20)]).toEqual([refused, 'ok']);
    pass(61);
    expect(all()).toEqual(['ok', 'ok', 'ok', 'ok']);
    pass(60);
    expect([all(), code('sts', 'GetCallerIdentity', -20)]).toEqual([refused, 'ok']);
  });

  test('a kubelet that flaps takes its node and its pods out of readiness, and brings them back', () => {
    player.play(fault({ kind: 'flapping-kubelet', cluster: clusterId, at: '10s', for: '20s', every: '60s' }));
    pass(11);
    expect(readyNodes(world)).toHaveLength(5);
    pass(20);
    expect(readyNodes(world)).toHaveLength(6);
    pass(40);
    expect(readyNodes(world)).toHaveLength(5);
    player.stopAll();
    expect(readyNodes(world)).toHaveLength(6);
  });

  test('a budget that never allows refuses every eviction, until it is taken back', () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'one', namespace: 'default' },
      spec: { containers: [{ name: 'app', image: 'app' }] },
    };
    world.kube(clusterId).seed([pod]);
    pass(60);
    const evict = (): number =>
      kubeStatus('/api/v1/namespaces/default/pods/one/eviction', 'POST', {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'one', namespace: 'default' },
      });
    const id = player.play(fault({ kind: 'budget-never-allows', cluster: clusterId }));
    pass(5);
    expect(evict()).toBe(429);
    player.stop(id);
    pass(5);
    expect(evict()).toBe(201);
  });

  test('faults of one network add up, and each takes back its own', () => {
    const { runtimeFaults } = world.kube(clusterId);
    const network = (more: object) => player.play(fault({ kind: 'network', cluster: clusterId, ...more }));
    const zones = { from: `${region}a`, to: `${region}b` };
    const first = network({ links: [{ ...zones, lossPercent: 5 }], cniDown: ['*'], addons: { ingress: 'off' } });
    const second = network({
      links: [{ ...zones, latency: '1s' }],
      cniDown: ['*', 'one'],
      dnsLatency: '2s',
      networkPolicies: 'ignored',
      metadata: 'blocked',
      images: { nginx: 'silent' },
      nodeProblems: { one: ['KernelDeadlock'] },
    });
    pass(1);
    player.stop(first);
    expect(runtimeFaults.values).toMatchObject({
      links: [{ ...zones, extraLatencyMs: 1000 }],
      proxyDown: [],
      cniDown: ['*', 'one'],
      networkPolicies: 'ignored',
      metadata: 'blocked',
      dnsLatencyMs: 2000,
      images: { nginx: 'silent' },
      addons: {},
      nodeProblems: { one: ['KernelDeadlock'] },
    });
    expect(runtimeFaults.isClear).toBe(false);
    player.stop(second);
    expect(runtimeFaults.isClear).toBe(true);
  });

  test('a public record says something else for a while', () => {
    const name = 'www.example.org';
    const ask = () => world.internet.ask({ kind: 'dns', name, type: 'A' }).records.map((each) => each.data);
    const record = { domain: 'example.org', name, type: 'A' };
    player.play(fault({ kind: 'public-record', ...record, values: ['192.0.2.1'] }));
    player.play(fault({ kind: 'public-record', ...record, values: [], at: '1m', for: '1m' }));
    const seen: string[][] = [];
    for (let minute = 0; minute < 3; minute++) {
      pass(30);
      seen.push(ask());
      pass(30);
    }
    expect(seen).toEqual([['192.0.2.1'], [], ['192.0.2.1']]);
  });

  test('the registry is slow for all and refuses what is too much, until that is over', () => {
    const pulled = (names: string[]): number => {
      world.kube(clusterId).seed(
        names.map((name) => ({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name, namespace: 'default' },
          spec: { containers: [{ name: 'app', image: `team/${name}:1` }] },
        })),
      );
      pass(20);
      const pods = world.kube(clusterId).truth().pods;
      return names.filter((name) => pods.get(`default/${name}`)?.status.phase === 'Running').length;
    };
    const { limits } = world.registry;
    const id = player.play(fault({ kind: 'registry-overload', mostPulls: 1, mebibytesPerSecond: 1 }));
    pass(1);
    expect(pulled(['a', 'b', 'c'])).toBe(0);
    expect(world.registry.stats.refused).toBeGreaterThan(0);
    player.stop(id);
    expect(world.registry.limits).toEqual(limits);
    expect(pulled(['d', 'e', 'f'])).toBe(3);
  });

  test('a zone runs out of capacity and has it again', () => {
    player.play(fault({ kind: 'no-capacity', zone: `${region}a`, for: '5m' }));
    const errors = (token: string) =>
      (
        call(world, 'autoscaling', 'LaunchInstances', {
          AutoScalingGroupName: 'workers',
          RequestedCapacity: 1,
          ClientToken: token,
          AvailabilityZones: [`${region}a`],
        }) as { Errors: { ErrorCode: string }[] }
      ).Errors.map((error) => error.ErrorCode);
    pass(1);
    expect(errors('one')).toEqual(['InsufficientInstanceCapacity']);
    pass(300);
    expect(errors('two')).toEqual([]);
  });

  test('the API is gone while no control-plane node is ready, and not otherwise', () => {
    player.play(fault({ kind: 'api-needs-master', cluster: clusterId }));
    pass(1);
    expect(world.kube(clusterId).apiReachable()).toBe(true);
    const masters =
      world.aws
        .truth()
        .groups(clusterId)
        .find((group) => group.name === 'masters')?.members ?? [];
    call(world, 'ec2', 'TerminateInstances', { InstanceIds: masters.map((member) => member.instanceId) });
    pass(2);
    expect(world.kube(clusterId).apiReachable()).toBe(false);
    pass(900);
    expect(world.kube(clusterId).apiReachable()).toBe(true);
  });

  test('the same seed and scenario give the same history, byte for byte', () => {
    const run = (): string => {
      const each = smallWorld('again');
      const its = new ScenarioPlayer(each.world);
      its.play(fault({ kind: 'throttle', probability: 0.5 }));
      its.play(fault({ kind: 'flapping-kubelet', cluster: clusterId, every: '1m', for: '10s', most: 2 }));
      const answers: string[] = [];
      for (let i = 0; i < 40; i++) {
        const reply = each.world.aws.handle({
          account,
          region,
          service: 'autoscaling',
          action: 'SetDesiredCapacity',
          params: { AutoScalingGroupName: 'workers', DesiredCapacity: 3 + (i % 3) },
        });
        answers.push(JSON.stringify(reply));
        each.world.advanceTo(each.world.clock.now() + 20_000);
      }
      return JSON.stringify([answers, each.events]);
    };
    expect(run()).toBe(run());
  });

  test('spot capacity is taken back with a recommendation, a notice of two minutes, and the end', () => {
    call(world, 'autoscaling', 'CreateAutoScalingGroup', {
      AutoScalingGroupName: 'spot',
      MinSize: 1,
      MaxSize: 3,
      CapacityRebalance: true,
      AvailabilityZones: [`${region}a`],
      MixedInstancesPolicy: {
        LaunchTemplate: {
          LaunchTemplateSpecification: { LaunchTemplateId: templateOf('workers'), Version: '1' },
          Overrides: [{ InstanceType: 'm5.large' }],
        },
        InstancesDistribution: { OnDemandPercentageAboveBaseCapacity: 0 },
      },
    });
    pass(120);
    const [old] =
      world.aws
        .truth()
        .groups()
        .find((group) => group.name === 'spot')?.members ?? [];
    player.play(fault({ kind: 'spot-interruption', group: 'spot' }));
    pass(1);
    const notices = () =>
      events.flatMap((event) => (event.kind === 'spot-notice' ? [[event.instanceId, event.notice]] : []));
    expect(notices()).toEqual([[old?.instanceId, 'rebalance']]);
    pass(70);
    expect(notices()).toEqual([
      [old?.instanceId, 'rebalance'],
      [old?.instanceId, 'interruption'],
    ]);
    pass(400);
    const members =
      world.aws
        .truth()
        .groups()
        .find((group) => group.name === 'spot')?.members ?? [];
    expect(members).toHaveLength(1);
    expect(members[0]?.instanceId).not.toBe(old?.instanceId);
  });
});
