import type { KubeObject } from '../../domain/kube-object.ts';
import type { CheckCase } from '../../ports/check-runner.ts';
import { readLog, runIds } from '../conformance/e2e-log.ts';
import { type ConformancePass, type ConformanceProfile, conformanceProfiles } from '../conformance/profiles.ts';
import { type PassResult, runPass } from '../conformance/suite-pass.ts';
import {
  type CheckContext,
  type CheckDefinition,
  CheckFailed,
  CheckFlaked,
  CheckInterrupted,
  defineCheck,
  type SkipReason,
} from '../contract.ts';
import { readJunit } from '../report/read-junit.ts';
import { clusterRoleBindings, deployments, namespaces, serviceAccounts } from '../resources.ts';
import { whyNotReady } from './workloads-ready.ts';

const minute = 60_000;
const hardLimitMs = 4 * 60 * minute;
const account = 'conformance';
/** Labels that the suite gives to every namespace of its own. */
const suiteNamespaces = 'e2e-run';
/** More failures than that are no flakes: running them again only takes time. */
const mostRunAgain = 25;
const mostNamed = 5;

/** Catalogue row 47: one check a profile. */
export const conformanceChecks: CheckDefinition[] = [
  ...conformanceProfiles.map((profile) => conformanceCheck(profile)),
  conformanceCheck(
    {
      name: 'custom',
      title: 'Tests of the upstream suite that the cluster names itself',
      passes: [],
      flakeAttempts: 1,
      args: conformanceProfiles[0]?.args ?? [],
      disruptive: false,
      expectedMs: 30 * minute,
    },
    (context) => [
      {
        name: 'custom',
        focus: context.settings.get('conformance_focus') as string,
        skip: context.settings.get('conformance_skip') ?? '',
        procs: Number(context.settings.get('conformance_procs') ?? 1) || 1,
      },
    ],
  ),
];

function conformanceCheck(
  profile: ConformanceProfile,
  passesOf: (context: CheckContext) => ConformancePass[] = () => profile.passes,
): CheckDefinition {
  return defineCheck({
    id: `conformance.${profile.name}`,
    title: profile.title,
    area: 'conformance',
    serial: true,
    disruptive: profile.disruptive,
    minNodes: 2,
    prepareMs: 10 * minute,
    withinMs: hardLimitMs,
    cleanupMs: 15 * minute,
    // What failed is run again by the check itself, test by test.
    retries: 0,
    expectedMs: profile.expectedMs,
    plan: (context) => notNow(context, profile),
    run: (context) => runSuite(context, profile, passesOf(context)),
  });
}

async function notNow(context: CheckContext, profile: ConformanceProfile): Promise<SkipReason | undefined> {
  if (profile.name === 'custom' && context.settings.get('conformance_focus') === undefined)
    return { code: 'CONFIG_MISSING', message: 'e2e_conformance_focus is not set' };
  return undefined;
}

async function runSuite(
  context: CheckContext,
  profile: ConformanceProfile,
  passes: ConformancePass[],
): Promise<string> {
  await context.step('nothing is in the way of the suite', () => mayBegin(context));
  const image = await imageOf(context);
  await context.sandbox({ podSecurity: 'baseline' });
  await context.claimNew(namespaces, suiteNamespaces);
  await allowEverything(context);
  const cases = new Map<string, CheckCase>();
  const run = (pass: ConformancePass): Promise<CheckCase[]> => onePass(context, profile, { pass, image, cases });
  for (const pass of passes) await context.step(`pass ${pass.name}`, () => run(pass));
  if (cases.size === 0) throw new CheckInterrupted(`no test was run: ${focusOf(passes)} matches none of ${image}`);
  const failed = [...cases.values()].filter((one) => one.outcome !== 'pass');
  if (failed.length > 0 && failed.length <= mostRunAgain) {
    const focus = failed.map((one) => escaped(one.name)).join('|');
    const again = await context.step('what failed, once more', () => run({ name: 'again', focus, skip: '', procs: 1 }));
    for (const one of again)
      if (one.outcome === 'pass') {
        const before = failed.find((known) => known.name === one.name)?.message ?? '';
        cases.set(one.name, { ...one, outcome: 'flaky', message: `passed when run again; before: ${before}` });
      }
  }
  return verdict(context, image, [...cases.values()]);
}

/** Throws CheckInterrupted: the suite would fail for reasons that are not what it tests. */
async function mayBegin(context: CheckContext): Promise<void> {
  const left = (await context.kube.list(namespaces, { labelSelector: suiteNamespaces })).items;
  if (left.length > 0) {
    const names = left.map((item) => item.metadata.name).slice(0, mostNamed);
    throw new CheckInterrupted(
      `${left.length} namespaces of another run of the suite are there (${names.join(', ')}): delete them, or wait for it to end`,
    );
  }
  const waiting = (await context.kube.list(deployments, { namespace: 'kube-system' })).items.filter(
    (item) => whyNotReady({ ...item, kind: 'Deployment' }) !== undefined,
  );
  if (waiting.length > 0)
    throw new CheckInterrupted(`kube-system is not ready: ${waiting.map((item) => item.metadata.name).join(', ')}`);
}

