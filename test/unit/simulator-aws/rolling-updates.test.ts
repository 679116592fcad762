/** UpdatePolicy and CreationPolicy of groups: what the service documents, and how instances signal. */
import { beforeEach, describe, expect, it } from 'vitest';
import { bootSignals } from '../../../src/simulator/model/aws/cfn/signals.ts';
import { region, SimulatedCloud } from './simulated-cloud.ts';

const oldImage = 'ami-00000001';
const newImage = 'ami-00000002';
/** In a template: the stack's name is filled in. */
const signalling = `#!/bin/sh\n/opt/aws/bin/cfn-signal -e $? --stack \${AWS::StackName} --resource Group\n`;

interface PoolOptions {
  image?: string;
  userData?: string;
  updatePolicy?: object;
  creationPolicy?: object;
  properties?: object;
}

/** A group of four, eight at most, in one zone. */
function pool({ image = oldImage, userData = '', updatePolicy, creationPolicy, properties }: PoolOptions): string {
  return JSON.stringify({
    Resources: {
      Launch: {
        Type: 'AWS::EC2::LaunchTemplate',
        Properties: {
          LaunchTemplateData: {
            ImageId: image,
            InstanceType: 'm5.large',
            UserData: { 'Fn::Base64': { 'Fn::Sub': userData } },
          },
        },
      },
      Group: {
        Type: 'AWS::AutoScaling::AutoScalingGroup',
        ...(updatePolicy === undefined ? {} : { UpdatePolicy: updatePolicy }),
        ...(creationPolicy === undefined ? {} : { CreationPolicy: creationPolicy }),
        Properties: {
          AutoScalingGroupName: 'workers',
          MinSize: 4,
          MaxSize: 8,
          AvailabilityZones: [`${region}a`],
          LaunchTemplate: {
            LaunchTemplateId: { Ref: 'Launch' },
            Version: { 'Fn::GetAtt': ['Launch', 'LatestVersionNumber'] },
          },
          ...properties,
        },
      },
    },
  });
}

let cloud: SimulatedCloud;
beforeEach(() => {
  cloud = new SimulatedCloud();
});

const status = (): string => cloud.stack('pool').StackStatus;
const atRest = (): boolean => !/IN_PROGRESS$/.test(status());

function create(options: PoolOptions): void {
  cloud.createStack('pool', pool(options));
  cloud.until(atRest, 4000);
  cloud.pass(200);
}

function update(options: PoolOptions): void {
  const TemplateBody = pool(options);
  cloud.call('cloudformation', 'UpdateStack', { StackName: 'pool', TemplateBody });
}

interface StackEvent {
  LogicalResourceId: string;
  ResourceStatus: string;
  ResourceStatusReason?: string;
}

/** Reasons of the group's events, oldest first. */
function said(): string[] {
  const { StackEvents } = cloud.call('cloudformation', 'DescribeStackEvents', { StackName: 'pool' });
  return (StackEvents as StackEvent[])
    .filter((event) => event.LogicalResourceId === 'Group' && event.ResourceStatusReason !== undefined)
    .map((event) => event.ResourceStatusReason ?? '')
    .reverse();
}

const images = (): string[] =>
  (cloud.group().Instances as { InstanceId: string; LifecycleState: string }[])
    .filter((each) => each.LifecycleState === 'InService')
    .map((each) => cloud.running.get(each.InstanceId)?.imageId ?? '');

const rolling = (more: object = {}): object => ({ AutoScalingRollingUpdate: more });

/** The fewest in service, and the most batches side by side, while an update runs. */
function watch(limitSeconds = 8000): { fewest: number; mostGoing: number } {
  let fewest = Infinity;
  let mostGoing = 0;
  cloud.until(() => {
    fewest = Math.min(fewest, cloud.ids('InService').length);
    const going = cloud
      .group()
      .Instances.filter((each: { LifecycleState: string }) => each.LifecycleState.startsWith('Terminating'));
    mostGoing = Math.max(mostGoing, going.length);
    return atRest();
  }, limitSeconds);
  return { fewest, mostGoing };
}

