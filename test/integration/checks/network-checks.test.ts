import { describe, expect, it } from 'vitest';
import { CheckWorld, systemDeployment } from './check-world.ts';

interface Case {
  check: string;
  given?: (world: CheckWorld) => void | Promise<void>;
  evidence: RegExp;
  broken: Record<string, { by: (world: CheckWorld) => void | Promise<void>; message: RegExp; outcome?: string }>;
}

const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'ebs.csi.aws.com',
  volumeBindingMode: 'WaitForFirstConsumer',
};

const cases: Case[] = [
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
        message: /answers are wrong: from \S+: kubernetes\.default\.svc\.cluster\.local\.: .*SERVFAIL/,
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

describe.each(cases)('$check', ({ check, given, evidence, broken }) => {
  const prepared = async (): Promise<CheckWorld> => {
    const world = await CheckWorld.create();
    await given?.(world);
    return world;
  };

  it('passes on a healthy cluster and leaves nothing behind', async () => {
    const world = await prepared();
    const result = (await world.run({ profile: 'full', only: [check] }))[check];
    expect(result?.message).toMatch(evidence);
    expect(result).toMatchObject({ outcome: 'pass', leaked: [], attempts: 1 });
    expect(world.leftBehind()).toEqual([]);
  });

  it.each(Object.entries(broken))('finds %s', async (_name, { by, message, outcome }) => {
    const world = await prepared();
    await by(world);
    const result = (await world.run({ profile: 'full', only: [check] }))[check];
    expect(result?.message).toMatch(message);
    expect(result).toMatchObject({ outcome: outcome ?? 'fail', leaked: [] });
    expect(world.leftBehind()).toEqual([]);
  });
});