/** As the server's own version, without what a provider adds to it. */
async function imageOf(context: CheckContext): Promise<string> {
  const set = context.settings.get('conformance_image');
  if (set !== undefined) return set;
  const { status, body } = await context.kube.raw('/version');
  if (status !== 200) throw new CheckInterrupted(`/version answers ${status}`);
  const { gitVersion = '' } = JSON.parse(body) as { gitVersion?: string };
  const version = /^v\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?/.exec(gitVersion)?.[0];
  if (version === undefined) throw new CheckInterrupted(`the server calls its version '${gitVersion}'`);
  return `${context.settings.get('conformance_registry') ?? 'registry.k8s.io'}/conformance:${version}`;
}

/** The suite looks at everything; what it may do goes with its namespace. */
async function allowEverything(context: CheckContext): Promise<void> {
  const { namespace, kube } = context;
  await kube.create(serviceAccounts, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: account, namespace },
  });
  const binding: KubeObject & { roleRef: object; subjects: object[] } = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
  };
  await kube.create(clusterRoleBindings, binding);
}

async function onePass(
  context: CheckContext,
  profile: ConformanceProfile,
  input: { pass: ConformancePass; image: string; cases: Map<string, CheckCase> },
): Promise<CheckCase[]> {
  const { pass, image, cases } = input;
  const failed = [...cases.values()].filter((one) => one.outcome !== 'pass').length;
  const result = await runPass(context, {
    pass,
    image,
    serviceAccount: account,
    flakeAttempts: profile.flakeAttempts,
    args: profile.args,
    withinMs: hardLimitMs - 30 * minute,
    before: pass.name === 'again' ? { completed: 0, failed: 0 } : { completed: cases.size, failed },
  });
  const found = casesOf(result);
  for (const one of found) cases.set(one.name, one);
  context.cases(found);
  const reading = readLog(result.log);
  context.measure('conformance_tests', found.length, { pass: pass.name });
  for (const id of runIds(result.log).slice(0, mostNamed)) context.note(`e2e-run ${id}`, 'pass');
  if (result.junit === undefined && reading.ended && reading.failed > 0) {
    throw new CheckFailed(
      `${reading.failed} of ${reading.completed} tests failed, by the log of pass ${pass.name}; ` +
        `its report cannot be fetched: ${result.unfetched ?? 'it was not written'}`,
    );
  }
  if (result.junit === undefined) {
    throw new CheckInterrupted(
      `pass ${pass.name} ended with code ${result.exitCode} before its results were written; ` +
        `its log counts ${reading.completed} of ${reading.total} tests, ${reading.failed} failed: ${lastWords(result.log)}`,
    );
  }
  if (result.exitCode !== 0 && found.every((one) => one.outcome === 'pass')) {
    throw new CheckInterrupted(
      `pass ${pass.name} ended with code ${result.exitCode}, and none of its tests failed: ${lastWords(result.log)}`,
    );
  }
  if (reading.ended && reading.completed > 0 && found.length === 0)
    throw new CheckInterrupted(`pass ${pass.name} ran ${reading.completed} tests, and its report names none`);
  return found;
}

/** Tests that were run; thousands are skipped by the focus, and say nothing. */
function casesOf(result: PassResult): CheckCase[] {
  if (result.junit === undefined) return [];
  let read: ReturnType<typeof readJunit>;
  try {
    read = readJunit([{ name: 'junit_01.xml', text: result.junit }]);
  } catch (error) {
    throw new CheckInterrupted(`the report of the suite cannot be read: ${String(error)}`);
  }
  return read.flatMap(({ name, outcome, message, durationMs }) => {
    if (outcome === 'skipped') return [];
    // What runs before and after all tests is a test only when it fails.
    if (outcome === 'pass' && /^\[?(?:Synchronized)?(?:Before|After)Suite|^\[?ReportAfterSuite/.test(name)) return [];
    return [{ name, outcome, message, durationMs }];
  });
}

function verdict(context: CheckContext, image: string, cases: CheckCase[]): string {
  context.cases(cases);
  const of = (outcome: CheckCase['outcome'][]): CheckCase[] => cases.filter((one) => outcome.includes(one.outcome));
  const [failed, flaky, passed] = [of(['fail', 'error']), of(['flaky']), of(['pass'])];
  for (const one of failed) context.note(one.name, 'fail', one.message.slice(0, 500));
  for (const one of flaky) context.note(one.name, 'fail', one.message.slice(0, 500));
  for (const one of passed) context.note(one.name, 'pass');
  const named = (some: CheckCase[]): string =>
    some
      .slice(0, mostNamed)
      .map((one) => `${one.name}: ${one.message.split('\n')[0]?.slice(0, 160) ?? ''}`)
      .join('; ') + (some.length > mostNamed ? `; and ${some.length - mostNamed} more` : '');
  if (failed.length > 0)
    throw new CheckFailed(`${failed.length} of ${cases.length} tests of ${image} failed: ${named(failed)}`);
  if (flaky.length > 0) throw new CheckFlaked(`${flaky.length} of ${cases.length} tests are flaky: ${named(flaky)}`);
  return `${passed.length} tests of ${image} passed`;
}

/** As a regular expression that means these letters alone. */
function escaped(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&').replace(/\s+/g, String.raw`\s`);
}

function focusOf(passes: ConformancePass[]): string {
  return passes.map((pass) => `'${pass.focus}'`).join(', ');
}

function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(-3).join(' | ').slice(-400) || 'its log is empty';
}
