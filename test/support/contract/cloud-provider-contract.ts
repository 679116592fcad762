/** What every binding of the CloudProvider port must do, told by talking to an account that has nothing yet. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  ChangeSetView,
  CloudProvider,
  GroupInstance,
  NodeGroup,
  StackInput,
} from '../../../src/ports/cloud-provider.ts';
import { failureOf } from './kube-cluster-contract.ts';

export interface CloudContractTarget {
  cloud: CloudProvider;
  account: string;
  region: string;
  /** Where instances may go: subnets in the first two zones. */
  network: { vpcId: string; subnets: [string, string] };
  /** Two images to boot from. */
  images: [string, string];
  /** Lets the cloud work until the condition holds; throws when it never does. */
  until(what: string, condition: () => Promise<boolean> | boolean): Promise<void>;
  close(): Promise<void>;
}

const cluster = 'aws:123456789012:eu-central-1:contract';
const clusterTag = `kubernetes.io/cluster/${cluster}`;
const ownTags = { [clusterTag]: 'owned', NodePool: 'workers' };

function template(imageId: string, network: CloudContractTarget['network']): string {
  const tag = (Key: string, Value: string) => ({ Key, Value, PropagateAtLaunch: true });
  return JSON.stringify({
    AWSTemplateFormatVersion: '2010-09-09',
    Parameters: { Desired: { Type: 'String', Default: '2' } },
    Resources: {
      Template: {
        Type: 'AWS::EC2::LaunchTemplate',
        Properties: {
          LaunchTemplateData: { ImageId: imageId, InstanceType: 'm5.large', UserData: 'IyEvYmluL3NoCg==' },
        },
      },
      Balancer: {
        Type: 'AWS::ElasticLoadBalancing::LoadBalancer',
        Properties: {
          LoadBalancerName: 'contract-elb',
          Subnets: network.subnets,
          Listeners: [{ LoadBalancerPort: '443', InstancePort: '443', Protocol: 'TCP' }],
          HealthCheck: {
            Target: 'TCP:443',
            Interval: '10',
            Timeout: '5',
            HealthyThreshold: '2',
            UnhealthyThreshold: '2',
          },
        },
      },
      Targets: {
        Type: 'AWS::ElasticLoadBalancingV2::TargetGroup',
        Properties: { Name: 'contract-tg', Port: 443, Protocol: 'TCP', VpcId: network.vpcId, TargetType: 'instance' },
      },
      Group: {
        Type: 'AWS::AutoScaling::AutoScalingGroup',
        Properties: {
          MinSize: '1',
          MaxSize: '6',
          DesiredCapacity: { Ref: 'Desired' },
          VPCZoneIdentifier: network.subnets,
          AvailabilityZones: ['eu-central-1a', 'eu-central-1b'],
          LaunchTemplate: {
            LaunchTemplateId: { Ref: 'Template' },
            Version: { 'Fn::GetAtt': ['Template', 'LatestVersionNumber'] },
          },
          LoadBalancerNames: [{ Ref: 'Balancer' }],
          TargetGroupARNs: [{ Ref: 'Targets' }],
          Tags: [tag(clusterTag, 'owned'), tag('NodePool', 'workers')],
        },
      },
    },
    Outputs: {
      GroupName: { Value: { Ref: 'Group' } },
      TemplateVersion: { Value: { 'Fn::GetAtt': ['Template', 'LatestVersionNumber'] } },
    },
  });
}

