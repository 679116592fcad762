import { beforeEach, describe, expect, it } from 'vitest';
import { account, region } from '../simulator-aws/small-world.ts';
import type { Body } from '../simulator-kube/test-cluster.ts';
import { CloudCluster } from './cloud-cluster.ts';

const claims = '/api/v1/namespaces/default/persistentvolumeclaims';
const pods = '/api/v1/namespaces/default/pods';

/** Claims whose volumes are disks of the cloud: both sides tell the same story. */
describe('volumes in the cloud', () => {
  let cloud: CloudCluster;
  beforeEach(() => {
    cloud = new CloudCluster();
    cloud.apply({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'gp3', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'ebs.csi.aws.com',
      volumeBindingMode: 'WaitForFirstConsumer',
      allowVolumeExpansion: true,
    });
  });

  function claim(name: string, spec: object = {}): void {
    cloud.apply({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace: 'default' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1500Mi' } }, ...spec },
    });
  }

  function user(name: string, claimName: string, spec: object = {}): void {
    cloud.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 2,
        containers: [{ name: 'c', image: 'db:1', volumeMounts: [{ name: 'v', mountPath: '/data' }] }],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
        ...spec,
      },
    });
  }

  const ec2 = (action: string, params: Record<string, unknown> = {}): Body => {
    const reply = cloud.world.aws.handle({ account, region, service: 'ec2', action, params });
    return reply.ok ? reply.result : { code: reply.code };
  };
  const disks = (): Body[] => ec2('DescribeVolumes')['Volumes'];
  const events = (about: string): string[] =>
    cloud
      .get(`/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=${about}`)
      .items.map((each: Body) => each.reason);
  const nodeOf = (pod: string): Body => cloud.get(`/api/v1/nodes/${cloud.get(`${pods}/${pod}`).spec.nodeName}`);
  const attachments = (): Body[] => cloud.get('/apis/storage.k8s.io/v1/volumeattachments').items;

  it('are made in the zone of the node that was chosen, attached to its machine, detached, and deleted with their claim', () => {
    claim('data');
    cloud.advance(5_000);
    expect(cloud.get(`${claims}/data`)).toMatchObject({
      metadata: { finalizers: ['kubernetes.io/pvc-protection'] },
      spec: { storageClassName: 'gp3' },
      status: { phase: 'Pending' },
    });
    expect(events('data')).toEqual(['WaitForFirstConsumer']);
    expect(disks()).toEqual([]);
    user('one', 'data');
    cloud.until(() => disks().length === 1);
    // The pod is nowhere before its volume is there.
    expect(cloud.get(`${pods}/one`).spec.nodeName).toBeUndefined();
    cloud.until(() => cloud.ready('app=one').length === 1);
    const node = nodeOf('one');
    const [disk] = disks();
    const [volume] = cloud.get('/api/v1/persistentvolumes').items;
    expect(volume).toMatchObject({
      spec: { csi: { volumeHandle: disk.VolumeId }, claimRef: { name: 'data' } },
      status: { phase: 'Bound' },
    });
    expect(disk).toMatchObject({
      AvailabilityZone: node.metadata.labels['topology.kubernetes.io/zone'],
      Size: 2,
      VolumeType: 'gp3',
      State: 'in-use',
      Attachments: [{ InstanceId: node.spec.providerID.split('/').at(-1), State: 'attached' }],
    });
    expect(attachments()).toMatchObject([{ spec: { nodeName: node.metadata.name }, status: { attached: true } }]);
    expect(events('data')).toEqual(expect.arrayContaining(['ExternalProvisioning', 'ProvisioningSucceeded']));

    // A claim in use waits for its last pod.
    cloud.send('DELETE', `${claims}/data`);
    cloud.advance(30_000);
    expect(cloud.get(`${claims}/data`).metadata.deletionTimestamp).toBeDefined();
    cloud.send('DELETE', `${pods}/one`);
    cloud.advance(60_000);
    expect(cloud.send('GET', `${claims}/data`).status).toBe(404);
    expect(attachments()).toEqual([]);
    expect(disks()).toEqual([]);
    expect(cloud.get('/api/v1/persistentvolumes').items).toEqual([]);
    expect(cloud.model.truth().internalErrors).toEqual([]);
  });

  it('follow their pod to another machine of the zone only when they are off the one before', () => {
    claim('data');
    user('one', 'data');
    cloud.until(() => cloud.ready('app=one').length === 1);
    const first = nodeOf('one').spec.providerID.split('/').at(-1);
    ec2('TerminateInstances', { InstanceIds: [first] });
    cloud.send('DELETE', `${pods}/one?gracePeriodSeconds=0`);
    cloud.until(() => disks()[0].Attachments.length === 0);
    user('two', 'data');
    cloud.until(() => cloud.ready('app=two').length === 1);
    const [disk] = disks();
    expect(disk.Attachments[0].InstanceId).toBe(nodeOf('two').spec.providerID.split('/').at(-1));
    expect(disk.Attachments[0].InstanceId).not.toBe(first);
    expect(nodeOf('two').metadata.labels['topology.kubernetes.io/zone']).toBe(disk.AvailabilityZone);
  });

  it('say why, when the cloud refuses', () => {
    claim('data');
    user('one', 'data');
    cloud.until(() => disks().length === 1);
    cloud.until(() => disks()[0].State === 'available');
    const { VolumeId, AvailabilityZone } = disks()[0];
    const reservations = ec2('DescribeInstances', {
      Filters: [
        { Name: 'availability-zone', Values: [AvailabilityZone] },
        { Name: 'instance-state-name', Values: ['running'] },
      ],
    })['Reservations'];
    const machines: string[] = reservations.flatMap((each: Body) => each.Instances.map((one: Body) => one.InstanceId));
    const chosen = cloud.get(`${claims}/data`).metadata.annotations['volume.kubernetes.io/selected-node'];
    const wanted = cloud.get(`/api/v1/nodes/${chosen}`).spec.providerID.split('/').at(-1);
    const InstanceId = machines.find((id) => id !== wanted);
    expect(ec2('AttachVolume', { VolumeId, InstanceId, Device: '/dev/xvdzz' }).State).toBe('attaching');
    cloud.advance(30_000);
    expect(cloud.ready('app=one')).toEqual([]);
    expect(events('one')).toContain('FailedAttachVolume');
    ec2('DetachVolume', { VolumeId });
    cloud.until(() => cloud.ready('app=one').length === 1);
  });

  it('grow in the cloud with their claim', () => {
    claim('data');
    user('one', 'data');
    cloud.until(() => cloud.ready('app=one').length === 1);
    cloud.send('PATCH', `${claims}/data`, { spec: { resources: { requests: { storage: '5Gi' } } } });
    cloud.until(() => cloud.get(`${claims}/data`).status.capacity.storage === '5Gi');
    expect(disks()[0].Size).toBe(5);
    expect(ec2('ModifyVolume', { VolumeId: disks()[0].VolumeId, Size: 2 })).toEqual({ code: 'InvalidParameterValue' });
  });
});

