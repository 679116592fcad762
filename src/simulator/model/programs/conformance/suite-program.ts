import type { Process, Program } from '../../kube/process.ts';
import { SuiteCluster, SuiteFailure, type SuiteParts, type Waiting } from './suite-cluster.ts';
import { type SuiteTest, suiteTests } from './suite-tests.ts';

const bootMs = 3_000;

interface Ended {
  test: SuiteTest;
  failure: string | undefined;
  seconds: number;
}

interface Settings {
  focus: RegExp;
  skip: RegExp | undefined;
  procs: number;
  attempts: number;
  limitMs: number;
  dryRun: boolean;
  folder: string;
}

/**
 * The image `conformance`: go-runner with the upstream suite. Its environment says which tests; it runs them against the cluster that
 * it finds itself in, and leaves a log, a JUnit report, an archive and the file `done`, in this order.
 */
export function conformanceSuite(parts: Omit<SuiteParts, 'process' | 'runId'>): Program {
  return {
    start: (process) => process.after(bootMs, () => new SuiteRun(process, parts).start()),
    bootMs: () => bootMs,
    listens: () => false,
    serve: () => 'reset',
    exec: () => ({ code: 1, output: '' }),
  };
}

class SuiteRun {
  readonly #process: Process;
  readonly #parts: SuiteParts;
  readonly #settings: Settings;
  readonly #ended: Ended[] = [];
  #lines: string[] = [];
  #waiting: SuiteTest[] = [];
  #running = 0;
  #namespaces = 0;
  #over = false;
  readonly #startedAt: number;

  constructor(process: Process, parts: Omit<SuiteParts, 'process' | 'runId'>) {
    this.#process = process;
    const hex = (length: number): string => Array.from({ length }, () => process.random.int(16).toString(16)).join('');
    const runId = [8, 4, 4, 4, 12].map(hex).join('-');
    this.#parts = { ...parts, process, runId };
    this.#settings = settingsOf(process.environment());
    this.#startedAt = process.now();
  }

  start(): void {
    const { focus, skip, procs, limitMs } = this.#settings;
    this.#waiting = suiteTests.filter(({ name }) => focus.test(name) && !skip?.test(name));
    const total = this.#waiting.length;
    this.#say(
      `I0101 00:00:00.000000      ${procs} e2e.go:109] Starting e2e run "${this.#parts.runId}" on Ginkgo node 1`,
    );
    this.#say(`Running Suite: Kubernetes e2e suite - /usr/local/bin`);
    this.#say(`Will run ${total} of ${suiteTests.length} specs`);
    if (procs > 1) this.#say(`Running in parallel across ${procs} processes`);
    const refused = this.#refusal();
    if (refused !== undefined) {
      for (const test of this.#waiting.splice(0)) this.#note(test, refused, 0);
      this.#finish();
      return;
    }
    this.#process.after(limitMs, () => this.#timeOut());
    for (let n = 0; n < procs; n++) this.#next();
    if (total === 0) this.#finish();
  }

