import { beforeEach, describe, expect, it } from 'vitest';
import type { Body } from '../simulator-kube/test-cluster.ts';
import { InsideCluster, probeImage } from './inside-cluster.ts';

const claims = '/api/v1/namespaces/default/persistentvolumeclaims/data';
const merge = { type: 'application/merge-patch+json' };

describe('a volume', () => {
  let inside: InsideCluster;
  beforeEach(() => {
    inside = new InsideCluster(6);
    inside.apply(
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'gp3' },
        provisioner: 'ebs.csi.aws.com',
        volumeBindingMode: 'WaitForFirstConsumer',
        allowVolumeExpansion: true,
      },
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data', namespace: 'default' },
        spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'gp3', resources: { requests: { storage: '1Gi' } } },
      },
    );
  });
  const node = (n: number): string => `ip-10-0-0-${n}.eu-central-1.compute.internal`;
  function user(name: string, at?: string): void {
    inside.cluster.create('/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: name } },
      spec: {
        ...(at === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': at } }),
        terminationGracePeriodSeconds: 5,
        containers: [
          { name: 'c', image: probeImage, args: ['serve'], volumeMounts: [{ name: 'v', mountPath: '/data' }] },
        ],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
      },
    });
  }
  const attachments = (): Body[] => inside.cluster.get('/apis/storage.k8s.io/v1/volumeattachments').items;
  const remove = (name: string): unknown => inside.cluster.send('DELETE', `/api/v1/namespaces/default/pods/${name}`);

  it('is attached before its pod starts, and moves to the next node when it is free', () => {
    user('one', node(1));
    inside.cluster.until(() => attachments().length === 1);
    expect(attachments()[0].status.attached).toBe(false);
    expect(inside.cluster.pods('app=one')[0]?.status.phase).toBe('Pending');
    inside.cluster.until(() => inside.cluster.ready('app=one').length === 1);
    expect(attachments()[0]).toMatchObject({ spec: { nodeName: node(1) }, status: { attached: true } });
    user('two', node(4));
    inside.settle(30_000);
    expect(inside.cluster.ready('app=two')).toEqual([]);
    const told = inside.cluster.get('/api/v1/namespaces/default/events?fieldSelector=reason=FailedAttachVolume').items;
    expect(told[0].message).toContain('Multi-Attach error');
    remove('one');
    inside.cluster.until(() => inside.cluster.ready('app=two').length === 1);
    expect(attachments().map((each) => each.spec.nodeName)).toEqual([node(4)]);
  });

  it('stays six minutes with a machine that fell silent, and comes at once off one that is gone', () => {
    user('one', node(1));
    inside.cluster.until(() => inside.cluster.ready('app=one').length === 1);
    inside.cluster.model.instanceStopping('i-0');
    inside.cluster.send('DELETE', '/api/v1/namespaces/default/pods/one?gracePeriodSeconds=0');
    user('two', node(4));
    inside.settle(200_000);
    expect(inside.cluster.ready('app=two')).toEqual([]);
    inside.cluster.model.instanceGone('i-0');
    inside.settle(30_000);
    expect(inside.cluster.ready('app=two')).toHaveLength(1);
  });

  it('waits for its driver: switched off, or installed and without a pod', () => {
    inside.faults.set({ addons: { 'ebs-csi': 'off' } });
    user('one');
    inside.settle(60_000);
    expect(inside.cluster.get(claims).status.phase).toBe('Pending');
    inside.faults.clear();
    inside.apply({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: 'ebs.csi.aws.com' },
      spec: {},
    });
    inside.settle(60_000);
    expect(inside.cluster.get(claims).status.phase).toBe('Pending');
    inside.cluster.create('/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'driver' },
      spec: { containers: [{ name: 'c', image: 'ebs-csi/aws-ebs-csi-driver:v1.36' }] },
    });
    inside.settle(60_000);
    expect(inside.cluster.ready('app=one')).toHaveLength(1);
  });

  it('grows when its claim asks for more', () => {
    user('one');
    inside.cluster.until(() => inside.cluster.ready('app=one').length === 1);
    inside.cluster.send('PATCH', claims, { spec: { resources: { requests: { storage: '3Gi' } } } }, merge);
    inside.settle(10_000);
    expect(inside.cluster.get(claims).status.capacity.storage).toBe('3Gi');
    const [volume] = inside.cluster.get('/api/v1/persistentvolumes').items;
    expect(volume.spec.capacity.storage).toBe('3Gi');
  });
});