describe('a rolling update', () => {
  it('is part of the stack update, which is complete when every instance is new', () => {
    create({});
    update({ image: newImage, updatePolicy: rolling({ MaxBatchSize: 2, MinInstancesInService: 2 }) });
    const { fewest, mostGoing } = watch();
    expect(status()).toBe('UPDATE_COMPLETE');
    expect(images()).toEqual([newImage, newImage, newImage, newImage]);
    expect({ fewest, mostGoing }).toEqual({ fewest: 2, mostGoing: 2 });
    expect(said()).toContain(
      'Rolling update initiated. Terminating 4 obsolete instance(s) in batches of 2, while keeping at least 2 instance(s) in service.',
    );
    expect(cloud.group()).toMatchObject({ MinSize: 4, DesiredCapacity: 4, SuspendedProcesses: [] });
  });

  it('grows the group for a while when too few would be left', () => {
    create({});
    update({ image: newImage, updatePolicy: rolling({ MaxBatchSize: 2, MinInstancesInService: 4 }) });
    expect(watch().fewest).toBe(4);
    expect(images()).toEqual([newImage, newImage, newImage, newImage]);
    expect(said()).toContain('Temporarily setting autoscaling group MinSize and DesiredCapacity to 6.');
    cloud.pass(300);
    expect(cloud.group()).toMatchObject({ MinSize: 4, DesiredCapacity: 4 });
  });

  it('pauses after each batch, and suspends processes meanwhile', () => {
    create({});
    const policy = { MaxBatchSize: 2, PauseTime: 'PT20M', SuspendProcesses: ['AZRebalance'] };
    update({ image: newImage, updatePolicy: rolling(policy) });
    cloud.until(() => cloud.ids('InService').length < 4);
    expect(cloud.group().SuspendedProcesses).toMatchObject([{ ProcessName: 'AZRebalance' }]);
    expect(cloud.until(atRest, 8000)).toBeGreaterThan(2 * 1200);
    expect(cloud.group().SuspendedProcesses).toEqual([]);
    expect(images()).toEqual([newImage, newImage, newImage, newImage]);
  });

  it('waits for the signals that the user data of new instances sends', () => {
    const userData = signalling;
    create({ userData });
    const updatePolicy = rolling({ MaxBatchSize: 2, WaitOnResourceSignals: true, PauseTime: 'PT10M' });
    update({ userData, image: newImage, updatePolicy });
    cloud.until(atRest, 4000);
    expect(status()).toBe('UPDATE_COMPLETE');
    expect(images()).toEqual([newImage, newImage, newImage, newImage]);
    const heard = said().filter((reason) => /^Received SUCCESS signal with UniqueId i-/.test(reason));
    expect(heard).toHaveLength(4);
    expect(said()).toContain(
      'New instance(s) added to autoscaling group - Waiting on 2 resource signal(s) with a timeout of PT10M.',
    );
  });

  it('fails when signals do not come in time, and is rolled back the same way', () => {
    create({ userData: signalling });
    const updatePolicy = rolling({ WaitOnResourceSignals: true, PauseTime: 'PT5M' });
    // The old template has no policy: going back replaces nothing.
    update({ image: newImage, updatePolicy });
    cloud.until(atRest, 4000);
    expect(status()).toBe('UPDATE_ROLLBACK_COMPLETE');
    expect(said().slice(-2)).toEqual([
      'Failed to receive 1 resource signal(s) for the current batch. Each resource signal timeout is counted as a FAILURE.',
      'Received 0 SUCCESS signal(s) out of 4. Unable to satisfy 100% MinSuccessfulInstancesPercent requirement',
    ]);
    expect(images().filter((image) => image === newImage)).toHaveLength(1);

    // With the policy in the old template as well, the rollback replaces what was made.
    update({ userData: signalling, updatePolicy });
    cloud.until(atRest, 4000);
    expect(status()).toBe('UPDATE_COMPLETE');
    update({ image: newImage, updatePolicy });
    cloud.until(atRest, 8000);
    expect(status()).toBe('UPDATE_ROLLBACK_COMPLETE');
    expect(images()).toEqual([oldImage, oldImage, oldImage, oldImage]);
  });

  it('bears as many failures as its policy says', () => {
    const userData = signalling.replace('-e $?', '--success false');
    create({});
    const policy = { MaxBatchSize: 4, WaitOnResourceSignals: true, PauseTime: 'PT10M' };
    update({ userData, image: newImage, updatePolicy: rolling({ ...policy, MinSuccessfulInstancesPercent: 0 }) });
    cloud.until(atRest, 4000);
    expect(status()).toBe('UPDATE_COMPLETE');
    update({ userData, updatePolicy: rolling({ ...policy, MinSuccessfulInstancesPercent: 25 }) });
    cloud.until(atRest, 4000);
    expect(status()).toBe('UPDATE_ROLLBACK_COMPLETE');
  });

  it('hears nothing from an image that never comes up, and stays failed until somebody skips it', () => {
    const updatePolicy = rolling({ WaitOnResourceSignals: true, PauseTime: 'PT5M' });
    create({ userData: signalling, updatePolicy });
    cloud.model.faults.badImages.add(oldImage);
    cloud.model.faults.badImages.add(newImage);
    update({ image: newImage, userData: signalling, updatePolicy });
    cloud.until(atRest, 4000);
    expect(status()).toBe('UPDATE_ROLLBACK_FAILED');
    cloud.call('cloudformation', 'ContinueUpdateRollback', { StackName: 'pool' });
    cloud.until(atRest, 4000);
    expect(status()).toBe('UPDATE_ROLLBACK_FAILED');
    cloud.model.faults.badImages.clear();
    cloud.call('cloudformation', 'ContinueUpdateRollback', { StackName: 'pool' });
    cloud.until(atRest, 8000);
    expect(status()).toBe('UPDATE_ROLLBACK_COMPLETE');
    expect(images()).toEqual([oldImage, oldImage, oldImage, oldImage]);
  });

  it('stops when the update is cancelled', () => {
    create({});
    const updatePolicy = rolling({ WaitOnResourceSignals: true, PauseTime: 'PT1H' });
    update({ image: newImage, updatePolicy });
    cloud.until(() => said().some((reason) => reason.startsWith('New instance(s) added')));
    cloud.call('cloudformation', 'CancelUpdateStack', { StackName: 'pool' });
    cloud.until(atRest);
    expect(status()).toBe('UPDATE_ROLLBACK_COMPLETE');
    expect(said()).toContain('Resource update cancelled');
  });

  it('does not begin with a policy that cannot be met, and leaves the group as it was', () => {
    create({});
    for (const policy of [
      { MinInstancesInService: 8 },
      { PauseTime: 'PT2H' },
      { PauseTime: 'soon' },
      { SuspendProcesses: ['Everything'] },
      { MaxBatchSize: 0 },
    ]) {
      update({ image: newImage, updatePolicy: rolling(policy) });
      cloud.until(atRest, 4000);
      expect(status()).toBe('UPDATE_ROLLBACK_COMPLETE');
      expect(images()).toEqual([oldImage, oldImage, oldImage, oldImage]);
    }
  });

  it('replaces nothing when the template of the instances stays', () => {
    create({});
    const before = cloud.ids('InService');
    update({ updatePolicy: rolling(), properties: { MaxSize: 9 } });
    cloud.until(atRest, 4000);
    expect(cloud.ids('InService')).toEqual(before);
  });
});

