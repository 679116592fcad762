/** The disks behind volumes, as their driver sees the cloud. */
import type { CallCloud } from '../seams.ts';
import { type Fields, fieldsOf, listOf, shownText } from './object.ts';

/** `done`, or not yet (ask again), or why it cannot be. */
export type DiskAnswer = 'done' | 'later' | { problem: string };

export interface WantedDisk {
  /** Its own name, so that asking twice makes one. */
  name: string;
  zone: string;
  gibibytes: number;
  type: string;
  tags: Readonly<Record<string, string>>;
}

const agent = 'ebs.csi.aws.com/v1.36.0';
const nameTag = 'CSIVolumeName';

/** EBS volumes, by way of the EC2 API of the cluster's account and region. */
export class CloudDisks {
  readonly #cloud: CallCloud;

  constructor(cloud: CallCloud) {
    this.#cloud = cloud;
  }

  /** Its id once it is there. */
  provision(wanted: WantedDisk): { id: string } | 'later' | { problem: string } {
    const known = this.#describe({ Filters: [{ Name: `tag:${nameTag}`, Values: [wanted.name] }] });
    if (known === undefined) return 'later';
    const [volume] = known;
    if (volume) return volume['State'] === 'creating' ? 'later' : { id: shownText(volume['VolumeId']) };
    const tags = { ...wanted.tags, [nameTag]: wanted.name, 'ebs.csi.aws.com/cluster': 'true' };
    const made = this.#call('CreateVolume', {
      AvailabilityZone: wanted.zone,
      Size: wanted.gibibytes,
      VolumeType: wanted.type,
      TagSpecifications: [
        { ResourceType: 'volume', Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) },
      ],
    });
    return made.ok ? 'later' : { problem: made.message };
  }

  attach(id: string, instanceId: string): DiskAnswer {
    const found = this.#one(id);
    if (found === 'later') return 'later';
    if (!found) return { problem: `could not find volume with id ${id}` };
    const [attachment] = listOf(found['Attachments']).map(fieldsOf);
    if (attachment?.['InstanceId'] === instanceId) return attachment['State'] === 'attached' ? 'done' : 'later';
    if (attachment) return { problem: `volume ${id} is attached to ${shownText(attachment['InstanceId'])}` };
    if (found['State'] !== 'available') return 'later';
    const Device = this.#freeDevice(instanceId);
    const answer = this.#call('AttachVolume', { VolumeId: id, InstanceId: instanceId, Device });
    return answer.ok ? 'later' : { problem: answer.message };
  }

  detach(id: string, instanceId: string): DiskAnswer {
    const found = this.#one(id);
    if (found === 'later') return 'later';
    const [attachment] = listOf(found?.['Attachments']).map(fieldsOf);
    if (attachment?.['InstanceId'] !== instanceId) return 'done';
    if (attachment['State'] !== 'detaching') this.#call('DetachVolume', { VolumeId: id, InstanceId: instanceId });
    return 'later';
  }

  delete(id: string): DiskAnswer {
    const answer = this.#call('DeleteVolume', { VolumeId: id });
    return answer.ok || answer.code === 'InvalidVolume.NotFound' ? 'done' : { problem: answer.message };
  }

  grow(id: string, gibibytes: number): DiskAnswer {
    const answer = this.#call('ModifyVolume', { VolumeId: id, Size: gibibytes });
    return answer.ok ? 'done' : { problem: answer.message };
  }

  #call(action: string, params: Fields): ReturnType<CallCloud> {
    return this.#cloud('ec2', action, params, agent);
  }

  /** Undefined when the API gives no answer now. */
  #describe(params: Fields): Fields[] | undefined {
    const answer = this.#call('DescribeVolumes', params);
    return answer.ok ? listOf(answer.result['Volumes']).map(fieldsOf) : undefined;
  }

  #one(id: string): Fields | undefined | 'later' {
    const answer = this.#call('DescribeVolumes', { VolumeIds: [id] });
    if (answer.ok) return fieldsOf(listOf(answer.result['Volumes'])[0]);
    return answer.code.startsWith('InvalidVolume') || answer.code === 'InvalidParameterValue' ? undefined : 'later';
  }

  #freeDevice(instanceId: string): string {
    const on = this.#describe({ Filters: [{ Name: 'attachment.instance-id', Values: [instanceId] }] }) ?? [];
    const used = new Set(on.flatMap((each) => listOf(each['Attachments']).map((one) => fieldsOf(one)['Device'])));
    for (let i = 0; i < 26 * 26; i++) {
      const device = `/dev/xvd${String.fromCharCode(97 + Math.floor(i / 26), 97 + (i % 26))}`;
      if (!used.has(device)) return device;
    }
    return '/dev/xvdzz';
  }
}