describe('volumes that are there already', () => {
  const volume = (name: string, storage: string, more: object = {}): object => ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], nfs: { server: 's', path: '/' }, ...more },
  });
  const claim = (name: string, spec: object = {}): object => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '2Gi' } },
      storageClassName: '',
      ...spec,
    },
  });

  it('are bound to the claim that they suit, the smallest first, and are Released when it goes', () => {
    const cloud = new CloudCluster();
    cloud.apply(volume('large', '10Gi'), volume('small', '1Gi'), volume('right', '3Gi'));
    cloud.apply(volume('mine', '20Gi', { claimRef: { namespace: 'default', name: 'reserved' } }));
    cloud.advance(2_000);
    expect(cloud.get('/api/v1/persistentvolumes/right').status.phase).toBe('Available');
    cloud.apply(claim('data'), claim('reserved'), claim('huge', { resources: { requests: { storage: '1Ti' } } }));
    cloud.advance(2_000);
    expect(cloud.get(`${claims}/data`)).toMatchObject({
      spec: { volumeName: 'right' },
      status: { phase: 'Bound', capacity: { storage: '3Gi' } },
    });
    expect(cloud.get(`${claims}/reserved`).spec.volumeName).toBe('mine');
    expect(cloud.get(`${claims}/huge`).status.phase).toBe('Pending');
    const waiting = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'default' },
      spec: {
        containers: [{ name: 'c', image: 'x' }],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'huge' } }],
      },
    };
    cloud.apply(waiting);
    cloud.advance(2_000);
    expect(cloud.get(`${pods}/p`).status.conditions[0]).toMatchObject({
      type: 'PodScheduled',
      status: 'False',
      message: expect.stringMatching(/^0\/6 nodes are available: pod has unbound immediate PersistentVolumeClaims\./),
    });
    cloud.apply(volume('vast', '2Ti'));
    cloud.until(() => cloud.get(`${pods}/p`).status.phase === 'Running');
    cloud.send('DELETE', `${claims}/data`);
    cloud.advance(5_000);
    expect(cloud.get('/api/v1/persistentvolumes/right').status.phase).toBe('Released');
    cloud.send('DELETE', '/api/v1/persistentvolumes/mine');
    cloud.advance(5_000);
    expect(cloud.get('/api/v1/persistentvolumes/mine').metadata.deletionTimestamp).toBeDefined();
    cloud.send('DELETE', `${claims}/reserved`);
    cloud.advance(5_000);
    expect(cloud.send('GET', '/api/v1/persistentvolumes/mine').status).toBe(404);
  });

  it('leave a claim of an unknown class open, until the class is there', () => {
    const cloud = new CloudCluster();
    cloud.apply(claim('data', { storageClassName: 'later' }));
    cloud.advance(5_000);
    const told = cloud.get('/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=data').items;
    expect(told[0].message).toBe('storageclass.storage.k8s.io "later" not found');
    cloud.apply({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'later' },
      provisioner: 'ebs.csi.aws.com',
    });
    cloud.until(() => cloud.get(`${claims}/data`).status.phase === 'Bound');
  });
});
