import { parseDuration } from '../../support/duration.ts';
import { type CheckContext, type CheckDefinition, CheckFailed, defineCheck } from '../contract.ts';
import { judgeOwnWords, type OwnContainer, resultsFolder, runOwnContainer } from '../own-container.ts';
import { clusterRoleBindings, configMaps, roleBindings, roles, serviceAccounts } from '../resources.ts';
import { argumentsOf } from './custom-container.ts';

const usualMs = 20 * 60_000;
const account = 'suite';
const testsFolder = '/tests';
/** A key of a ConfigMap has no slash: two underscores stand for one. */
const folderMark = '__';

interface Suite {
  name: 'chainsaw' | 'kuttl';
  title: string;
  /** Used where the cluster names none; its last part is what the program is called. */
  image: string;
  /** Of the program: tests of `folder` in `namespace`, with a report in the folder of results. */
  args(folder: string, namespace: string): string[];
  reports: string[];
}

const suites: Suite[] = [
  {
    name: 'chainsaw',
    title: 'Tests that chainsaw runs pass: objects are applied, and become what they must',
    image: 'ghcr.io/kyverno/chainsaw:v0.2.12',
    args: (folder, namespace) => [
      ...['test', folder, '--namespace', namespace, '--no-color'],
      ...['--report-format', 'JUNIT-STEP', '--report-path', resultsFolder, '--report-name', 'chainsaw-report'],
    ],
    reports: ['chainsaw-report.xml'],
  },
  {
    name: 'kuttl',
    title: 'Tests that KUTTL runs pass: numbered steps, and what each must lead to',
    image: 'kudobuilder/kuttl:v0.19.0',
    args: (folder, namespace) => [
      ...['test', folder, '--namespace', namespace],
      ...['--report', 'xml', '--artifacts-dir', resultsFolder],
    ],
    // By the name of its suite since 0.16, before that by its own.
    reports: ['kuttl-report.xml', 'kuttl-test.xml'],
  },
];

/** Catalogue row 49: one check a program. */
export const declarativeSuites: CheckDefinition[] = suites.map((suite) =>
  defineCheck({
    id: `custom.${suite.name}`,
    title: suite.title,
    area: 'custom',
    withinMs: 2 * 60 * 60_000,
    cleanupMs: 5 * 60_000,
    expectedMs: 3 * 60_000,
    minNodes: 1,
    plan: async ({ settings }) =>
      settings.get(`${suite.name}_tests`) === undefined
        ? {
            code: 'CONFIG_MISSING',
            message: `e2e_${suite.name}_tests names no folder of the image, and no ConfigMap (namespace/name)`,
          }
        : undefined,
    async run(context) {
      await context.sandbox();
      await allow(context);
      const wanted = await wantedOf(context, suite);
      const words = await runOwnContainer(context, wanted);
      context.cases(words.tests ?? []);
      return judgeOwnWords(wanted, words);
    },
  }),
);

/** Everything in the check's own namespace; more only by a role that the cluster names. */
async function allow({ kube, namespace, settings }: CheckContext): Promise<void> {
  await kube.create(serviceAccounts, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: account, namespace },
  });
  const subjects = [{ kind: 'ServiceAccount', name: account, namespace }];
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const metadata = { name: account, namespace };
  const everything = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }];
  await kube.create(roles, { apiVersion, kind: 'Role', metadata, rules: everything });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: account };
  await kube.create(roleBindings, { apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects });
  const more = settings.get('suite_role');
  if (more === undefined) return;
  const wide = { apiVersion, kind: 'ClusterRoleBinding', metadata: { name: namespace } };
  await kube.create(clusterRoleBindings, {
    ...wide,
    roleRef: { ...roleRef, kind: 'ClusterRole', name: more },
    subjects,
  });
}

async function wantedOf(context: CheckContext, suite: Suite): Promise<OwnContainer> {
  const { settings, namespace } = context;
  const tests = settings.get(`${suite.name}_tests`) as string;
  const inside = tests.startsWith('/');
  const files = inside ? {} : await mountedTests(context, tests);
  const more = settings.get(`${suite.name}_args`);
  return {
    name: suite.name,
    image: settings.get(`${suite.name}_image`) ?? suite.image,
    args: [...suite.args(inside ? tests : testsFolder, namespace), ...(more === undefined ? [] : argumentsOf(more))],
    withinMs: parseDuration(settings.get('suite_timeout') ?? '') ?? usualMs,
    serviceAccount: account,
    // Where it may write: the images have no home.
    env: { HOME: resultsFolder },
    junit: suite.reports,
    ...files,
  };
}

/** A copy of the ConfigMap: a pod mounts none of another namespace. `deploy__chainsaw-test.yaml` is `deploy/chainsaw-test.yaml`. */
async function mountedTests(
  context: CheckContext,
  named: string,
): Promise<Pick<OwnContainer, 'volumes' | 'volumeMounts'>> {
  const [from = '', name = ''] = named.split('/');
  const found = name === '' ? undefined : await context.kube.get(configMaps, from, name);
  const data = (found?.data ?? {}) as Record<string, string>;
  if (Object.keys(data).length === 0) throw new CheckFailed(`there are no tests in ConfigMap ${named}`);
  const metadata = { name: 'tests', namespace: context.namespace };
  await context.kube.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  const items = Object.keys(data).map((key) => ({ key, path: key.split(folderMark).join('/') }));
  return {
    volumes: [{ name: 'tests', configMap: { name: 'tests', items } }],
    volumeMounts: [{ name: 'tests', mountPath: testsFolder, readOnly: true }],
  };
}
