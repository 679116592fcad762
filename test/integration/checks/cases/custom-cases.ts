/** Containers and suites that clm did not write. */
import type { CheckCase } from '../check-cases.ts';
import type { CheckWorld } from '../check-world.ts';

const custom =
  (args: readonly string[] | string, more: Record<string, string> = {}) =>
  (world: CheckWorld): void => {
    const { configItems } = world.cluster;
    configItems['e2e_custom_image'] = 'clm-probe:1';
    configItems['e2e_custom_args'] = typeof args === 'string' ? args : JSON.stringify(args);
    for (const [name, value] of Object.entries(more)) configItems[`e2e_custom_${name}`] = value;
  };

const junit = (tests: string): string =>
  `<testsuites><testsuite name="own"><testcase name="a"/>${tests}</testsuite></testsuites>`;
const writing = (content: string): ((world: CheckWorld) => void) =>
  custom(['file-write', '--path', '/results/junit.xml', '--content', content], { results: 'junit' });
const reporting = (body: object): ((world: CheckWorld) => void) =>
  custom(
    [
      'http',
      '--url',
      'http://localhost:8099/report',
      '--method',
      'POST',
      '--retry-for',
      '30s',
      '--body',
      JSON.stringify(body),
    ],
    {
      results: 'report',
    },
  );

const map = (name: string, data: Record<string, string>): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});
const server = (image: string, replicas: number): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "${image}"}]}
`;
const ready = (replicas: number): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
status: {readyReplicas: ${replicas}}
`;

/** One test of two steps: a deployment becomes ready, and nothing else is there. */
const chainsaw =
  (wanted: number) =>
  (world: CheckWorld): void => {
    world.cluster.configItems['e2e_chainsaw_tests'] = 'default/suite';
    const test = `apiVersion: chainsaw.kyverno.io/v1alpha1
kind: Test
metadata: {name: deployment}
spec:
  steps:
  - name: comes up
    try:
    - apply: {file: deployment.yaml}
    - assert: {file: ready.yaml}
  - name: alone
    try:
    - error: {resource: {apiVersion: v1, kind: Service, metadata: {name: web}}}
`;
    const data = {
      'web__chainsaw-test.yaml': test,
      'web__deployment.yaml': server('nginx:1.27', 2),
      'web__ready.yaml': ready(wanted),
    };
    world.kube.seed([map('suite', data)]);
  };

const kuttl =
  (wanted: number) =>
  (world: CheckWorld): void => {
    world.cluster.configItems['e2e_kuttl_tests'] = 'default/suite';
    const data = { 'web__00-install.yaml': server('nginx:1.27', 2), 'web__00-assert.yaml': ready(wanted) };
    world.kube.seed([map('suite', data)]);
  };

export const customCases: CheckCase[] = [
  {
    check: 'custom.container',
    given: custom('exit --code 0'),
    evidence: /^clm-probe:1 ended with code 0$/,
    broken: {
      'a container that ends with another code': {
        by: custom('exit --code 7'),
        message: /^clm-probe:1 ended with code 7: /,
      },
      'a container that never ends': {
        by: custom('sleep --for forever', { timeout: '2m' }),
        outcome: 'timedout',
        message: /the container ended: not within 120 s; it is Running/,
      },
      'a test that failed in its report': {
        by: writing(junit('<testcase name="b"><failure message="it is three, not two"/></testcase>')),
        message: /^1 of 2 tests of clm-probe:1 failed: b: it is three, not two$/,
      },
      'a report without a test: an empty run proves nothing': {
        by: writing('<testsuites><testsuite name="own"></testsuite></testsuites>'),
        message: /^the report of clm-probe:1 names no test: an empty run proves nothing$/,
      },
      'a report that is none': {
        by: writing('well, all of it'),
        message: /^its report cannot be read: junit\.xml: it has no testsuite: not JUnit$/,
      },
      'a report that was never written': {
        by: custom('exit --code 0', { results: 'junit' }),
        message:
          /^clm-probe:1 wrote no report: none of junit\.xml, junit_01\.xml, report\.xml is in \$RESULTS_DIR \(code 0\)/,
      },
      'what it reports to the address that it was given': {
        by: reporting({ ok: false, errors: ['the mail server is away', 'so is its backup'] }),
        message: /^clm-probe:1 reported that it is not well: the mail server is away; so is its backup$/,
      },
      'a container that reports nothing': {
        by: custom('exit --code 0', { results: 'report' }),
        message: /^clm-probe:1 ended with code 0 and reported nothing to KH_REPORTING_URL$/,
      },
    },
  },
  {
    check: 'custom.chainsaw',
    given: chainsaw(2),
    evidence: /^2 tests of ghcr\.io\/kyverno\/chainsaw:\S+ passed$/,
    broken: {
      'what does not become as it must': {
        by: chainsaw(3),
        message:
          /^1 of 1 tests of \S+ failed: deployment\/comes up: assert apps\/v1\/Deployment\/web: status\.readyReplicas: /,
      },
      'controllers that stand still': {
        by: (world) =>
          world.when('/chainsaw-', 'pods', 1, () => {
            world.kube.faults.workloads = 'broken';
          }),
        message: /^1 of 1 tests of \S+ failed: deployment\/comes up: /,
      },
      'tests that are not there': {
        by: (world) => {
          world.cluster.configItems['e2e_chainsaw_tests'] = 'default/none';
        },
        message: /^there are no tests in ConfigMap default\/none$/,
      },
      'tests that ask for more than their namespace': {
        by: (world) => {
          const resource = '{apiVersion: v1, kind: Namespace, metadata: {name: other}}';
          const test = `metadata: {name: wide}\nspec: {steps: [{name: make, try: [{apply: {resource: ${resource}}}]}]}`;
          world.kube.seed([map('suite', { 'wide__chainsaw-test.yaml': test })]);
        },
        message: /^1 of 1 tests of \S+ failed: wide\/make: .*cannot get resource "namespaces"/,
      },
    },
  },
  {
    check: 'custom.kuttl',
    given: kuttl(2),
    evidence: /^1 tests of kudobuilder\/kuttl:\S+ passed$/,
    broken: {
      'what does not become as it must': {
        by: kuttl(3),
        message: /^1 of 1 tests of \S+ failed: web\/00: assert apps\/v1\/Deployment\/web: status\.readyReplicas: /,
      },
      'a folder of the image with nothing in it': {
        by: (world) => {
          world.cluster.configItems['e2e_kuttl_tests'] = '/empty';
        },
        message: /^the report of \S+ names no test: an empty run proves nothing$/,
      },
      'images that cannot be pulled': {
        by: (world) => {
          world.kube.faults.imagePull = 'broken';
        },
        outcome: 'timedout',
        message: /the container ended: not within 1200 s; .*kuttl:\S+ cannot be pulled/,
      },
    },
  },
];
