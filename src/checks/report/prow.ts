/** The layout that Prow writes and TestGrid and Spyglass read: `started.json`, `finished.json`, `artifacts/junit_*.xml`. */
import { z } from 'zod';
import { failureSignature, longestMessage } from '../../planning/e2e/signature.ts';
import type { ResultRecord, RunRecord, TestRecord } from '../../ports/e2e-store.ts';
import { junitReport } from './junit.ts';
import { type JunitCase, readJunit } from './read-junit.ts';
import type { RunReport } from './run-report.ts';

export interface LayoutFile {
  /** Relative to the folder of the run. */
  path: string;
  text: string;
}

/** Files of one run; `logs/<job>/<build>/` goes before them. */
export function prowLayout(run: RunRecord, results: ResultRecord[], tests: TestRecord[]): LayoutFile[] {
  const seconds = (ms: number): number => Math.floor(ms / 1000);
  const metadata = {
    cluster: run.clusterId,
    channel: run.channel,
    'job-version': run.commit || run.kubernetesVersion,
    'kubernetes-version': run.kubernetesVersion,
    profile: run.profile,
    verdict: run.verdict,
    contact: run.contact,
    ...run.headers,
  };
  const passed = run.verdict === 'pass' || run.verdict === 'flaky';
  const result = passed ? 'SUCCESS' : run.verdict === 'cancelled' ? 'ABORTED' : 'FAILURE';
  const started = { timestamp: seconds(run.startedAt), node: run.clusterId, 'repo-commit': run.commit, metadata };
  const finished = { timestamp: seconds(run.finishedAt), passed, result, metadata };
  const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
  return [
    { path: 'started.json', text: json(started) },
    { path: 'finished.json', text: json(finished) },
    { path: 'build-log.txt', text: logOf(run, results) },
    { path: 'artifacts/metadata.json', text: json(metadata) },
    { path: 'artifacts/junit_01.xml', text: junitReport(reportOf(run, results, tests)) },
  ];
}

/** `e2e-<cluster>-<profile>`, as a path has it. */
export function jobName(run: RunRecord): string {
  return `e2e-${run.clusterId}-${run.profile}`.replace(/[^\w.-]+/g, '-');
}

function logOf(run: RunRecord, results: ResultRecord[]): string {
  const lines = results.map(
    (one) => `${new Date(one.startedAt).toISOString()} ${one.outcome} ${one.test}: ${one.message}`,
  );
  return `${lines.join('\n')}\n${run.verdict}${run.reason === '' ? '' : `: ${run.reason}`}\n`;
}

function reportOf(run: RunRecord, results: ResultRecord[], tests: TestRecord[]): RunReport {
  const byKey = new Map(tests.map((test) => [test.key, test]));
  return {
    run: run.id,
    cluster: run.clusterId,
    profile: run.profile,
    kubernetesVersion: run.kubernetesVersion,
    startedAt: new Date(run.startedAt).toISOString(),
    finishedAt: new Date(run.finishedAt).toISOString(),
    durationSeconds: (run.finishedAt - run.startedAt) / 1000,
    verdict: run.verdict,
    reason: run.reason,
    counts: {},
    results: results.map((one) => {
      const test = byKey.get(one.test);
      return {
        check: one.test,
        gate: test?.gate ?? 'blocking',
        outcome: one.outcome,
        message: one.message,
        ...(one.skipCode === '' ? {} : { skipCode: one.skipCode }),
        startedAt: one.startedAt,
        durationMs: one.durationMs,
        attempts: one.attempts,
        leaked: [],
        title: test?.title ?? one.test,
        area: test?.area ?? 'custom',
      };
    }),
    notSelected: [],
    inNoProfile: [],
    kept: [],
    leaked: [],
    runnerVersion: run.runnerVersion,
  };
}

const stamp = z.number().transform((seconds) => seconds * 1000);
const metadata = z.record(z.string(), z.unknown()).optional();
const startedSchema = z.object({ timestamp: stamp, 'repo-commit': z.string().optional(), metadata });
const finishedSchema = z.object({
  timestamp: stamp.nullish(),
  passed: z.boolean().nullish(),
  result: z.string().optional(),
  metadata,
});

export interface ImportedRun {
  run: RunRecord;
  tests: TestRecord[];
  results: ResultRecord[];
}

/**
 * Reads one run that somebody else left in this layout. `contact` is required: results without anybody who answers for them are no
 * evidence. Throws an Error that says what is missing; a run that never finished is `error`, whatever its tests say.
 */
