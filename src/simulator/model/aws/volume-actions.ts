/** EBS volumes: made, attached to one instance of their zone at a time, detached, deleted. */
import type { AdoptDisk } from '../seams.ts';
import { AwsError } from './aws-request.ts';
import type { ActionTable, Call, Cloud } from './cloud.ts';
import { filtersOf, paged } from './ec2-filters.ts';
import { zonesOf } from './geography.ts';
import { specifiedTags } from './launch-templates.ts';
import type { RegionState } from './region-state.ts';
import { type Ec2Instance, tagList, type Volume } from './resources.ts';

const making: [number, number] = [500, 2_000];
const attaching: [number, number] = [1_000, 4_000];
const detaching: [number, number] = [2_000, 8_000];
const types = ['standard', 'gp2', 'gp3', 'io1', 'io2', 'st1', 'sc1'] as const;

/** @throws AwsError */
export function createVolume(
  cloud: Cloud,
  state: RegionState,
  input: { zone: string; sizeGb: number; type: string; encrypted: boolean; tags: Map<string, string> },
): Volume {
  if (!zonesOf(state.region).includes(input.zone))
    throw new AwsError('InvalidZone.NotFound', `The zone '${input.zone}' does not exist.`);
  const volume: Volume = { id: state.newId('vol'), ...input, state: 'creating', createdAt: cloud.now() };
  state.volumes.set(volume.id, volume);
  cloud.clock.at(cloud.now() + cloud.draw(state, making), () => {
    if (volume.state === 'creating') volume.state = 'available';
  });
  return volume;
}

/** A disk that is there already, and attached where it says. */
export function adoptVolume(cloud: Cloud, state: RegionState, disk: Parameters<AdoptDisk>[0]): void {
  const { id, zone, gibibytes, tags, instanceId } = disk;
  const at = cloud.now();
  const on = [...state.volumes.values()].filter((each) => each.attachment?.instanceId === instanceId).length;
  const device = `/dev/xvd${String.fromCharCode(97 + Math.floor(on / 26), 97 + (on % 26))}`;
  state.volumes.set(id, {
    id,
    zone,
    sizeGb: gibibytes,
    type: 'gp3',
    encrypted: false,
    tags: new Map(Object.entries(tags)),
    state: instanceId === undefined ? 'available' : 'in-use',
    createdAt: at,
    ...(instanceId === undefined ? {} : { attachment: { instanceId, device, state: 'attached', at } }),
  });
}

/** @throws AwsError VolumeInUse while it is attached */
export function deleteVolume(state: RegionState, id: string): void {
  const volume = state.volumes.get(id);
  if (volume?.attachment)
    throw new AwsError('VolumeInUse', `Volume ${id} is currently attached to ${volume.attachment.instanceId}`);
  state.volumes.delete(id);
}

/** The machine is gone: what was attached to it is free. */
export function releaseVolumes(state: RegionState, instanceId: string): void {
  for (const volume of state.volumes.values()) {
    if (volume.attachment?.instanceId !== instanceId) continue;
    delete volume.attachment;
    volume.state = 'available';
  }
}

function named({ params, state }: Call): Volume {
  const id = params.required('VolumeId');
  if (!/^vol-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(id))
    throw new AwsError(
      'InvalidParameterValue',
      `Value (${id}) for parameter volumeId is invalid. Expected: 'vol-...'.`,
    );
  const volume = state.volumes.get(id);
  if (volume) return volume;
  throw new AwsError('InvalidVolume.NotFound', `The volume '${id}' does not exist.`);
}