  /** Everything is looked at: without the right to do so nothing can be tested. */
  #refusal(): string | undefined {
    const account = this.#process.pod()?.spec['serviceAccountName'];
    const namespace = this.#process.pod()?.metadata.namespace ?? '';
    const user = `system:serviceaccount:${namespace}:${typeof account === 'string' ? account : 'default'}`;
    const answer = new SuiteCluster(this.#parts, namespace).ask(
      'POST',
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, resourceAttributes: { verb: 'create', resource: 'namespaces' } },
      },
    );
    const { status } = (typeof answer.body === 'object' ? answer.body : {}) as { status?: { allowed?: boolean } };
    return status?.allowed === true
      ? undefined
      : `namespaces is forbidden: User "${user}" cannot create resource "namespaces"`;
  }

  #next(): void {
    const test = this.#over ? undefined : this.#waiting.shift();
    if (!test) {
      if (this.#running === 0) this.#finish();
      return;
    }
    this.#running += 1;
    this.#attempt(test, 1, this.#process.now());
  }

  #attempt(test: SuiteTest, attempt: number, startedAt: number): void {
    const { dryRun, attempts } = this.#settings;
    const namespace = `e2e-suite-${this.#parts.runId.slice(0, 4)}-${++this.#namespaces}`;
    const cluster = new SuiteCluster(this.#parts, namespace);
    const done = (failure: string | undefined): void => {
      cluster.ask('DELETE', `/api/v1/namespaces/${namespace}`);
      if (failure !== undefined && attempt < attempts) {
        this.#attempt(test, attempt + 1, startedAt);
        return;
      }
      this.#note(test, failure, (this.#process.now() - startedAt) / 1000);
      this.#running -= 1;
      this.#next();
    };
    if (dryRun) done(undefined);
    else this.#advance(framed(test, cluster, this.#parts.runId), done);
  }

  /** Goes on until the test waits or ends. */
  #advance(steps: Waiting, done: (failure: string | undefined) => void): void {
    let step: IteratorResult<number, void>;
    try {
      step = steps.next();
    } catch (error) {
      if (!(error instanceof SuiteFailure)) throw error;
      done(error.message);
      return;
    }
    if (step.done) done(undefined);
    else this.#process.after(step.value, () => this.#advance(steps, done));
  }

  #note(test: SuiteTest, failure: string | undefined, seconds: number): void {
    this.#ended.push({ test, failure, seconds });
    if (failure === undefined) this.#say('•');
    else {
      this.#say('------------------------------', `• [FAILED] [${seconds.toFixed(3)} seconds]`, test.name);
      this.#say(`  [FAILED] ${failure}`, '------------------------------');
    }
  }

  #timeOut(): void {
    if (this.#over) return;
    for (const test of this.#waiting.splice(0)) this.#note(test, 'Interrupted by Timeout', 0);
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    const failed = this.#ended.filter((each) => each.failure !== undefined);
    const passed = this.#ended.length - failed.length;
    const seconds = (this.#process.now() - this.#startedAt) / 1000;
    this.#say('', `Ran ${this.#ended.length} of ${suiteTests.length} Specs in ${seconds.toFixed(3)} seconds`);
    const skipped = suiteTests.length - this.#ended.length;
    const word = failed.length === 0 ? 'SUCCESS!' : 'FAIL!';
    this.#say(`${word} -- ${passed} Passed | ${failed.length} Failed | 0 Pending | ${skipped} Skipped`);
    const { folder } = this.#settings;
    const { files } = this.#process;
    files.write(`${folder}/junit_01.xml`, this.#report(seconds));
    files.write(`${folder}/e2e.tar.gz`, `archive of ${this.#parts.runId}`);
    files.write(`${folder}/done`, `${folder}/e2e.tar.gz`);
    this.#process.exit(failed.length === 0 ? 0 : 1);
  }

  #say(...lines: string[]): void {
    for (const line of lines) this.#process.log(line);
    this.#lines = [...this.#lines, ...lines];
    this.#process.files.write(`${this.#settings.folder}/e2e.log`, `${this.#lines.join('\n')}\n`);
  }

  #report(seconds: number): string {
    const known = new Map(this.#ended.map((each) => [each.test.name, each]));
    const cases = suiteTests.map(({ name }) => {
      const ended = known.get(name);
      const open = `<testcase name="${xml(`[It] ${name}`)}" classname="Kubernetes e2e suite" `;
      if (!ended) return `${open}status="skipped" time="0"><skipped message="skipped"/></testcase>`;
      const time = `time="${ended.seconds}"`;
      if (ended.failure === undefined) return `${open}status="passed" ${time}></testcase>`;
      const failure = `<failure message="${xml(ended.failure)}" type="failed">${xml(ended.failure)}</failure>`;
      return `${open}status="failed" ${time}>${failure}</testcase>`;
    });
    const failures = this.#ended.filter((each) => each.failure !== undefined).length;
    const counts = `tests="${suiteTests.length}" failures="${failures}" errors="0" time="${seconds}"`;
    const suite = `<testsuite name="Kubernetes e2e suite" ${counts}>\n${cases.join('\n')}\n</testsuite>`;
    return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts}>\n${suite}\n</testsuites>\n`;
  }
}

/** What the suite's framework does around every test: a namespace of its own, with the labels that it is known by. */
function* framed(test: SuiteTest, cluster: SuiteCluster, runId: string): Waiting {
  yield* cluster.create('/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: cluster.namespace, labels: { 'e2e-framework': 'simulated', 'e2e-run': runId } },
  });
  yield* cluster.until('the default service account', 60_000, () =>
    cluster.get(`${cluster.own('serviceaccounts')}/default`) ? undefined : 'it is not there',
  );
  yield* test.run(cluster);
}

function settingsOf(environment: Readonly<Record<string, string>>): Settings {
  const parallel = /^(y|Y|true)$/.test(environment['E2E_PARALLEL'] ?? '');
  const skip = environment['E2E_SKIP'] ?? '';
  const ginkgo = (environment['E2E_EXTRA_GINKGO_ARGS'] ?? '').split(' ');
  const number = (flag: string): number | undefined => {
    const value = ginkgo.find((word) => word.startsWith(`--${flag}=`))?.split('=')[1];
    return value === undefined ? undefined : Number.parseInt(value, 10);
  };
  const usual = skip === '' && parallel ? String.raw`\[Serial\]` : skip;
  return {
    focus: new RegExp(environment['E2E_FOCUS'] || String.raw`\[Conformance\]`),
    skip: usual === '' ? undefined : new RegExp(usual),
    procs: parallel ? (number('procs') ?? 4) : 1,
    attempts: number('flake-attempts') ?? 1,
    limitMs: (number('timeout') ?? 24 * 60) * 60_000,
    dryRun: (environment['E2E_DRYRUN'] ?? '') !== '',
    folder: environment['RESULTS_DIR'] || '/tmp/results',
  };
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
