/** Checks that run after every update; those of the network and of DNS are among the network's. */
import type { CheckCase } from '../check-cases.ts';
import { type CheckWorld, systemDeployment } from '../check-world.ts';

const imagesBroken = (world: CheckWorld): void => {
  world.kube.faults.imagePull = 'broken';
};

export const smokeCases: CheckCase[] = [
  {
    check: 'api.health',
    evidence: /^v1\.\d+\.\d+; livez, readyz and 20 samples ok$/,
    broken: {
      'an API server of another version than it is to run': {
        by: (world) => {
          world.cluster.configItems['kubernetes_version'] = 'v1.99';
        },
        message: /^the API server runs v1\.\d+\.\d+, and is to run v1\.99 \(kubernetes_version\)$/,
      },
      'an API server that answers with errors': {
        by: (world) => {
          world.kube.faults.apiDown = 'error';
        },
        message: /^\/livez answers 5\d\d/,
      },
    },
  },
  {
    check: 'system.workloads-ready',
    evidence: /^\d+ workloads ready, looked at again after 6\d s$/,
    broken: {
      'a system workload that is not ready, by name': {
        by: (world) => {
          world.kube.faults.scheduler = 'broken';
          world.kube.seed([systemDeployment('dns-autoscaler', 'autoscaler:2')]);
        },
        outcome: 'timedout',
        message: /Deployment kube-system\/dns-autoscaler: 0 of 1 ready/,
      },
      'a workload that is ready and does not stay so': {
        by: (world) => {
          const { clock } = world.world;
          clock.at(clock.now() + 30_000, () => {
            imagesBroken(world);
            world.kube.seed([systemDeployment('coredns', 'coredns:2')]);
          });
        },
        outcome: 'timedout',
        message: /Deployment kube-system\/coredns: /,
      },
    },
  },
  {
    check: 'namespace.lifecycle',
    evidence: /^created, empty, and gone \d+ s after its deletion$/,
    broken: {
      'something that keeps namespaces from going': {
        by: holdOneNamespace,
        // Its second try has a namespace of its own, and passes; what the first one left is a verdict by itself.
        outcome: 'flaky',
        message: /gone: not within 90 s; it is Terminating/,
        leaks: true,
      },
    },
  },
  {
    check: 'workload.deployment-create',
    evidence: /^3 pods on 3 nodes in 2 zones/,
    broken: {
      'images that cannot be pulled': {
        by: imagesBroken,
        outcome: 'timedout',
        message: /0 of 3 pods are ready; [a-z0-9-]+: (ErrImagePull|ImagePullBackOff)/,
      },
      'a scheduler that does not work': {
        by: (world) => {
          world.kube.faults.scheduler = 'broken';
        },
        outcome: 'timedout',
        message: /0 of 3 pods are ready/,
      },
      'controllers that make no pods': {
        by: (world) => {
          world.kube.faults.workloads = 'broken';
        },
        outcome: 'timedout',
        message: /0 of 0 pods are ready/,
      },
    },
  },
  {
    check: 'network.service-endpoints',
    evidence: /^0 → 2 → 0 endpoints, gone with the service$/,
    broken: {
      'a service that does not follow its pods': {
        by: (world) => {
          world.kube.faults.endpointSlices = 'broken';
        },
        outcome: 'timedout',
        message: /its EndpointSlices list 0 ready endpoints, wanted 2/,
      },
    },
  },
];

/** As an operator that has died leaves it: with a finalizer that nobody takes away. */
function holdOneNamespace(world: CheckWorld): void {
  const { clock } = world.world;
  const look = (): void => {
    const [namespace] = world.sandboxes();
    const finalizers = ['example.org/never'];
    if (namespace === undefined) clock.at(clock.now() + 2, look);
    else
      world.kube.seed([
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'stuck', namespace, finalizers } },
      ]);
  };
  look();
}