/** Tests build on each other: one stack lives from creation to deletion. */
export function describeCloudProviderContract(binding: string, connect: () => Promise<CloudContractTarget>): void {
  describe(`CloudProvider through ${binding}`, () => {
    let target: CloudContractTarget;
    let cloud: CloudProvider;

    beforeAll(async () => {
      target = await connect();
      cloud = target.cloud;
    });
    afterAll(() => target?.close());

    function stack(image: 'ami-1' | 'ami-2', token: string, name = 'nodepool-contract'): StackInput {
      return {
        name,
        template: template(target.images[image === 'ami-1' ? 0 : 1], target.network),
        parameters: { Desired: '2' },
        tags: { owner: 'clm' },
        token,
      };
    }

    async function group(): Promise<NodeGroup> {
      const groups = await cloud.describeGroups(ownTags);
      expect(groups).toHaveLength(1);
      return groups[0] as NodeGroup;
    }

    /** The change set as soon as it can be judged. */
    async function changeSet(input: StackInput, name: string): Promise<ChangeSetView> {
      await cloud.createChangeSet({ ...input, changeSet: name });
      const look = () => cloud.describeChangeSet(input.name, name);
      await target.until('the change set is made', async () => (await look())?.status !== 'making');
      return (await look()) as ChangeSetView;
    }

    const inService = (instances: GroupInstance[]): GroupInstance[] =>
      instances.filter((i) => i.lifecycleState === 'InService');

    async function stackStatus(name = 'nodepool-contract'): Promise<string> {
      return (await cloud.describeStack(name))?.status ?? 'none';
    }

    it('knows who is calling', async () => {
      expect(await cloud.callerIdentity()).toMatchObject({ account: target.account, region: target.region });
    });

    it('knows no stacks, groups or load balancers that nobody made', async () => {
      expect(await cloud.describeStack('nodepool-contract')).toBeUndefined();
      expect(await cloud.listStacks({ key: 'owner', value: 'clm' })).toEqual([]);
      expect(await cloud.describeGroups(ownTags)).toEqual([]);
      expect(await failureOf(cloud.loadBalancerHealth(['none'], []))).toMatchObject({ code: 'aws-not-found' });
      expect(await failureOf(cloud.stackTemplate('none'))).toMatchObject({ code: 'aws-not-found' });
      const unknown = cloud.createChangeSet({ ...stack('ami-1', 't0'), changeSet: 'c0' });
      expect(await failureOf(unknown)).toMatchObject({ code: 'aws-not-found' });
      expect(await cloud.describeChangeSet('nodepool-contract', 'c0')).toBeUndefined();
    });

    it('refuses a template that makes no sense, for good', async () => {
      const broken = { ...stack('ami-1', 't1', 'broken'), template: '{"Resources": 1}' };
      expect(await failureOf(cloud.createStack(broken))).toMatchObject({ kind: 'terminal', code: 'aws-validation' });
    });

    it('creates a stack once though asked twice with one token, and reports it', async () => {
      await cloud.createStack({ ...stack('ami-1', 'create-1'), terminationProtection: true });
      await cloud.createStack({ ...stack('ami-1', 'create-1'), terminationProtection: true });
      await target.until('the stack stands', async () => (await stackStatus()) === 'CREATE_COMPLETE');
      expect(await cloud.describeStack('nodepool-contract')).toMatchObject({
        outputs: { TemplateVersion: '1' },
        tags: { owner: 'clm' },
        parameters: { Desired: '2' },
        terminationProtection: true,
      });
      expect((await cloud.listStacks({ key: 'owner', value: 'clm' })).map((s) => s.name)).toEqual([
        'nodepool-contract',
      ]);
      expect(JSON.parse(await cloud.stackTemplate('nodepool-contract'))).toEqual(
        JSON.parse(stack('ami-1', '').template),
      );
      const events = await cloud.stackEvents('nodepool-contract', 3);
      expect(events).toHaveLength(3);
      expect(events[0]).toMatchObject({ logicalId: 'nodepool-contract', status: 'CREATE_COMPLETE', token: 'create-1' });
      expect(events.map((e) => Date.parse(e.at))).toEqual(
        [...events.map((e) => Date.parse(e.at))].sort((a, b) => b - a),
      );
    });

    it('describes the group and its instances, and no group of other tags', async () => {
      await target.until('two instances in service', async () => inService((await group()).instances).length === 2);
      const described = await group();
      expect(described).toMatchObject({
        desired: 2,
        min: 1,
        max: 6,
        suspendedProcesses: [],
        newInstancesProtected: false,
      });
      expect(described.launchTemplate).toMatchObject({ id: expect.stringMatching(/^lt-/), version: '1' });
      expect(described.tags).toMatchObject(ownTags);
      expect(described.classicLoadBalancers).toEqual(['contract-elb']);
      expect(described.targetGroups).toEqual([expect.stringContaining('targetgroup/contract-tg')]);
      for (const instance of described.instances) {
        expect(instance).toMatchObject({
          id: expect.stringMatching(/^i-/),
          zone: expect.stringMatching(/^eu-central-1[ab]$/),
          instanceType: 'm5.large',
          health: 'Healthy',
          protectedFromScaleIn: false,
          launchTemplate: { id: described.launchTemplate.id, version: '1' },
        });
      }
      expect(await cloud.describeGroups({ ...ownTags, NodePool: 'other' })).toEqual([]);
      // one that is not there takes nothing from the answer about the others
      const ids = described.instances.map(({ id }) => id);
      const addresses = await cloud.instanceAddresses([...ids, 'i-00000000000000000']);
      expect([...addresses.keys()].sort()).toEqual([...ids].sort());
      expect(new Set(addresses.values()).size).toBe(2);
      for (const address of addresses.values()) expect(address).toMatch(/^(\d{1,3}\.){3}\d{1,3}$/);
    });

    it('tells which resources somebody changed behind the back of their stack, and forgets nothing that it did not look at', async () => {
      const name = 'nodepool-contract';
      const drifts = async () => {
        const id = (await cloud.detectDrift(name)) ?? 'none';
        await target.until('the resources are compared', async () => (await cloud.stackDrift(name, id)) !== 'going');
        return cloud.stackDrift(name, id);
      };
      expect(await drifts()).toEqual([]);
      const before = await group();
      await cloud.updateGroup(before.name, { max: before.max + 1 });
      expect(await drifts()).toEqual([
        {
          logicalId: 'Group',
          type: 'AWS::AutoScaling::AutoScalingGroup',
          change: 'modified',
          properties: ['/MaxSize'],
        },
      ]);
      await cloud.updateGroup(before.name, { max: before.max });
      expect(await drifts()).toEqual([]);
      expect(await cloud.detectDrift('none')).toBeUndefined();
      expect(await cloud.stackDrift(name, '00000000-0000-0000-0000-000000000000')).toBe('failed');
    });

    it('knows the health of each instance behind each load balancer', async () => {
      const described = await group();
      const ids = described.instances.map((i) => i.id).sort();
      const read = () => cloud.loadBalancerHealth(described.classicLoadBalancers, described.targetGroups);
      await target.until('all registered', async () =>
        (await read()).every((lb) => Object.keys(lb.instances).length === 2),
      );
      const health = await read();
      expect(health.map((lb) => [lb.kind, lb.id])).toEqual([
        ['classic', 'contract-elb'],
        ['target-group', described.targetGroups[0]],
      ]);
      for (const lb of health) expect(Object.keys(lb.instances).sort()).toEqual(ids);
    });

    it('says that an update changes nothing, and carries out one that does', async () => {
      expect(await changeSet(stack('ami-1', 'update-1'), 'same')).toMatchObject({ status: 'unchanged' });
      await cloud.deleteChangeSet('nodepool-contract', 'same');
      await cloud.deleteChangeSet('nodepool-contract', 'same');
      const { status, changes } = await changeSet(stack('ami-2', 'update-2'), 'other');
      expect(status).toBe('ready');
      expect(changes.map(({ action, logicalId, replacement }) => [action, logicalId, replacement])).toEqual([
        ['Modify', 'Template', 'False'],
        ['Modify', 'Group', 'False'],
      ]);
      expect(await cloud.executeChangeSet('nodepool-contract', 'other', 'execute-2')).toBe('started');
      expect(await cloud.executeChangeSet('nodepool-contract', 'other', 'execute-3')).toBe('refused');
      expect((await cloud.describeStack('nodepool-contract'))?.changeSetId).toContain('/other/');
      await target.until('the update is done', async () => (await stackStatus()) === 'UPDATE_COMPLETE');
      const described = await group();
      expect(described.launchTemplate.version).toBe('2');
      // The group has the new template; its instances stay as they are.
      expect(described.instances.map((i) => i.launchTemplate?.version)).toEqual(['1', '1']);
    });

    it('tells what an update would replace or remove before anything happens', async () => {
      const input = stack('ami-2', 'update-4');
      const body = JSON.parse(input.template) as { Resources: Record<string, { Properties: object }> };
      Object.assign(body.Resources['Balancer']?.Properties ?? {}, { LoadBalancerName: 'another' });
      Object.assign(body.Resources['Group']?.Properties ?? {}, { TargetGroupARNs: [] });
      delete body.Resources['Targets'];
      const { changes } = await changeSet({ ...input, template: JSON.stringify(body) }, 'danger');
      expect(changes.find((change) => change.logicalId === 'Balancer')).toMatchObject({
        action: 'Modify',
        replacement: 'True',
        properties: [{ property: 'LoadBalancerName', recreation: 'Always' }],
      });
      expect(changes.find((change) => change.logicalId === 'Targets')).toMatchObject({ action: 'Remove' });
      await cloud.deleteChangeSet('nodepool-contract', 'danger');
      expect(await stackStatus()).toBe('UPDATE_COMPLETE');
    });

    it('keeps a policy of a stack', async () => {
      expect(await cloud.stackPolicy('nodepool-contract')).toBeUndefined();
      const policy = { Statement: [{ Effect: 'Allow', Action: 'Update:*', Principal: '*', Resource: '*' }] };
      await cloud.setStackPolicy('nodepool-contract', JSON.stringify(policy));
      expect(JSON.parse((await cloud.stackPolicy('nodepool-contract')) ?? '')).toEqual(policy);
    });

    it('takes a template that is too long for a request from a bucket, which is made when there is none', async () => {
      const bucket = `contract-${target.account}`;
      const input = stack('ami-2', 'long-1', 'long');
      const Metadata = { Filler: 'x'.repeat(60_000) };
      const Resources = { Topic: { Type: 'AWS::SNS::Topic', Properties: {} } };
      const template = JSON.stringify({ AWSTemplateFormatVersion: '2010-09-09', Metadata, Resources });
      expect(await cloud.storeText(bucket, 'long.template', template)).toBe('stored');
      expect(await cloud.storeText(bucket, 'long.template', template)).toBe('there');
      const templateUrl = `https://${bucket}.s3.${target.region}.amazonaws.com/long.template`;
      await cloud.createStack({ ...input, template, templateUrl, parameters: {} });
      await target.until('the stack stands', async () => (await stackStatus('long')) === 'CREATE_COMPLETE');
      expect(await cloud.stackTemplate('long')).toBe(template);
      await cloud.deleteStack('long', 'long-2');
    });

    it('stores an archive once, with its secrets encrypted', async () => {
      const data = Buffer.from('secret').toString('base64');
      const files = [{ path: 'etc/key', data, permissions: 0o600, encrypted: true }];
      const archive = { bucket: `contract-${target.account}`, key: 'a.userdata', encryptionKey: 'alias/etcd', files };
      expect(await cloud.storeArchive(archive)).toBe('stored');
      expect(await cloud.storeArchive(archive)).toBe('there');
    });

    it('launches by token: asked again, it answers the same instances', async () => {
      const { name } = await group();
      const request = { count: 1, zone: 'eu-central-1b', token: 'launch-1' };
      const first = await cloud.launchInstances(name, request);
      expect(first).toMatchObject({ instanceIds: [expect.stringMatching(/^i-/)], errors: [] });
      expect(await cloud.launchInstances(name, request)).toEqual(first);
      expect(await group()).toMatchObject({ desired: 3 });
      const launched = (await group()).instances.find((i) => i.id === first.instanceIds[0]);
      expect(launched).toMatchObject({ zone: 'eu-central-1b', launchTemplate: { version: '2' } });
      await target.until('three in service', async () => inService((await group()).instances).length === 3);
    });

    it('raises desired from what it is, and from nothing else', async () => {
      const { name } = await group();
      expect(await failureOf(cloud.raiseDesired(name, 2, 4))).toMatchObject({
        kind: 'transient',
        code: 'aws-conflict',
      });
      expect(await failureOf(cloud.raiseDesired(name, 3, 2))).toMatchObject({ code: 'aws-conflict' });
      expect(await failureOf(cloud.raiseDesired(name, 3, 7))).toMatchObject({ code: 'aws-conflict' });
      await cloud.raiseDesired(name, 3, 4);
      await target.until('four in service', async () => inService((await group()).instances).length === 4);
    });

    it('terminates the instance that is named, with or without a replacement', async () => {
      const before = await group();
      const [first, second] = before.instances as [GroupInstance, GroupInstance];
      await cloud.terminateInstance(first.id, { decrement: true });
      expect(await group()).toMatchObject({ desired: 3 });
      const leaving = (await group()).instances.find((i) => i.id === first.id);
      expect(leaving === undefined || leaving.lifecycleState.startsWith('Terminating')).toBe(true);
      await cloud.terminateInstance(second.id, { decrement: false });
      expect(await group()).toMatchObject({ desired: 3 });
      await target.until('both are gone and one is replaced', async () => {
        const ids = (await group()).instances;
        return !ids.some((i) => i.id === first.id || i.id === second.id) && inService(ids).length === 3;
      });
      const { name, instances } = await group();
      expect(await cloud.endOfInstance(name, first.id)).toEqual({ gaveUpPlace: true });
      expect(await cloud.endOfInstance(name, second.id)).toEqual({ gaveUpPlace: false });
      expect(await cloud.endOfInstance(name, instances[0]?.id ?? '')).toBeUndefined();
      expect(await failureOf(cloud.terminateInstance(first.id, { decrement: true }))).toMatchObject({
        kind: 'transient',
        code: 'aws-not-found',
      });
    });

    it('does not go below the minimum', async () => {
      const { name, instances } = await group();
      await cloud.updateGroup(name, { min: 3 });
      const failure = await failureOf(cloud.terminateInstance(instances[0]?.id ?? '', { decrement: true }));
      expect(failure).toMatchObject({ kind: 'transient', code: 'aws-conflict' });
      expect((await group()).desired).toBe(3);
    });

    it('changes limits and protection without touching desired', async () => {
      const { name } = await group();
      expect(await failureOf(cloud.updateGroup(name, { max: 2 }))).toMatchObject({
        kind: 'transient',
        code: 'aws-conflict',
      });
      await cloud.updateGroup(name, { min: 2, max: 5, newInstancesProtected: true });
      expect(await group()).toMatchObject({ min: 2, max: 5, desired: 3, newInstancesProtected: true });
      const ids = inService((await group()).instances).map((i) => i.id);
      await cloud.setProtection(name, ids, true);
      expect((await group()).instances.every((i) => i.protectedFromScaleIn)).toBe(true);
      await cloud.setProtection(name, ids.slice(0, 1), false);
      expect((await group()).instances.filter((i) => !i.protectedFromScaleIn).map((i) => i.id)).toEqual(
        ids.slice(0, 1),
      );
      expect(await failureOf(cloud.updateGroup('none', { min: 1 }))).toMatchObject({
        kind: 'transient',
        code: 'aws-not-found',
      });
    });

    it('reads what a version of a launch template launches', async () => {
      const { id, version } = (await group()).launchTemplate;
      const data = await cloud.launchTemplate({ id, version });
      expect(data).toMatchObject({ ImageId: expect.stringMatching(/^ami-/), InstanceType: expect.any(String) });
      expect(await cloud.launchTemplate({ id, version })).toEqual(data);
      expect(await failureOf(cloud.launchTemplate({ id, version: '4711' }))).toMatchObject({
        kind: expect.stringMatching(/^(transient|terminal)$/),
      });
    });

    it('gives a group another launch template and leaves the rest of it alone', async () => {
      const before = await group();
      const { id, version } = before.launchTemplate;
      await cloud.setLaunchTemplate(before.name, { id, version });
      expect(await group()).toMatchObject({
        launchTemplate: { id, version },
        desired: before.desired,
        min: before.min,
        max: before.max,
      });
      expect(await failureOf(cloud.setLaunchTemplate(before.name, { id, version: '4711' }))).toMatchObject({
        kind: 'terminal',
      });
      expect(await failureOf(cloud.setLaunchTemplate('none', { id, version }))).toMatchObject({
        code: 'aws-not-found',
      });
    });

    it('suspends and resumes processes, and tags and untags', async () => {
      const { name } = await group();
      await cloud.suspendProcesses(name, ['AZRebalance']);
      expect((await group()).suspendedProcesses).toEqual(['AZRebalance']);
      await cloud.resumeProcesses(name, ['AZRebalance']);
      expect((await group()).suspendedProcesses).toEqual([]);
      await cloud.tagGroup(name, { 'clm/roll-id': 'r1', 'clm/roll-baseline': '3' });
      await cloud.tagGroup(name, { 'clm/roll-id': 'r2' });
      expect((await group()).tags).toMatchObject({ ...ownTags, 'clm/roll-id': 'r2', 'clm/roll-baseline': '3' });
      await cloud.untagGroup(name, ['clm/roll-id', 'clm/roll-baseline', 'never-there']);
      expect((await group()).tags).not.toHaveProperty('clm/roll-id');
    });

    it('deregisters an instance from a load balancer and registers it again, and does not mind when that is so already', async () => {
      const { classicLoadBalancers, targetGroups, instances } = await group();
      const [classic = '', arn = '', id = ''] = [classicLoadBalancers[0], targetGroups[0], instances[0]?.id];
      await cloud.deregister('classic', classic, id);
      await cloud.deregister('target-group', arn, id);
      await cloud.deregister('target-group', arn, id);
      const [inClassic, inTargets] = await cloud.loadBalancerHealth([classic], [arn]);
      expect(inClassic?.instances).not.toHaveProperty(id);
      expect(['draining', undefined]).toContain(inTargets?.instances[id]);
      for (let time = 0; time < 2; time += 1) {
        await cloud.register('classic', classic, id);
        await cloud.register('target-group', arn, id);
      }
      await cloud.register('classic', classic, 'i-00000000000000000');
      await cloud.register('target-group', arn, 'i-00000000000000000');
      for (const { instances } of await cloud.loadBalancerHealth([classic], [arn])) {
        expect(['initial', 'healthy', 'unhealthy', 'unused']).toContain(instances[id]);
        expect(instances).not.toHaveProperty('i-00000000000000000');
      }
    });

    it('deletes a stack with all that is in it, and a deletion sent again changes nothing', async () => {
      const kept = await failureOf(cloud.deleteStack('nodepool-contract', 'delete-0'));
      expect(kept).toMatchObject({ kind: 'terminal', message: expect.stringMatching(/TerminationProtection/) });
      await cloud.setTerminationProtection('nodepool-contract', false);
      await cloud.deleteStack('nodepool-contract', 'delete-1');
      await cloud.deleteStack('nodepool-contract', 'delete-1');
      await target.until('the stack is gone', async () => (await stackStatus()) === 'none');
      expect(await cloud.describeGroups(ownTags)).toEqual([]);
      await cloud.deleteStack('never-there', 'delete-2');
    });

    it('lists what a deleted stack has kept, by the tag of its cluster and by no other', async () => {
      const gone = 'aws:123456789012:eu-central-1:gone';
      const Tags = [{ Key: `kubernetes.io/cluster/${gone}`, Value: 'owned' }];
      const shared = [{ Key: `kubernetes.io/cluster/${gone}`, Value: 'shared' }];
      const { subnets } = target.network;
      const Subnets = [...subnets];
      const listener = [{ LoadBalancerPort: '80', InstancePort: '80', Protocol: 'TCP' }];
      const kept = (Type: string, Properties: object) => ({ Type, DeletionPolicy: 'Retain', Properties });
      const volume = { AvailabilityZone: 'eu-central-1a', Size: 1 };
      const body = {
        Resources: {
          Volume: kept('AWS::EC2::Volume', { ...volume, Tags }),
          Foreign: kept('AWS::EC2::Volume', { ...volume, Tags: shared }),
          Wall: kept('AWS::EC2::SecurityGroup', { GroupDescription: 'kept', VpcId: target.network.vpcId, Tags }),
          Classic: kept('AWS::ElasticLoadBalancing::LoadBalancer', {
            LoadBalancerName: 'left-elb',
            Subnets,
            Listeners: listener,
            Tags,
          }),
          Balancer: kept('AWS::ElasticLoadBalancingV2::LoadBalancer', {
            Name: 'left-nlb',
            Type: 'network',
            Subnets,
            Tags,
          }),
        },
      };
      const input = { name: 'leftovers', template: JSON.stringify(body), parameters: {}, tags: {}, token: 'left-1' };
      await cloud.createStack(input);
      await target.until('the stack is there', async () => (await stackStatus('leftovers')) === 'CREATE_COMPLETE');
      await cloud.deleteStack('leftovers', 'left-2');
      await target.until('the stack is gone', async () => (await stackStatus('leftovers')) === 'none');
      const found = await cloud.ownedResources(gone);
      expect(found.map(({ kind, id }) => `${kind} ${id.replace(/-[0-9a-f]{8,}$/, '')}`).sort()).toEqual([
        expect.stringMatching(/^load balancer arn:aws:elasticloadbalancing:.*\/net\/left-nlb\//),
        'load balancer left-elb',
        'security group sg',
        'volume vol',
      ]);
      expect(await cloud.ownedResources('aws:123456789012:eu-central-1:other')).toEqual([]);
    });
  });
}
