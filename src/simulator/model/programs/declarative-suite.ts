import { parseAllDocuments } from 'yaml';
import type { KubeAnswer, KubeRequest } from '../kube/api-request.ts';
import { type Fields, fieldsOf, listOf, shownText } from '../kube/object.ts';
import type { Process, Program } from '../kube/process.ts';
import type { ResourceDefinition } from '../kube/resource-definition.ts';

const bootMs = 2_000;
const pollMs = 1_000;
const patienceMs = 30_000;

export interface SuiteAccess {
  api(request: KubeRequest): KubeAnswer;
  resources: { byKind(apiVersion: string, kind: string): ResourceDefinition | undefined };
}

/** One thing to do, or to wait for. */
interface Operation {
  step: string;
  kind: 'apply' | 'assert' | 'error' | 'delete';
  object: Fields;
}

interface Test {
  name: string;
  operations: Operation[];
}

class Refused extends Error {}

/**
 * chainsaw and KUTTL, as much of them as applies, asserts, errors and deletes: tests are read from the folder of the command line, run
 * one after the other with the rights of the pod's service account, and end in a JUnit report of steps.
 */
export function declarativeSuite(program: 'chainsaw' | 'kuttl', access: SuiteAccess): Program {
  return {
    start: (process) => process.after(bootMs, () => new Suite(program, process, access).start()),
    bootMs: () => bootMs,
    listens: () => false,
    serve: () => 'reset',
    exec: () => ({ code: 1, output: '' }),
  };
}

class Suite {
  readonly #program: 'chainsaw' | 'kuttl';
  readonly #process: Process;
  readonly #access: SuiteAccess;
  readonly #words: readonly string[];
  readonly #namespace: string;
  readonly #ended: { test: string; step: string; seconds: number; failure: string | undefined }[] = [];

  constructor(program: 'chainsaw' | 'kuttl', process: Process, access: SuiteAccess) {
    this.#program = program;
    this.#process = process;
    this.#access = access;
    this.#words = process.container.args ?? [];
    this.#namespace = this.#flag('namespace') ?? 'default';
  }

  start(): void {
    const folder = this.#words[1] ?? '';
    let tests: Test[];
    try {
      const files = this.#process.files.list(folder).map((path) => ({ path, text: this.#read(path) }));
      tests = this.#program === 'chainsaw' ? chainsawTests(files) : kuttlTests(files);
    } catch (error) {
      this.#process.log(`Error: ${error instanceof Error ? error.message : String(error)}`);
      this.#process.exit(1);
      return;
    }
    this.#process.log(`Loaded ${tests.length} tests from ${folder}`);
    const steps = tests.flatMap((test) => test.operations.map((operation) => ({ test, operation })));
    this.#next(steps, 0, this.#process.now());
  }

