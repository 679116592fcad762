import { XMLParser } from 'fast-xml-parser';

/** One test case of a JUnit report, whoever wrote it. */
export interface JunitCase {
  name: string;
  suite: string;
  outcome: 'pass' | 'fail' | 'error' | 'skipped' | 'flaky';
  message: string;
  durationMs: number;
  properties: Record<string, string>;
}

const mostBytes = 64 * 1024 * 1024;
const longestMessage = 10_000;
/** Ginkgo 2 writes the kind of node before the name; history has the names without it. */
const nodeKind =
  /^\[(?:It|BeforeSuite|AfterSuite|SynchronizedBeforeSuite|SynchronizedAfterSuite|ReportAfterSuite|DeferCleanup[^\]]*)\] /;

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  textNodeName: 'text',
  parseTagValue: false,
  parseAttributeValue: false,
  isArray: (name) => ['testsuite', 'testcase', 'property', 'failure', 'error', 'flakyFailure'].includes(name),
});

interface Element {
  [name: string]: unknown;
}

/**
 * Test cases of one or several files (Ginkgo 1 wrote one a process): the same name in several is one case, and flaky when it both
 * passed and failed. Throws an Error that names the file when a text is no JUnit.
 */
export function readJunit(files: { name: string; text: string }[]): JunitCase[] {
  const all = new Map<string, JunitCase>();
  for (const { name, text } of files) {
    if (text.length > mostBytes) throw new Error(`${name}: larger than ${mostBytes / 1024 / 1024} MiB`);
    let document: Element;
    try {
      document = parser.parse(text) as Element;
    } catch (error) {
      throw new Error(`${name}: not XML: ${error instanceof Error ? error.message : String(error)}`);
    }
    const roots = [...elements(document['testsuites'], 'testsuite'), ...list(document['testsuite'])];
    if (roots.length === 0 && document['testsuites'] === undefined)
      throw new Error(`${name}: it has no testsuite: not JUnit`);
    for (const suite of roots) collect(suite, all);
  }
  return [...all.values()];
}

function collect(suite: Element, all: Map<string, JunitCase>): void {
  for (const inner of list(suite['testsuite'])) collect(inner, all);
  for (const one of list(suite['testcase'])) {
    const found = caseOf(one, wordOf(suite, 'name'));
    const known = all.get(found.name);
    all.set(found.name, known === undefined ? found : merged(known, found));
  }
}

function caseOf(element: Element, suite: string): JunitCase {
  const failure = list(element['failure'])[0];
  const error = list(element['error'])[0];
  const flaky = list(element['flakyFailure'])[0];
  const skipped = 'skipped' in element;
  const status = wordOf(element, 'status');
  const bad = failure ?? error ?? flaky;
  const said = bad ?? (skipped ? (list(element['skipped'])[0] ?? {}) : {});
  return {
    name: wordOf(element, 'name').replace(nodeKind, ''),
    suite: wordOf(element, 'classname', suite),
    outcome: failure
      ? 'fail'
      : error
        ? 'error'
        : flaky
          ? 'flaky'
          : skipped || status === 'skipped'
            ? 'skipped'
            : 'pass',
    message: textOf(said).slice(0, longestMessage),
    durationMs: Math.round(Number(element['time'] ?? 0) * 1000) || 0,
    properties: Object.fromEntries(
      elements(element['properties'], 'property').map((one) => [wordOf(one, 'name'), wordOf(one, 'value')]),
    ),
  };
}

/** A case that one process ran and the others skipped counts as run. */
function merged(a: JunitCase, b: JunitCase): JunitCase {
  if (b.outcome === 'skipped') return a;
  if (a.outcome === 'skipped') return b;
  if (a.outcome === b.outcome) return b;
  const bad = a.outcome === 'pass' ? b : a;
  return { ...bad, outcome: 'flaky', durationMs: a.durationMs + b.durationMs };
}

function textOf(element: Element): string {
  const message = element['message'];
  const text = typeof element['text'] === 'string' ? element['text'].trim() : '';
  return typeof message === 'string' && message !== '' ? message : text;
}

function list(value: unknown): Element[] {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map((one) =>
    typeof one === 'object' && one !== null ? (one as Element) : { text: one },
  );
}

function elements(parent: unknown, name: string): Element[] {
  return list(parent).flatMap((one) => list(one[name]));
}

/** An attribute as text. */
function wordOf(element: Element, name: string, otherwise = ''): string {
  const value = element[name];
  return typeof value === 'string' ? value : otherwise;
}
