/** Checks that disturb nodes of pools that are there for it, and no others. */
import { everywhere } from '../addons.ts';
import type { CheckCase } from '../check-cases.ts';
import type { CheckWorld } from '../check-world.ts';

const minute = 60_000;

export const nodeOfPool =
  (name: string) =>
  (world: CheckWorld): void => {
    world.cluster.configItems['e2e_allow_disruptive'] = 'true';
    world.label(world.nodeNames()[1] ?? '', { 'node.kubernetes.io/node-pool': name });
  };

const handler = everywhere(
  'spot',
  'zalando/spot-termination-handler:1',
  { volumes: [{ name: 'run', hostPath: { path: '/var/run' } }] },
  { volumeMounts: [{ name: 'run', mountPath: '/var/run' }] },
);
/** `everywhere` gives its volumes to the pod. */
export const spotNode = async (world: CheckWorld): Promise<void> => {
  nodeOfPool('node-tests')(world);
  world.cluster.configItems['e2e_spot_event_reason'] = 'ForceTerminatedSpot';
  world.kube.seed([handler]);
  await world.pass(2 * minute);
};

const staysAway = (world: CheckWorld): void => world.kube.runtimeFaults.set({ restarts: 'stays-away' });

export const nodeCases: CheckCase[] = [
  {
    check: 'node.kubelet-restart',
    given: nodeOfPool('node-tests'),
    evidence: /^the kubelet of \S+ was killed and came back$/,
    broken: {
      'a kubelet that stays away': {
        by: staysAway,
        message: /^the kubelet of \S+ was killed, and none came back within 60 s$/,
      },
      'a node that has lost it a minute later': {
        by: (world) =>
          world.when('/kill-', 'pods', 1, () => {
            const { clock } = world.world;
            clock.at(clock.now() + 30_000, () => world.kube.kubelets.fallIll(world.nodeNames()[1] ?? ''));
          }),
        message: /^node \S+ is not Ready a minute later$/,
      },
    },
  },
  {
    check: 'node.reboot',
    given: nodeOfPool('node-reboot-tests'),
    evidence: /^\S+ was started again and came back$/,
    broken: {
      'a machine that stays away': {
        by: staysAway,
        outcome: 'timedout',
        message: /^node \S+ to be new: not within 900 s; it has not booted again$/,
      },
      'a machine that comes back where it should be replaced': {
        by: (world) => {
          world.cluster.configItems['e2e_reboot_expect'] = 'replaced';
        },
        outcome: 'timedout',
        message: /it has come back, and was expected to be replaced$/,
      },
    },
  },
  {
    check: 'node.spot-termination',
    usesUp: true,
    given: spotNode,
    evidence: /^\S+ was emptied within \d+ s$/,
    broken: {
      'a handler that does nothing': {
        by: (world) => world.kube.runtimeFaults.set({ addons: { 'spot-handler': 'off' } }),
        outcome: 'timedout',
        message: /^the pod deleted: not within 120 s; it runs on$/,
      },
      'a handler that lets new pods in': {
        by: (world) => world.kube.runtimeFaults.set({ addons: { 'spot-handler': 'broken' } }),
        message: /^\S+ has to go, and takes new pods$/,
      },
      'a handler that gives no reason, or another one': {
        by: (world) => {
          world.cluster.configItems['e2e_spot_event_reason'] = 'SpotInterruption';
        },
        outcome: 'timedout',
        message: /^an event SpotInterruption: not within 30 s; events of the pod are .*ForceTerminatedSpot/,
      },
    },
  },
];
