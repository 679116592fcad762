/** A container that clm did not write, run to its end in the check's namespace, and what it says of itself. */
import type { KubeObject } from '../domain/kube-object.ts';
import type { CheckCase } from '../ports/check-runner.ts';
import { type CheckContext, CheckFailed, CheckInterrupted } from './contract.ts';
import { readJunit } from './report/read-junit.ts';
import { Reporter, reporterContainer, reporterPort } from './reporter.ts';
import { jobs, pods } from './resources.ts';
import { explained, mustNotBeTaken, whyPodNotReady } from './workload.ts';

const shownLines = 8;
const namedAtMost = 5;
const collectWithinMs = 2 * 60_000;
/** Where it leaves its results: `RESULTS_DIR`. */
export const resultsFolder = '/results';

export interface OwnContainer {
  /** Of the Job, and in messages. */
  name: string;
  image: string;
  args?: readonly string[];
  withinMs: number;
  serviceAccount?: string;
  env?: Record<string, string>;
  volumes?: readonly object[];
  volumeMounts?: readonly object[];
  /** `junit`: one of these files must be there; `report`: it must have posted to `KH_REPORTING_URL`. */
  junit?: readonly string[];
  report?: boolean;
}

/** What it said, by all the ways that it has. */
export interface OwnWords {
  code: number;
  /** Its termination message. */
  message: string;
  /** The last lines of its log. */
  log: string;
  /** What it posted. */
  report?: unknown;
  /** Tests of its JUnit report; undefined when none was written. */
  tests?: CheckCase[];
}

/** Runs it. Throws CheckTimedOut when it does not end, CheckInterrupted when it is taken away or its results cannot be asked for. */
export async function runOwnContainer(context: CheckContext, wanted: OwnContainer): Promise<OwnWords> {
  const { namespace, kube } = context;
  const labelSelector = `clm.e2e/own=${wanted.name}`;
  await kube.create(jobs, jobOf(context, wanted));
  const [pod] = await explained(context, () =>
    context.until('the container ended', pods, { namespace, labelSelector }, wanted.withinMs, (items) => {
      mustNotBeTaken(items);
      const [first] = items;
      if (first === undefined) return 'its pod is not there';
      if (endOf(first, wanted.name) !== undefined) return undefined;
      return `it is ${String(first.status?.phase)}; ${whyPodNotReady(first) ?? ''}`;
    }),
  );
  const podName = pod?.metadata.name ?? '';
  const { exitCode, message } = endOf(pod, wanted.name) as Ended;
  const path = `/api/v1/namespaces/${namespace}/pods/${podName}/log?container=${wanted.name}&tailLines=${shownLines}`;
  const { status, body } = await kube.raw(path);
  const log = status === 200 ? body.trim().split('\n').slice(-shownLines).join(' | ') : `its log answers ${status}`;
  const words: OwnWords = { code: exitCode, message, log };
  if (!asksForResults(wanted)) return words;
  const reporter = new Reporter(context, podName);
  const tests = await testsOf(context, reporter, wanted.junit ?? []);
  const report = await reporter.posted('report');
  return { ...words, ...(report === undefined ? {} : { report }), ...(tests === undefined ? {} : { tests }) };
}

/** Throws CheckFailed unless all that it says is good; resolves with one sentence of evidence. */
export function judgeOwnWords(wanted: OwnContainer, words: OwnWords): string {
  const { image } = wanted;
  const { code, tests, log } = words;
  const wrong: string[] = [];
  const failed = (tests ?? []).filter((one) => one.outcome === 'fail' || one.outcome === 'error');
  if (failed.length > 0) {
    const named = failed.slice(0, namedAtMost).map((one) => `${one.name}: ${one.message.split('\n')[0] ?? ''}`);
    wrong.push(`${failed.length} of ${tests?.length ?? 0} tests of ${image} failed: ${named.join('; ').slice(0, 600)}`);
  }
  const told = { reported: words.report, 'said in its termination message': parsed(words.message) };
  for (const [how, said] of Object.entries(told)) {
    const trouble = troubleIn(said);
    if (trouble !== undefined) wrong.push(`${image} ${how} that it is not well: ${trouble}`);
  }
  if (code !== 0 && wrong.length === 0) wrong.push(`${image} ended with code ${code}: ${log.slice(0, 400)}`);
  if (wanted.junit !== undefined && tests === undefined)
    wrong.push(
      `${image} wrote no report: none of ${wanted.junit.join(', ')} is in $RESULTS_DIR (code ${code}): ${log.slice(0, 300)}`,
    );
  else if (tests?.length === 0) wrong.push(`the report of ${image} names no test: an empty run proves nothing`);
  if (wanted.report === true && words.report === undefined)
    wrong.push(`${image} ended with code ${code} and reported nothing to KH_REPORTING_URL`);
  if (wrong.length > 0) throw new CheckFailed(wrong.join('; '));
  return tests === undefined ? `${image} ended with code 0` : `${tests.length} tests of ${image} passed`;
}

