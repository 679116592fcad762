/** Rows of the catalogue of checks, and which checks they are. */
export const catalogueRows: Record<number, readonly string[]> = {
  1: ['api.health'],
  2: ['api.controlplane-pods'],
  3: ['system.workloads-ready'],
  4: ['system.daemonset-current'],
  5: ['namespace.lifecycle'],
  6: ['api.audit-log'],
  7: ['security.authz-matrix'],
  8: ['security.pod-security'],
  9: ['security.image-policy'],
  10: ['security.admission-webhooks'],
  11: ['security.registry-pull'],
  12: ['security.cloud-identity'],
  13: ['workload.deployment-create'],
  14: ['workload.deployment-update'],
  15: ['workload.deployment-scale'],
  16: ['workload.daemonset-all-nodes'],
  17: ['workload.statefulset-basic'],
  18: ['workload.jobs'],
  19: ['storage.pvc-mount'],
  20: ['storage.statefulset-multizone'],
  21: ['node.pools-run-pods'],
  22: ['node.gpu-job'],
  23: ['network.service-endpoints'],
  24: ['network.http'],
  25: ['network.http-after-update'],
  26: ['network.node-mesh'],
  27: ['network.policy'],
  28: ['dns.cluster'],
  29: ['lb.service'],
  30: ['ingress.endtoend'],
  31: ['ingress.nlb'],
  32: ['routing.routegroup', 'routing.gateway-api'],
  33: ['dns.external-dns'],
  34: ['certs.http01'],
  35: ['certs.dns01'],
  36: ['certs.expiry'],
  37: ['autoscale.nodes'],
  38: ['autoscale.hpa'],
  39: ['rollout.pdb-eviction'],
  40: ['node.kubelet-restart'],
  41: ['node.reboot'],
  42: ['node.spot-termination'],
  43: ['obs.servicemonitor'],
  44: ['obs.metrics-api'],
  45: ['obs.logs'],
  46: ['rollout.load-slo'],
  47: [
    'conformance.quick',
    'conformance.lite',
    'conformance.non-disruptive',
    'conformance.certified',
    'conformance.statefulset',
    'conformance.zalando',
    'conformance.custom',
  ],
  48: ['custom.container'],
  49: ['custom.chainsaw', 'custom.kuttl'],
  50: ['cleanup.leaks'],
};

/** Checks of this project's own, beside the catalogue. */
export const ownChecks: readonly string[] = ['rollout.generations'];

/** What has fooled other runners of checks, and the test that keeps it from fooling this one; or why there is none. */
export type Kept = { file: string; name: string } | { notYet: string };

const traps = (name: string): Kept => ({ file: 'test/integration/checks/traps.test.ts', name });
const suite = (name: string): Kept => ({ file: 'test/integration/checks/conformance.test.ts', name });
const log = (name: string): Kept => ({ file: 'test/unit/checks/conformance-log.test.ts', name });
const history = (name: string): Kept => ({ file: 'test/unit/checks/history.test.ts', name });
const cases = (file: string, name: string): Kept => ({ file: `test/integration/checks/cases/${file}-cases.ts`, name });

export const knownTraps: Record<string, Kept> = {
  'a JUnit report in one file, or one a process': history('may come in one file or one a process'),
  'thousands of skipped tests': history('may have thousands of skipped cases'),
  'names with quotes and brackets, and the kind of node before them': history('names with quotes and brackets'),
  'outputs of more than 10,000 characters': history('and very long outputs'),
  'no file `done`: the suite was killed by its memory': suite('that is killed by its memory has no verdict'),
  'a suite that SIGTERM ends without results': suite('that is cancelled in the middle takes the namespaces'),
  'a total of 0, and progress that is never posted': log('does not depend on the posts'),
  'more tests completed than there are': log('never has more completed than there are'),
  'a namespace that stays Terminating': cases('smoke', 'something that keeps namespaces from going'),
  'a namespace that stays because an APIService is broken': traps(
    'keeps every namespace, which is named with the reason',
  ),
  'SIGTERM and SIGINT in the middle of a run': {
    file: 'test/integration/checks/standalone.test.ts',
    name: 'cleans up after %s, and says that it has no verdict',
  },
  'a watch that ends with 410 Gone': traps('and forgets its history (410 Gone) makes no difference'),
  'an API server that is away for a minute': traps('and comes back within a minute loses no verdict'),
  'an API server that stays away': traps('and stays away is no failure of the cluster: error, never fail'),
  'a probe whose pod is evicted': traps('has no verdict, and is run again'),
  'two runs on one cluster': traps('clean up what is theirs alone'),
  'a failure that passes when it is run again': traps('is flaky, never silently pass'),
  'an older run that finishes later': {
    file: 'test/unit/checks/history.test.ts',
    name: 'have tests by clusters with the latest run of each',
  },
  'an older run whose commit status comes after that of a newer one': {
    file: 'test/unit/planning/explain/forge-reports.test.ts',
    name: 'is the state of the newest rollout of each channel, where it differs from what stands there',
  },
  'negative answers of DNS that are remembered': cases('addon', 'somebody else who keeps the name alive'),
  'limits of ACME servers': {
    notYet:
      'issuers are the cluster’s own (staging, as the settings say), and a check orders one certificate; the simulated authority has no limits',
  },
  'load balancers that take long to go': traps('is waited for: nothing is left behind, and nothing is called a leak'),
  'nodes and networks held by what a test has left': {
    notYet: 'clusters on demand, which are taken away as a whole, are not built yet',
  },
  'errors of providers that mean try elsewhere': { notYet: 'clusters on demand are not built yet' },
  'a heartbeat that stops with exit code 0': { notYet: 'clusters on demand are not built yet' },
};
