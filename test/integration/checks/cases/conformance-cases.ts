/** The upstream suite as a check, against the simulated image: it runs its tests, and knows nothing of the check. */
import type { CheckCase } from '../check-cases.ts';
import { systemDeployment } from '../check-world.ts';

const minute = 60_000;
export const conformanceCases: CheckCase[] = [
  {
    check: 'conformance.quick',
    profile: 'conformance-quick',
    evidence: /^1 tests of registry\.k8s\.io\/conformance:v1\.31\.4 passed$/,
    broken: {
      'images that no node can pull': {
        by: (world) => {
          world.kube.faults.imagePull = 'broken';
        },
        outcome: 'error',
        message: /^the suite to start: not within 1200 s; .*conformance:v1\.31\.4 cannot be pulled/,
      },
    },
  },
  {
    check: 'conformance.non-disruptive',
    profile: 'conformance',
    evidence: /^13 tests of registry\.k8s\.io\/conformance:v1\.31\.4 passed$/,
    broken: {
      'a cluster whose DNS answers errors': {
        by: (world) => world.kube.runtimeFaults.set({ images: { coredns: 'failing' } }),
        message:
          /^1 of 13 tests of \S+ failed: \[sig-network\] DNS should provide DNS for the cluster \[Conformance\]: timed out after 600s waiting for kubernetes\.default\.svc/,
      },
      'nodes that route no service': {
        by: (world) => world.kube.runtimeFaults.set({ proxyDown: ['*'] }),
        message: /^\d of 13 tests .*Services should serve a basic endpoint from pods/,
      },
      'controllers that stand still': {
        by: (world) =>
          world.when('clm-e2e', 'jobs.batch', 1, () =>
            world.world.clock.at(world.world.clock.now() + 20_000, () => {
              world.kube.faults.workloads = 'broken';
            }),
          ),
        // The second pass is a job too: nobody makes its pod.
        outcome: 'error',
        message: /the suite to start: not within 1200 s; its pod is not there/,
      },
      'a system that is not ready': {
        by: async (world) => {
          world.kube.faults.imagePull = 'broken';
          world.kube.seed([systemDeployment('stuck', 'registry.example.org/stuck:1')]);
          await world.pass(minute);
        },
        outcome: 'error',
        message: /^kube-system is not ready: stuck$/,
      },
      'namespaces of another run of the suite': {
        by: (world) =>
          world.kube.seed([
            {
              apiVersion: 'v1',
              kind: 'Namespace',
              metadata: { name: 'e2e-old', labels: { 'e2e-run': 'somebody-else' } },
            },
          ]),
        outcome: 'error',
        message: /^1 namespaces of another run of the suite are there \(e2e-old\)/,
      },
    },
  },
  {
    check: 'conformance.zalando',
    profile: 'conformance-zalando',
    evidence: /^12 tests of \S+ passed$/,
    broken: {
      'nodes whose pods have no network': {
        by: (world) => world.kube.runtimeFaults.set({ cniDown: world.nodeNames() }),
        message: /^\d+ of 12 tests failed, by the log of pass parallel; its report cannot be fetched: .*timed out/,
      },
    },
  },
  {
    check: 'conformance.lite',
    profile: 'conformance-lite',
    evidence: /^11 tests of \S+ passed$/,
    broken: {
      'nodes that route no service': {
        by: (world) => world.kube.runtimeFaults.set({ proxyDown: ['*'] }),
        message: /^\d of 11 tests .*Services should serve a basic endpoint from pods/,
      },
    },
  },
  {
    check: 'conformance.certified',
    profile: 'conformance-certified',
    given: (world) => {
      world.cluster.configItems['e2e_allow_disruptive'] = 'true';
    },
    evidence: /^14 tests of \S+ passed$/,
    broken: {
      'a cluster whose DNS answers errors': {
        by: (world) => world.kube.runtimeFaults.set({ images: { coredns: 'failing' } }),
        message: /^1 of 14 tests of \S+ failed: \[sig-network\] DNS should provide DNS for the cluster/,
      },
    },
  },
  {
    check: 'conformance.statefulset',
    profile: 'conformance-statefulset',
    evidence: /^1 tests of \S+ passed$/,
    broken: {
      'nodes where no pod becomes ready': {
        by: (world) => {
          for (const node of world.nodeNames()) world.kube.faults.unreadyNodes.add(node);
        },
        message: /^1 of 1 tests of \S+ failed: \[sig-apps\] StatefulSet Basic .*: timed out after \d+s waiting for /,
      },
    },
  },
  {
    check: 'conformance.custom',
    profile: 'conformance-custom',
    given: (world) => {
      world.cluster.configItems['e2e_conformance_focus'] = 'Feature:StatefulSet';
      world.cluster.configItems['e2e_conformance_registry'] = 'mirror.example.org/k8s';
    },
    evidence: /^1 tests of mirror\.example\.org\/k8s\/conformance:v1\.31\.4 passed$/,
    broken: {
      'a focus that matches nothing: an empty run proves nothing': {
        by: (world) => {
          world.cluster.configItems['e2e_conformance_focus'] = 'no such test';
        },
        outcome: 'error',
        message: /^no test was run: 'no such test' matches none of /,
      },
    },
  },
];