const asksForResults = (wanted: OwnContainer): boolean => wanted.junit !== undefined || wanted.report === true;

interface Ended {
  exitCode: number;
  message: string;
}

function endOf(pod: KubeObject | undefined, name: string): Ended | undefined {
  const status = pod?.status as
    | {
        phase?: string;
        reason?: string;
        containerStatuses?: { name: string; state?: { terminated?: { exitCode: number; message?: string } } }[];
      }
    | undefined;
  const ended = status?.containerStatuses?.find((one) => one.name === name)?.state?.terminated;
  if (ended === undefined && status?.phase === 'Failed') {
    throw new CheckInterrupted(`the pod failed without an exit code: ${status.reason ?? 'no reason given'}`);
  }
  return ended && { exitCode: ended.exitCode, message: ended.message ?? '' };
}

async function testsOf(
  context: CheckContext,
  reporter: Reporter,
  names: readonly string[],
): Promise<CheckCase[] | undefined> {
  const deadline = context.clock.now() + collectWithinMs;
  for (const name of names) {
    const file = await reporter.file(name, deadline);
    if (file === undefined) continue;
    await context.artifact(name, file);
    const text = file.toString('utf8');
    try {
      return readJunit([{ name, text }]).flatMap(({ name: test, outcome, message, durationMs }) =>
        outcome === 'skipped' ? [] : [{ name: test, outcome, message, durationMs }],
      );
    } catch (error) {
      throw new CheckFailed(`its report cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `{ok, errors}`, as Kuberhealthy's clients say it; anything else says nothing. */
function troubleIn(said: unknown): string | undefined {
  if (typeof said !== 'object' || said === null || !('ok' in said) || said.ok !== false) return undefined;
  const errors: unknown = 'errors' in said ? said.errors : [];
  const texts = Array.isArray(errors) ? errors.map(String).filter((text) => text !== '') : [];
  return texts.slice(0, namedAtMost).join('; ').slice(0, 600) || 'it does not say why';
}

/** The variables that Kuberhealthy's clients know, and our own. */
function jobOf(context: CheckContext, wanted: OwnContainer): KubeObject {
  const { name, image, withinMs } = wanted;
  const results = asksForResults(wanted);
  const env: Record<string, string> = {
    CLM_E2E_RUN: context.runKey,
    CLM_E2E_CLUSTER: context.cluster.id,
    CLM_E2E_NAMESPACE: context.namespace,
    KH_RUN_UUID: context.runKey,
    KH_CHECK_RUN_DEADLINE: String(Math.floor((context.clock.now() + withinMs) / 1000)),
    KH_POD_NAMESPACE: context.namespace,
    ...(results ? { RESULTS_DIR: resultsFolder, KH_REPORTING_URL: `http://localhost:${reporterPort}/report` } : {}),
    ...wanted.env,
  };
  const shared = results ? [{ name: 'results', mountPath: resultsFolder }] : [];
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: context.namespace },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { labels: { ...context.labels, 'clm.e2e/own': name } },
        spec: {
          restartPolicy: 'Never',
          ...(wanted.serviceAccount === undefined
            ? { automountServiceAccountToken: false }
            : { serviceAccountName: wanted.serviceAccount }),
          // Later than the check's own limit, which says what it waited for.
          activeDeadlineSeconds: Math.ceil(withinMs / 1000) + 60,
          securityContext: { fsGroup: 65534 },
          volumes: [...(results ? [{ name: 'results', emptyDir: {} }] : []), ...(wanted.volumes ?? [])],
          containers: [
            {
              name,
              image,
              ...(wanted.args === undefined ? {} : { args: wanted.args }),
              env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
              resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '512Mi' } },
              volumeMounts: [...shared, ...(wanted.volumeMounts ?? [])],
            },
            ...(results ? [reporterContainer(context, resultsFolder, shared)] : []),
          ],
        },
      },
    },
  };
}