describe('other policies of a group', () => {
  it('AutoScalingReplacingUpdate makes a new group, waits for its signals, and deletes the old one', () => {
    const creationPolicy = { ResourceSignal: { Count: 4, Timeout: 'PT10M' } };
    const properties = { AutoScalingGroupName: undefined };
    const updatePolicy = { AutoScalingReplacingUpdate: { WillReplace: true } };
    create({ userData: signalling, properties });
    const groups = (): string[] =>
      cloud
        .call('autoscaling', 'DescribeAutoScalingGroups')
        .AutoScalingGroups.map((group: { AutoScalingGroupName: string }) => group.AutoScalingGroupName);
    const [old] = groups();
    update({ userData: signalling, properties, creationPolicy, updatePolicy, image: newImage });
    cloud.until(() => groups().length === 2);
    cloud.until(atRest, 4000);
    expect(status()).toBe('UPDATE_COMPLETE');
    expect(groups()).toHaveLength(1);
    expect(groups()).not.toContain(old);
    // Without signals the old one stays.
    const [kept] = groups();
    update({ properties, creationPolicy, updatePolicy });
    cloud.until(atRest, 4000);
    expect(status()).toBe('UPDATE_ROLLBACK_COMPLETE');
    expect(groups()).toEqual([kept]);
  });

  it('AutoScalingScheduledAction leaves sizes alone that the template did not change', () => {
    create({});
    cloud.call('autoscaling', 'UpdateAutoScalingGroup', { AutoScalingGroupName: 'workers', MinSize: 6, MaxSize: 9 });
    const updatePolicy = { AutoScalingScheduledAction: { IgnoreUnmodifiedGroupSizeProperties: true } };
    update({ updatePolicy, properties: { MaxSize: 7, HealthCheckGracePeriod: 60 } });
    cloud.until(atRest, 4000);
    expect(cloud.group()).toMatchObject({ MinSize: 6, MaxSize: 7, HealthCheckGracePeriod: 60 });
  });

  it('CreationPolicy: a share of the instances is enough, and the user data of each signals', () => {
    const creationPolicy = {
      ResourceSignal: { Count: 6, Timeout: 'PT10M' },
      AutoScalingCreationPolicy: { MinSuccessfulInstancesPercent: 60 },
    };
    cloud.createStack('pool', pool({ userData: signalling, creationPolicy }));
    cloud.pass(400);
    expect(status()).toBe('CREATE_IN_PROGRESS');
    cloud.until(atRest, 1000);
    expect(status()).toBe('CREATE_COMPLETE');
    expect(said().filter((reason) => reason.startsWith('Received SUCCESS signal'))).toHaveLength(4);
  });

  it('CreationPolicy: an image that never comes up rolls the creation back', () => {
    cloud.model.faults.badImages.add(oldImage);
    const creationPolicy = { ResourceSignal: { Count: 4, Timeout: 'PT5M' } };
    cloud.createStack('pool', pool({ userData: signalling, creationPolicy }));
    cloud.until(atRest, 2000);
    expect(status()).toBe('ROLLBACK_COMPLETE');
    expect(said()).toContain('Failed to receive 4 resource signal(s) within the specified duration');
  });
});

describe('user data', () => {
  it.each([
    ['cfn-signal -e 0 --stack pool --resource Group --region eu-central-1', { stack: 'pool', well: true }],
    ['/opt/aws/bin/cfn-signal --exit-code 3 --stack=pool -r Group', { stack: 'pool', well: false }],
    ['cfn-signal --success true \\\n  --stack "pool" \\\n  --resource "Group"', { stack: 'pool', well: true }],
    ['- [cfn-signal, --stack, pool, --resource, Group, -s, "false"]', { stack: 'pool', well: false }],
    ['cfn-signal --stack pool --resource Group --id me', { stack: 'pool', well: true, uniqueId: 'me' }],
    [
      'aws cloudformation signal-resource --stack-name pool --logical-resource-id Group --unique-id $ID --status FAILURE',
      { stack: 'pool', well: false },
    ],
  ])('%s', (line, expected) => {
    expect(bootSignals(`#!/bin/sh\n${line}\necho done --resource Other\n`)).toEqual([
      { logicalId: 'Group', ...expected },
    ]);
  });

  it('that signals nothing says nothing', () => {
    expect(bootSignals('#!/bin/sh\necho cfn-signal\ncfn-signal --stack pool\n')).toEqual([]);
  });
});