  #read(path: string): string {
    const found = this.#process.files.read(path);
    return 'content' in found ? found.content : '';
  }

  #flag(name: string): string | undefined {
    const at = this.#words.indexOf(`--${name}`);
    return at < 0 ? undefined : this.#words[at + 1];
  }

  /** A step that fails ends its test, and not the others. */
  #next(steps: readonly { test: Test; operation: Operation }[], at: number, startedAt: number): void {
    const found = steps[at];
    if (!found) {
      this.#finish();
      return;
    }
    const { test, operation } = found;
    let missing: string | undefined;
    let fatal = false;
    try {
      missing = this.#try(operation);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      missing = error.message;
      fatal = true;
    }
    const now = this.#process.now();
    if (missing !== undefined && !fatal && now - startedAt < patienceMs) {
      this.#process.after(pollMs, () => this.#next(steps, at, startedAt));
      return;
    }
    const failure = missing === undefined ? undefined : `${operation.kind} ${nameOf(operation.object)}: ${missing}`;
    this.#note(test.name, operation.step, (now - startedAt) / 1000, failure);
    this.#process.log(`${failure === undefined ? 'PASS' : 'FAIL'} ${test.name}/${operation.step} ${failure ?? ''}`);
    let after = at + 1;
    while (failure !== undefined && steps[after]?.test === test) after += 1;
    this.#next(steps, after, this.#process.now());
  }

  /** A step is one test of the report, however much it does. */
  #note(test: string, step: string, seconds: number, failure: string | undefined): void {
    const known = this.#ended.find((each) => each.test === test && each.step === step);
    if (!known) this.#ended.push({ test, step, seconds, failure });
    else Object.assign(known, { seconds: known.seconds + seconds, failure });
  }

  /** What is still missing. */
  #try({ kind, object }: Operation): string | undefined {
    const path = this.#pathOf(object);
    const name = shownText(fieldsOf(object['metadata'])['name'] ?? '');
    if (kind === 'apply') {
      const verb = this.#ask('GET', `${path}/${name}`).status === 200 ? 'patch' : 'create';
      const answer = verb === 'patch' ? this.#ask('PATCH', `${path}/${name}`, object) : this.#ask('POST', path, object);
      return answer.status < 300 ? undefined : messageOf(answer);
    }
    if (kind === 'delete') {
      const { status } = this.#ask('DELETE', `${path}/${name}`);
      return status === 200 || status === 202 || status === 404 ? undefined : `it answers ${status}`;
    }
    const answer = this.#ask('GET', name === '' ? path : `${path}/${name}`);
    const all = name === '' ? listOf(fieldsOf(answer.body)['items']) : answer.status === 200 ? [answer.body] : [];
    const differences = all.map((found) => difference(object, found, ''));
    const matches = differences.includes(undefined);
    if (kind === 'error') return matches ? 'it is there, and must not be' : undefined;
    return matches ? undefined : (differences[0] ?? 'actual resource not found');
  }

  #pathOf(object: Fields): string {
    const definition = this.#access.resources.byKind(
      shownText(object['apiVersion'] ?? ''),
      shownText(object['kind'] ?? ''),
    );
    if (!definition) throw new Refused(`no matches for kind "${shownText(object['kind'] ?? '')}"`);
    const { group, version, plural, namespaced } = definition;
    const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const where = shownText(fieldsOf(object['metadata'])['namespace'] ?? this.#namespace);
    return namespaced ? `${root}/namespaces/${where}/${plural}` : `${root}/${plural}`;
  }

  /** As its service account, which may be forbidden to. */
  #ask(method: string, path: string, body?: Fields): KubeAnswer {
    this.#mustBeAllowed(method, path);
    return this.#access.api({
      method,
      path,
      query: new URLSearchParams(),
      userAgent: `${this.#program}/simulated`,
      contentType: method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      ...(body === undefined ? {} : { body }),
    });
  }

  #mustBeAllowed(method: string, path: string): void {
    const verb = { GET: 'get', POST: 'create', PATCH: 'patch', DELETE: 'delete' }[method] ?? 'get';
    const parts = path.split('/').slice(1);
    const group = parts[0] === 'apis' ? (parts[1] ?? '') : '';
    const rest = parts.slice(group === '' ? 2 : 3);
    const [namespace, resource] = rest[0] === 'namespaces' && rest.length > 2 ? [rest[1], rest[2]] : ['', rest[0]];
    const pod = this.#process.pod();
    const account = shownText(pod?.spec['serviceAccountName'] ?? 'default');
    const user = `system:serviceaccount:${pod?.metadata.namespace ?? ''}:${account}`;
    const answer = this.#access.api({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      query: new URLSearchParams(),
      contentType: 'application/json',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, resourceAttributes: { verb, group, resource, namespace } },
      },
    });
    if (fieldsOf(fieldsOf(answer.body)['status'])['allowed'] === true) return;
    throw new Refused(`User "${user}" cannot ${verb} resource "${resource ?? ''}" in namespace "${namespace ?? ''}"`);
  }

  #finish(): void {
    const failures = this.#ended.filter((each) => each.failure !== undefined).length;
    const cases = this.#ended.map(({ test, step, seconds, failure }) => {
      const open = `<testcase name="${xml(`${test}/${step}`)}" classname="${xml(test)}" time="${seconds}">`;
      const said =
        failure === undefined ? '' : `<failure message="${xml(failure)}" type="Failure">${xml(failure)}</failure>`;
      return `${open}${said}</testcase>`;
    });
    const counts = `tests="${this.#ended.length}" failures="${failures}"`;
    const report = `<testsuites ${counts}>\n<testsuite name="${this.#program}" ${counts}>\n${cases.join('\n')}\n</testsuite>\n</testsuites>\n`;
    const folder = this.#flag('report-path') ?? this.#flag('artifacts-dir') ?? '';
    const name = this.#flag('report-name') ?? 'kuttl-report';
    if (folder !== '') this.#process.files.write(`${folder}/${name}.xml`, report);
    this.#process.exit(failures === 0 ? 0 : 1);
  }
}