function machine({ params, state }: Call): Ec2Instance {
  const id = params.required('InstanceId');
  const instance = state.instances.get(id);
  if (!instance) throw new AwsError('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`);
  if (instance.state === 'running' || instance.state === 'stopped') return instance;
  throw new AwsError('IncorrectState', `Instance '${id}' is not 'running'.`);
}

function attachmentView(volume: Volume): Record<string, unknown> {
  const { attachment } = volume;
  return {
    VolumeId: volume.id,
    InstanceId: attachment?.instanceId ?? '',
    Device: attachment?.device ?? '',
    State: attachment?.state ?? 'detached',
    ...(attachment ? { AttachTime: new Date(attachment.at) } : {}),
    DeleteOnTermination: false,
  };
}

function volumeView(volume: Volume): Record<string, unknown> {
  return {
    VolumeId: volume.id,
    AvailabilityZone: volume.zone,
    Size: volume.sizeGb,
    SnapshotId: '',
    State: volume.state,
    VolumeType: volume.type,
    CreateTime: new Date(volume.createdAt),
    Encrypted: volume.encrypted,
    MultiAttachEnabled: false,
    Attachments: volume.attachment ? [attachmentView(volume)] : [],
    Tags: tagList(volume.tags),
  };
}

function attach(call: Call): Record<string, unknown> {
  const { cloud, params, state } = call;
  const volume = named(call);
  const instance = machine(call);
  const device = params.required('Device');
  if (volume.attachment || volume.state === 'in-use')
    throw new AwsError('VolumeInUse', `${volume.id} is already attached to an instance`);
  if (volume.state !== 'available') throw new AwsError('IncorrectState', `${volume.id} is not 'available'.`);
  if (volume.zone !== instance.zone)
    throw new AwsError(
      'InvalidVolume.ZoneMismatch',
      `The volume '${volume.id}' is not in the same availability zone as instance '${instance.id}'`,
    );
  for (const other of state.volumes.values()) {
    if (other.attachment?.instanceId === instance.id && other.attachment.device === device)
      throw new AwsError(
        'InvalidParameterValue',
        `Invalid value '${device}' for unixDevice. Attachment point ${device} is already in use`,
      );
  }
  const attachment: NonNullable<Volume['attachment']> = {
    instanceId: instance.id,
    device,
    state: 'attaching',
    at: cloud.now(),
  };
  volume.attachment = attachment;
  volume.state = 'in-use';
  cloud.clock.at(cloud.now() + cloud.draw(state, attaching), () => {
    if (volume.attachment === attachment && attachment.state === 'attaching') attachment.state = 'attached';
  });
  return attachmentView(volume);
}

function detach(call: Call): Record<string, unknown> {
  const { cloud, params, state } = call;
  const volume = named(call);
  const { attachment } = volume;
  if (!attachment) throw new AwsError('IncorrectState', `Volume '${volume.id}' is in the 'available' state.`);
  const instanceId = params.text('InstanceId');
  if (instanceId !== undefined && instanceId !== attachment.instanceId)
    throw new AwsError(
      'InvalidAttachment.NotFound',
      `The volume '${volume.id}' is not attached to instance '${instanceId}'.`,
    );
  if (attachment.state !== 'detaching') {
    attachment.state = 'detaching';
    cloud.clock.at(cloud.now() + cloud.draw(state, detaching), () => {
      if (volume.attachment !== attachment) return;
      delete volume.attachment;
      volume.state = 'available';
    });
  }
  return attachmentView(volume);
}

function describe({ params, state }: Call): Record<string, unknown> {
  const ids = params.texts('VolumeIds');
  const missing = ids.find((id) => !state.volumes.has(id));
  if (missing !== undefined) throw new AwsError('InvalidVolume.NotFound', `The volume '${missing}' does not exist.`);
  const wanted = filtersOf<Volume>(
    params,
    {
      status: (volume) => volume.state,
      'volume-id': (volume) => volume.id,
      'availability-zone': (volume) => volume.zone,
      'volume-type': (volume) => volume.type,
      size: (volume) => String(volume.sizeGb),
      'attachment.instance-id': (volume) => volume.attachment?.instanceId,
      'attachment.status': (volume) => volume.attachment?.state,
    },
    (volume) => volume.tags,
  );
  const volumes = [...state.volumes.values()].filter(
    (volume) => (ids.length === 0 || ids.includes(volume.id)) && wanted(volume),
  );
  return paged(params, 'Volumes', volumes.map(volumeView), 500);
}

/** Larger, at once: what is on it does not move. */
function modify(call: Call): Record<string, unknown> {
  const volume = named(call);
  const before = volume.sizeGb;
  const size = call.params.bounded('Size', 1, 65_536) ?? before;
  if (size < before) {
    const message = `New size cannot be smaller than existing size: ${size} < ${before}`;
    throw new AwsError('InvalidParameterValue', message);
  }
  volume.sizeGb = size;
  volume.type = call.params.oneOf('VolumeType', types) ?? volume.type;
  const VolumeModification = {
    VolumeId: volume.id,
    ModificationState: 'completed',
    OriginalSize: before,
    TargetSize: size,
    TargetVolumeType: volume.type,
    Progress: 100,
    StartTime: new Date(call.cloud.now()),
  };
  return { VolumeModification };
}

export const volumeActions: ActionTable = {
  ModifyVolume: modify,
  CreateVolume: ({ cloud, params, state }) =>
    volumeView(
      createVolume(cloud, state, {
        zone: params.required('AvailabilityZone'),
        sizeGb: params.bounded('Size', 1, 65_536) ?? params.requiredInteger('Size'),
        type: params.oneOf('VolumeType', types) ?? 'gp2',
        encrypted: params.flag('Encrypted') ?? false,
        tags: specifiedTags(params.items('TagSpecifications'), 'volume'),
      }),
    ),
  DeleteVolume: (call) => {
    deleteVolume(call.state, named(call).id);
    return { Return: true };
  },
  AttachVolume: attach,
  DetachVolume: detach,
  DescribeVolumes: describe,
};
