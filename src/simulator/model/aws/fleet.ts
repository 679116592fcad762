import { gunzipSync } from 'node:zlib';
import type { SimInstance } from '../seams.ts';
import { AwsError } from './aws-request.ts';
import { signalAfterBoot } from './cfn/signals.ts';
import type { Cloud } from './cloud.ts';
import type { FleetPart, LaunchSpec } from './cloud-parts.ts';
import { instanceTypeInfo, isImageId } from './geography.ts';
import type { RegionState } from './region-state.ts';
import { clusterOfTags, type Ec2Instance } from './resources.ts';
import { releaseVolumes } from './volume-actions.ts';

const endedKeptMs = 3_600_000;

/** EC2's instances: launch, shutting down, and what clusters are told of it. */
export class Fleet implements FleetPart {
  readonly #cloud: Cloud;
  /** Decoded user data by its encoded text; the few texts of a fleet are shared by many instances. */
  readonly #decoded = new Map<string, string>();

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  /** @throws AwsError what EC2 answers when this launch is not possible */
  launch(state: RegionState, spec: LaunchSpec): Ec2Instance {
    const cloud = this.#cloud;
    const imageId = spec.data.ImageId;
    if (imageId === undefined) throw new AwsError('MissingParameter', 'The request must contain the parameter ImageId');
    if (!isImageId(imageId)) {
      throw new AwsError('InvalidAMIID.Malformed', `Invalid id: "${imageId}" (expecting "ami-...")`);
    }
    if (instanceTypeInfo(spec.instanceType) === undefined) {
      throw new AwsError('InvalidParameterValue', `Invalid value '${spec.instanceType}' for InstanceType.`);
    }
    const { zone } = spec.subnet;
    if (!cloud.faults.takeCapacity(cloud.now(), state.account, zone, spec.instanceType)) {
      throw new AwsError(
        'InsufficientInstanceCapacity',
        `We currently do not have sufficient ${spec.instanceType} capacity in the Availability Zone you requested (${zone}). ` +
          'Our system will be working on provisioning additional capacity.',
        500,
      );
    }
    const privateIp = state.takeAddress(spec.subnet);
    if (privateIp === undefined) {
      throw new AwsError(
        'InsufficientFreeAddressesInSubnet',
        `There are not enough free addresses in subnet '${spec.subnet.id}' to satisfy the requested number of instances.`,
      );
    }
    const instance: Ec2Instance = {
      id: state.newId('i'),
      zone,
      subnetId: spec.subnet.id,
      instanceType: spec.instanceType,
      imageId,
      privateIp,
      state: 'pending',
      launchedAt: cloud.now(),
      tags: spec.tags,
      userData: spec.data.UserData ?? '',
      templateId: spec.templateId,
      templateVersion: spec.templateVersion,
      securityGroupIds: spec.data.SecurityGroupIds ?? [],
      spot: spec.spot,
      ...(spec.group === undefined ? {} : { group: spec.group }),
    };
    state.instances.set(instance.id, instance);
    cloud.emit({
      kind: 'instance-launched',
      cluster: clusterOfTags(instance.tags) ?? '',
      instanceId: instance.id,
      group: spec.group ?? '',
      launchTemplateVersion: String(spec.templateVersion),
    });
    cloud.clock.at(cloud.now() + cloud.draw(state, cloud.timings.boot), () => this.#running(state, instance));
    return instance;
  }

  #running(state: RegionState, instance: Ec2Instance): void {
    if (instance.state !== 'pending') return;
    instance.state = 'running';
    const view = this.view(state, instance);
    this.#cloud.listener.instanceRunning(view);
    signalAfterBoot(this.#cloud, state, view);
    this.#cloud.groups.instanceRunning(state, instance);
  }

  stop(state: RegionState, instance: Ec2Instance): void {
    if (instance.state !== 'running') return;
    const cloud = this.#cloud;
    instance.state = 'stopping';
    cloud.listener.instanceStopping(instance.id);
    cloud.clock.at(cloud.now() + cloud.draw(state, cloud.timings.shutdownAfter), () => {
      if (instance.state !== 'stopping') return;
      instance.state = 'stopped';
      cloud.listener.instanceGone(instance.id);
    });
  }

  start(state: RegionState, instance: Ec2Instance, bootMs: number): void {
    if (instance.state === 'stopping') this.#cloud.listener.instanceGone(instance.id);
    if (instance.state !== 'stopped' && instance.state !== 'stopping') return;
    instance.state = 'pending';
    this.#cloud.clock.at(this.#cloud.now() + bootMs, () => this.#running(state, instance));
  }

  /** Shuts the instance down; a second call is a no-op. */
  terminate(state: RegionState, instance: Ec2Instance, reason: { code: string; message: string }): void {
    if (instance.state === 'shutting-down' || instance.state === 'terminated') return;
    const cloud = this.#cloud;
    const wasRunning = instance.state === 'running';
    instance.state = 'shutting-down';
    instance.stateReason = reason;
    if (wasRunning) cloud.listener.instanceStopping(instance.id);
    cloud.balancing.probeChanged(state, instance.id);
    cloud.groups.instanceStopping(state, instance);
    cloud.clock.at(cloud.now() + cloud.draw(state, cloud.timings.shutdown), () => this.#gone(state, instance));
  }

  #gone(state: RegionState, instance: Ec2Instance): void {
    const cloud = this.#cloud;
    instance.state = 'terminated';
    instance.terminatedAt = cloud.now();
    state.freeAddress(instance.privateIp);
    state.ended.push(instance);
    this.forgetEnded(state);
    releaseVolumes(state, instance.id);
    cloud.balancing.instanceGone(state, instance.id);
    cloud.listener.instanceGone(instance.id);
    cloud.emit({
      kind: 'instance-gone',
      cluster: clusterOfTags(instance.tags) ?? '',
      instanceId: instance.id,
      group: instance.group ?? '',
    });
    cloud.groups.instanceGone(state, instance);
  }

  /** Drops instances that ended over an hour ago from the describes. */
  forgetEnded(state: RegionState): void {
    const before = this.#cloud.now() - endedKeptMs;
    let old = 0;
    for (const instance of state.ended) {
      if ((instance.terminatedAt ?? 0) > before) break;
      state.instances.delete(instance.id);
      old += 1;
    }
    if (old > 0) state.ended.splice(0, old);
  }

  view(state: RegionState, instance: Ec2Instance): SimInstance {
    return {
      id: instance.id,
      account: state.account,
      region: state.region,
      zone: instance.zone,
      instanceType: instance.instanceType,
      imageId: instance.imageId,
      privateIp: instance.privateIp,
      userData: this.decodeUserData(instance.userData),
      tags: Object.fromEntries(instance.tags),
      launchedAt: instance.launchedAt,
      neverReady: this.#cloud.faults.badImages.has(instance.imageId),
    };
  }

  /** Base64, gunzipped when it is gzip; text that is neither comes back as it is. */
  decodeUserData(encoded: string): string {
    if (encoded === '') return '';
    const known = this.#decoded.get(encoded);
    if (known !== undefined) return known;
    let text: string;
    const bytes = Buffer.from(encoded, 'base64');
    try {
      text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
    } catch {
      text = bytes.toString('utf8');
    }
    if (this.#decoded.size >= 5000) this.#decoded.clear();
    this.#decoded.set(encoded, text);
    return text;
  }
}