interface SuiteFile {
  path: string;
  text: string;
}

const documentsOf = (text: string): Fields[] =>
  parseAllDocuments(text).map((document) => fieldsOf(document.toJS() as unknown));

/** `FOLDER/chainsaw-test.yaml`: steps of operations. */
function chainsawTests(files: readonly SuiteFile[]): Test[] {
  const tests = files.filter(({ path }) => path.endsWith('/chainsaw-test.yaml'));
  return tests.map(({ path, text }) => {
    const folder = path.slice(0, -'chainsaw-test.yaml'.length);
    const [document = {}] = documentsOf(text);
    const steps = listOf(fieldsOf(document['spec'])['steps']).map(fieldsOf);
    const operations = steps.flatMap((step, index) =>
      listOf(step['try'])
        .map(fieldsOf)
        .flatMap((operation): Operation[] => {
          const [kind = '', detail] = Object.entries(operation)[0] ?? [];
          const done = kind === 'create' ? 'apply' : kind;
          if (done !== 'apply' && done !== 'assert' && done !== 'error' && done !== 'delete') return [];
          const { resource, file, ref } = fieldsOf(detail);
          const wanted = resource ?? (kind === 'delete' ? referred(fieldsOf(ref)) : undefined);
          const objects =
            wanted === undefined
              ? documentsOf(files.find((each) => each.path === folder + shownText(file ?? ''))?.text ?? '')
              : [fieldsOf(wanted)];
          const name = shownText(step['name'] ?? `step-${index + 1}`);
          return objects.map((object) => ({ step: name, kind: done, object }));
        }),
    );
    return { name: shownText(fieldsOf(document['metadata'])['name'] ?? folder), operations };
  });
}

function referred(ref: Fields): Fields {
  return { apiVersion: ref['apiVersion'], kind: ref['kind'], metadata: { name: ref['name'] } };
}

/** `FOLDER/NN-name.yaml` is applied, `NN-assert.yaml` must come true, `NN-errors.yaml` must not. */
function kuttlTests(files: readonly SuiteFile[]): Test[] {
  const tests = new Map<string, Test>();
  for (const { path, text } of files) {
    const [file = '', name = ''] = path.split('/').reverse();
    const number = /^(\d+)-(.+)\.ya?ml$/.exec(file);
    if (!number) continue;
    const test = tests.get(name) ?? { name, operations: [] };
    tests.set(name, test);
    const kind = number[2] === 'assert' ? 'assert' : number[2] === 'errors' ? 'error' : 'apply';
    for (const object of documentsOf(text)) test.operations.push({ step: number[1] as string, kind, object });
  }
  const order = { delete: 0, apply: 1, assert: 2, error: 3 };
  for (const test of tests.values())
    test.operations.sort((a, b) => a.step.localeCompare(b.step) || order[a.kind] - order[b.kind]);
  return [...tests.values()];
}

/** Where the actual object is not what the wanted part of it says. */
function difference(wanted: unknown, actual: unknown, at: string): string | undefined {
  if (typeof wanted !== 'object' || wanted === null)
    return wanted === actual
      ? undefined
      : `${at}: Invalid value: ${JSON.stringify(actual)}: Expected value: ${JSON.stringify(wanted)}`;
  for (const [key, value] of Object.entries(wanted)) {
    const found = difference(value, fieldsOf(actual)[key], `${at}.${key}`.replace(/^\./, ''));
    if (found !== undefined) return found;
  }
  return undefined;
}

const nameOf = (object: Fields): string =>
  `${shownText(object['apiVersion'] ?? '')}/${shownText(object['kind'] ?? '')}/${shownText(fieldsOf(object['metadata'])['name'] ?? '')}`;

function messageOf(answer: KubeAnswer): string {
  return `${answer.status} ${shownText(fieldsOf(answer.body)['message'] ?? '')}`.trim();
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
