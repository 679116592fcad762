import { describe, expect, it } from 'vitest';
import { budget, finished, journalOf, RollWorld, startDaemon, startRoll, stateOf } from '../../support/roll-world.ts';
import { database, storageClass } from './database.ts';

describe('volumes that are bound to a zone', () => {
  it('follow their pods to a new node in that zone, and are detached before the old one ends', async () => {
    const roll = new RollWorld({
      pools: [{ name: 'workers', nodes: 3 }],
      // Without the quiet time nothing but the wait for the attachments keeps an empty node.
      policy: { quietMs: 0 },
    });
    roll.apply(storageClass, database(3), budget('db', { maxUnavailable: 1 }));
    const zoneOf = (): Map<string, string> => {
      const nodes = new Map(
        roll.nodes('workers').map((node) => [node.metadata.name, node.metadata.labels['topology.kubernetes.io/zone']]),
      );
      const pods = [...roll.kube.truth().pods.values()].filter((pod) => pod.metadata.name.startsWith('db-'));
      return new Map(pods.map((pod) => [pod.metadata.name, nodes.get(pod.spec.nodeName ?? '') as string]));
    };
    const before = zoneOf();
    expect(before.size).toBe(3);
    expect(roll.kube.truth().objects('volumeattachments.storage.k8s.io').size).toBe(3);
    roll.outdate('workers');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    const attachedAtEnd: string[] = [];
    roll.world.subscribe((event) => {
      if (event.kind !== 'instance-terminate-requested') return;
      const node = roll.nodes('workers').find((one) => String(one.spec.providerID).endsWith(event.instanceId));
      for (const one of roll.kube.truth().objects('volumeattachments.storage.k8s.io').values()) {
        const { nodeName } = one['spec'] as { nodeName: string };
        if (nodeName === node?.metadata.name) attachedAtEnd.push(nodeName);
      }
    });
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    expect(zoneOf()).toEqual(before);
    expect(attachedAtEnd).toEqual([]);
    expect((await journalOf(daemon)).filter((line) => line.startsWith('node-terminated'))).toHaveLength(3);
    await daemon.stop();
  });
});