export function readProwRun(input: {
  job: string;
  build: string;
  contact: string;
  cluster: string;
  files: LayoutFile[];
}): ImportedRun {
  const text = (path: string): string | undefined => input.files.find((file) => file.path === path)?.text;
  const started = parsed('started.json', text('started.json'), startedSchema);
  const finishedText = text('finished.json');
  const finished = finishedText === undefined ? undefined : parsed('finished.json', finishedText, finishedSchema);
  const junit = input.files.filter((file) => /^artifacts\/(?:.*\/)?junit[^/]*\.xml$/.test(file.path));
  const cases = readJunit(junit.map((file) => ({ name: file.path, text: file.text })));
  const known = { ...started.metadata, ...finished?.metadata };
  const word = (name: string): string => (typeof known[name] === 'string' ? known[name] : '');
  const id = `import/${input.job}/${input.build}`;
  const { verdict, reason } = verdictOf(finished, cases);
  const run: RunRecord = {
    id,
    kind: 'imported',
    profile: word('profile') || input.job,
    trigger: input.job,
    channel: word('channel'),
    commit: started['repo-commit'] ?? word('job-version'),
    clusterId: input.cluster,
    provider: word('provider'),
    region: word('region'),
    environment: word('environment'),
    kubernetesVersion: word('kubernetes-version'),
    startedAt: started.timestamp,
    finishedAt: finished?.timestamp ?? started.timestamp,
    verdict,
    reason,
    runnerVersion: word('runner_version') || 'unknown',
    contact: input.contact,
    headers: { job: input.job, build: input.build },
  };
  return { run, tests: cases.map(testOf), results: cases.map((one) => resultOf(id, one, started.timestamp)) };
}

/**
 * Reads JUnit files that say nothing of their run but its results: of chainsaw, Ginkgo, pytest or anybody. `suite` stands for the
 * job, `at` (epoch ms) for its time. Throws an Error that says what is wrong; a report without a test that ran is no evidence.
 */
export function readJunitRun(input: {
  suite: string;
  build: string;
  contact: string;
  cluster: string;
  at: number;
  files: { name: string; text: string }[];
}): ImportedRun {
  const { suite, build, contact, cluster, at } = input;
  const cases = readJunit(input.files);
  const ran = cases.filter((one) => one.outcome !== 'skipped');
  if (ran.length === 0) throw new Error('none of its tests ran: it proves nothing');
  const id = `import/${suite}/${build}`;
  const passed = ran.every((one) => one.outcome === 'pass' || one.outcome === 'flaky');
  const took = ran.reduce((sum, one) => sum + one.durationMs, 0);
  const run: RunRecord = {
    id,
    kind: 'imported',
    profile: suite,
    trigger: suite,
    channel: '',
    commit: '',
    clusterId: cluster,
    provider: '',
    region: '',
    environment: '',
    kubernetesVersion: '',
    startedAt: Math.round(at - took),
    finishedAt: Math.round(at),
    ...verdictOf({ timestamp: at, passed, metadata: undefined }, cases),
    runnerVersion: 'unknown',
    contact,
    headers: { job: suite, build },
  };
  return { run, tests: cases.map(testOf), results: cases.map((one) => resultOf(id, one, run.startedAt)) };
}

function parsed<T>(name: string, text: string | undefined, schema: z.ZodType<T>): T {
  if (text === undefined) throw new Error(`${name} is missing`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const result = schema.safeParse(value);
  if (!result.success)
    throw new Error(
      `${name}: ${result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`,
    );
  return result.data;
}

function verdictOf(
  finished: z.output<typeof finishedSchema> | undefined,
  cases: JunitCase[],
): Pick<RunRecord, 'verdict' | 'reason'> {
  if (finished === undefined) return { verdict: 'error', reason: 'finished.json is missing: the run never ended' };
  if (finished.result === 'ABORTED') return { verdict: 'cancelled', reason: 'aborted' };
  const failed = cases.filter((one) => one.outcome === 'fail' || one.outcome === 'error');
  if (finished.passed !== true) return { verdict: 'fail', reason: `${failed.length} tests failed` };
  if (failed.length > 0) return { verdict: 'fail', reason: `it says passed, and ${failed.length} tests failed` };
  return cases.some((one) => one.outcome === 'flaky')
    ? { verdict: 'flaky', reason: '' }
    : { verdict: 'pass', reason: '' };
}

function testOf(one: JunitCase): TestRecord {
  const gate = one.properties['lifecycle'] === 'informing' ? 'informing' : 'blocking';
  return { key: one.name, title: one.name, area: one.suite, gate };
}

function resultOf(runId: string, one: JunitCase, at: number): ResultRecord {
  const code = one.properties['skip_code'] ?? '';
  // Written before the message, for those who read no properties.
  const said = code !== '' && one.message.startsWith(`${code}: `) ? one.message.slice(code.length + 2) : one.message;
  const message = said.slice(0, longestMessage);
  const bad = one.outcome !== 'pass' && one.outcome !== 'skipped';
  return {
    runId,
    test: one.name,
    outcome: one.outcome,
    attempts: Number(one.properties['attempts'] ?? 1) || 1,
    startedAt: at,
    durationMs: one.durationMs,
    message,
    signature: bad ? failureSignature(one.name, message) : '',
    skipCode: one.outcome === 'skipped' ? (code as ResultRecord['skipCode']) : '',
    leaked: 0,
    nodes: [],
  };
}
