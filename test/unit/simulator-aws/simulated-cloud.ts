import { AwsModel, type AwsModelOptions } from '../../../src/simulator/model/aws/aws-model.ts';
import type { AwsReply, AwsService } from '../../../src/simulator/model/aws/aws-request.ts';
import type { SimInstance, WorldEvent } from '../../../src/simulator/model/seams.ts';
import { VirtualClock } from '../../../src/support/clock.ts';
import { seededRandom } from '../../../src/support/random.ts';

export const account = '123456789012';
export const region = 'eu-central-1';
export const clusterId = `aws:${account}:${region}:kube-1`;
export const startMs = Date.UTC(2026, 10, 21, 8);

// biome-ignore lint/suspicious/noExplicitAny: answers are read by their SDK field names
type Answer = any;

/** An AWS model with a clock to turn, and what it told the rest of the world. */
export class SimulatedCloud {
  readonly clock = new VirtualClock(startMs);
  readonly events: WorldEvent[] = [];
  readonly running = new Map<string, SimInstance>();
  readonly stopping: string[] = [];
  readonly gone: string[] = [];
  /** Ids whose kubelet does not answer health checks. */
  readonly silent = new Set<string>();
  readonly model: AwsModel;

  constructor(options: { seed?: string; timings?: AwsModelOptions['timings'] } = {}) {
    this.model = new AwsModel({
      clock: this.clock,
      random: seededRandom(options.seed ?? 'test'),
      emit: (event) => this.events.push(event),
      listener: {
        instanceRunning: (instance) => this.running.set(instance.id, instance),
        instanceStopping: (id) => this.stopping.push(id),
        instanceGone: (id) => {
          this.running.delete(id);
          this.gone.push(id);
        },
      },
      probe: { instanceAnswers: (id) => !this.silent.has(id) },
      ...(options.timings === undefined ? {} : { timings: options.timings }),
    });
  }

  reply(service: AwsService, action: string, params: Record<string, unknown> = {}): AwsReply {
    return this.model.handle({ account, region, service, action, params, userAgent: 'test' });
  }

  /** The result; a refusal is an error that names code and message. */
  call(service: AwsService, action: string, params: Record<string, unknown> = {}): Answer {
    const reply = this.reply(service, action, params);
    if (!reply.ok) throw new Error(`${action}: ${reply.code}: ${reply.message}`);
    return reply.result;
  }

  /** Code of the refusal, or 'ok'. */
  codeOf(service: AwsService, action: string, params: Record<string, unknown> = {}): string {
    const reply = this.reply(service, action, params);
    return reply.ok ? 'ok' : reply.code;
  }

  pass(seconds: number): void {
    this.clock.advanceTo(this.clock.now() + seconds * 1000);
  }

  /** Lets time pass until it is so; the seconds that took. */
  until(isSo: () => boolean, limitSeconds = 600): number {
    for (let seconds = 0; seconds <= limitSeconds; seconds++) {
      if (isSo()) return seconds;
      this.pass(1);
    }
    throw new Error(`not so after ${limitSeconds} simulated seconds`);
  }

  group(name = 'workers'): Answer {
    return this.call('autoscaling', 'DescribeAutoScalingGroups', { AutoScalingGroupNames: [name] })
      .AutoScalingGroups[0];
  }

  /** Instance ids by lifecycle state. */
  ids(state: string, name = 'workers'): string[] {
    return this.group(name)
      .Instances.filter((instance: Answer) => instance.LifecycleState === state)
      .map((instance: Answer) => instance.InstanceId);
  }

  /** Counts of instances that count against desired, by zone letter: `a2 b1 c1`. */
  zones(name = 'workers'): string {
    const counts = new Map<string, number>();
    for (const instance of this.group(name).Instances) {
      if (!/^(InService|Pending)/.test(instance.LifecycleState)) continue;
      const letter = instance.AvailabilityZone.slice(-1);
      counts.set(letter, (counts.get(letter) ?? 0) + 1);
    }
    return [...counts]
      .sort()
      .map(([zone, count]) => `${zone}${count}`)
      .join(' ');
  }

  createTemplate(name = 'workers', data: Record<string, unknown> = {}): string {
    const answer = this.call('ec2', 'CreateLaunchTemplate', {
      LaunchTemplateName: name,
      LaunchTemplateData: {
        ImageId: 'ami-0123456789abcdef0',
        InstanceType: 'm5.large',
        UserData: Buffer.from('#cloud-config').toString('base64'),
        ...data,
      },
    });
    return answer.LaunchTemplate.LaunchTemplateId;
  }

  /** A group of a cluster with its launch template. Its instances are in service two minutes later. */
  createGroup(more: Record<string, unknown> = {}): void {
    const name = (more['AutoScalingGroupName'] as string | undefined) ?? 'workers';
    const LaunchTemplateId = this.createTemplate(name);
    this.call('autoscaling', 'CreateAutoScalingGroup', {
      AutoScalingGroupName: name,
      MinSize: 1,
      MaxSize: 10,
      DesiredCapacity: 3,
      AvailabilityZones: ['a', 'b', 'c'].map((letter) => `${region}${letter}`),
      LaunchTemplate: { LaunchTemplateId, Version: '1' },
      Tags: [
        { Key: `kubernetes.io/cluster/${clusterId}`, Value: 'owned', PropagateAtLaunch: true },
        { Key: 'NodePool', Value: name, PropagateAtLaunch: true },
      ],
      ...more,
    });
  }

  createStack(StackName: string, template: string | object, more: Record<string, unknown> = {}): string {
    const TemplateBody = typeof template === 'string' ? template : JSON.stringify(template);
    return this.call('cloudformation', 'CreateStack', { StackName, TemplateBody, ...more }).StackId;
  }

  stack(StackName: string): Answer {
    return this.call('cloudformation', 'DescribeStacks', { StackName }).Stacks[0];
  }
}
