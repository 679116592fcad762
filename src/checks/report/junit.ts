import XMLBuilder from 'fast-xml-builder';
import type { RunReport } from './run-report.ts';

type Node = Record<string, unknown>;

/** Readers of JUnit cut or refuse longer texts. */
const longestText = 10_000;

/** The run as one JUnit suite: `lifecycle` (blocking or informing), skip code and attempts as properties. */
export function junitReport(report: RunReport): string {
  const cases = report.results.map((result) => testCase(report, result));
  cases.push(...report.results.flatMap((result) => suiteCases(result)));
  if (report.leaked.length > 0) cases.push(leakCase(report));
  const failures = cases.filter((one) => 'failure' in one).length;
  const suite: Node = {
    '@_name': `clm.${report.profile}`,
    '@_tests': cases.length,
    '@_failures': failures,
    '@_errors': cases.filter((one) => 'error' in one).length,
    '@_skipped': cases.filter((one) => 'skipped' in one).length,
    '@_time': report.durationSeconds.toFixed(3),
    '@_timestamp': report.startedAt.replace(/(\.\d+)?Z$/, ''),
    properties: {
      property: [
        property('run', report.run),
        property('cluster', report.cluster),
        property('kubernetes_version', report.kubernetesVersion),
        property('verdict', report.verdict),
        property('runner_version', report.runnerVersion),
      ],
    },
    testcase: cases,
  };
  const builder = new XMLBuilder({ ignoreAttributes: false, format: true, suppressEmptyNode: true });
  const document = { '?xml': { '@_version': '1.0', '@_encoding': 'UTF-8' }, testsuites: { testsuite: suite } };
  return `${builder.build(document).trim()}\n`;
}

function testCase(report: RunReport, result: RunReport['results'][number]): Node {
  const message = clean(result.message);
  const properties = [property('lifecycle', result.gate), property('attempts', String(result.attempts))];
  if (result.skipCode !== undefined) properties.push(property('skip_code', result.skipCode));
  for (const { check, namespace, until } of report.kept)
    if (check === result.check) properties.push(property('kept', `${namespace} until ${until}`));
  const node: Node = {
    '@_classname': `clm.${report.profile}.${result.area}`,
    '@_name': result.check,
    '@_time': (result.durationMs / 1000).toFixed(3),
    properties: { property: properties },
  };
  const detail = clean([result.message, ...stepLines(result), ...(result.evidence ?? [])].join('\n'));
  switch (result.outcome) {
    case 'pass':
      break;
    case 'flaky':
      // As Surefire writes it: passed in the end, and what the failure said.
      node['flakyFailure'] = { '@_message': message, '@_type': 'flaky', '#text': detail };
      break;
    case 'skipped':
      node['skipped'] = { '@_message': [result.skipCode ?? '', message].filter((text) => text !== '').join(': ') };
      break;
    case 'fail':
    case 'timedout':
      node['failure'] = { '@_message': message, '@_type': result.outcome, '#text': detail };
      break;
    case 'blocked':
      node['skipped'] = { '@_message': `DEPENDENCY_FAILED: ${message}` };
      break;
    case 'error':
    case 'cancelled':
      node['error'] = { '@_message': message, '@_type': result.outcome, '#text': detail };
      break;
  }
  return node;
}

/** Tests that a check ran itself, under their own names. */
function suiteCases(result: RunReport['results'][number]): Node[] {
  return (result.cases ?? []).map((one) => {
    const message = clean(one.message);
    const node: Node = {
      '@_classname': result.check,
      '@_name': clean(one.name),
      '@_time': (one.durationMs / 1000).toFixed(3),
    };
    const kind = { pass: undefined, fail: 'failure', error: 'error', flaky: 'flakyFailure' }[one.outcome];
    if (kind !== undefined) node[kind] = { '@_message': message, '@_type': one.outcome };
    return node;
  });
}

function leakCase(report: RunReport): Node {
  const text = clean(report.leaked.join('\n'));
  return {
    '@_classname': `clm.${report.profile}.ledger`,
    '@_name': 'nothing is left behind',
    '@_time': '0.000',
    failure: { '@_message': `${report.leaked.length} left behind`, '@_type': 'leak', '#text': text },
  };
}

function stepLines(result: RunReport['results'][number]): string[] {
  return (result.steps ?? []).map(
    (step) => `${step.outcome}: ${step.name}${step.message === undefined ? '' : `: ${step.message}`}`,
  );
}

function property(name: string, value: string): Node {
  return { '@_name': name, '@_value': value };
}

/** XML 1.0 has no words for most control characters. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\u00b7').slice(0, longestText);
}
