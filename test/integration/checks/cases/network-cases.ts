import type { CheckCase } from '../check-cases.ts';
import { type CheckWorld, systemDeployment } from '../check-world.ts';

const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'ebs.csi.aws.com',
  volumeBindingMode: 'WaitForFirstConsumer',
};

/** Two of the four nodes are marked as a roll marks them; the others count as new. */
const midRoll = (world: CheckWorld): void => {
  for (const node of world.nodeNames().slice(0, 2)) world.annotate(node, { 'clm/roll': 'roll:1' });
};
const freshNodes = (world: CheckWorld): string[] => world.nodeNames().slice(2);

export const networkCases: CheckCase[] = [
  {
    check: 'rollout.generations',
    given: midRoll,
    request: () => ({ newSince: Date.UTC(2026, 0, 1) }),
    evidence: /^DNS: 2 of 2 new nodes work, 2 of 2 old ones$/,
    broken: {
      'new nodes that route no service': {
        by: (world) => world.kube.runtimeFaults.set({ proxyDown: freshNodes(world) }),
        message: /^only new nodes fail \(DNS: 0 of 2 new nodes work, 2 of 2 old ones\): \S+: 3 of 3 to \S+ failed/,
      },
      'new nodes whose pods have no network': {
        by: (world) => world.kube.runtimeFaults.set({ cniDown: freshNodes(world) }),
        message: /^only new nodes fail/,
      },
    },
  },
  {
    check: 'network.http',
    evidence: /^72 requests answered by 3 pods, all of them in the logs$/,
    broken: {
      'nodes that route no service': {
        by: (world) => world.kube.runtimeFaults.set({ proxyDown: ['*'] }),
        message: /30 of 30 to http:\/\/172\.20\.\S+ failed: /,
      },
      'wires that carry nothing between nodes': {
        by: (world) => {
          const [a = '', ...others] = world.nodeNames();
          world.kube.runtimeFaults.set({ links: others.map((to) => ({ from: a, to, lossPercent: 100 })) });
        },
        message: /of \d+ to http:\/\/\S+ failed: timeout|never reached/,
      },
    },
  },
  {
    check: 'network.http-after-update',
    evidence: /3 pods updated; every answer is the new one/,
    broken: {
      'nodes that route no service': {
        by: (world) => world.kube.runtimeFaults.set({ proxyDown: ['*'] }),
        message: /30 of 30 to http:\/\/172\.20\.\S+ failed: /,
      },
    },
  },
  {
    check: 'network.node-mesh',
    evidence: /4 nodes reach 4 nodes, the service and the API server/,
    broken: {
      'one bad piece of wire': {
        by: (world) => {
          const [a = '', b = ''] = world.nodeNames();
          world.kube.runtimeFaults.set({ links: [{ from: a, to: b, lossPercent: 100 }] });
        },
        message: /paths are broken: \S+ → \S+: 1 of 1 to http:\/\/\S+ failed: timeout/,
      },
    },
  },
  {
    check: 'network.policy',
    evidence: /denied, allowed for one, still denied for others/,
    broken: {
      'a network that ignores policies, where they are declared': {
        by: (world) => {
          world.kube.runtimeFaults.set({ networkPolicies: 'ignored' });
          world.cluster.configItems['e2e_expects'] = 'network-policy';
        },
        message: /the registry declares network-policy .* blocks nothing/,
      },
    },
  },
  {
    check: 'dns.cluster',
    evidence: /questions from each of 4 nodes, all answered as they must be/,
    broken: {
      'DNS servers that fail': {
        by: (world) => world.kube.runtimeFaults.set({ images: { coredns: 'failing' } }),
        // two of them are named: the line is for people, the steps have all
        message:
          /^\d+ answers are wrong: from \S+: kubernetes\.default\.svc\.cluster\.local\.: .*servfail.*; and \d+ more$/,
      },
      'DNS servers that are silent': {
        by: (world) => world.kube.runtimeFaults.set({ images: { coredns: 'silent' } }),
        message: /dns-timeout/,
      },
    },
  },
  {
    check: 'lb.service',
    given: async (world) => {
      world.kube.seed([systemDeployment('balancers', 'aws-load-balancer-controller:2')]);
      await world.pass(120_000);
    },
    evidence: /^\S+ answered, and is gone$/,
    broken: {
      'nobody who makes load balancers': {
        by: async (world) => {
          const deployment = systemDeployment('balancers', 'aws-load-balancer-controller:2') as { spec: object };
          world.kube.seed([{ ...deployment, spec: { ...deployment.spec, replicas: 0 } }]);
          await world.pass(120_000);
        },
        outcome: 'timedout',
        message: /an address of the load balancer: not within 480 s; its status names none/,
      },
      'nodes that route no service': {
        by: (world) => world.kube.runtimeFaults.set({ proxyDown: ['*'] }),
        message: /failed|not 200/,
      },
    },
  },
  {
    check: 'storage.pvc-mount',
    given: (world) => world.kube.seed([storageClass]),
    evidence: /^written on \S+, read on \S+$/,
    broken: {
      'pods that are not scheduled': {
        by: (world) => {
          world.kube.faults.scheduler = 'broken';
        },
        outcome: 'timedout',
        message: /probe writer ended: not within/,
      },
    },
  },
];
