export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

interface Matcher {
  label: string;
  test: (value: string) => boolean;
}

export interface Query {
  aggregate: 'sum' | 'count' | 'min' | 'max' | undefined;
  name: string;
  matchers: Matcher[];
  compare: { operator: string; value: number } | undefined;
}

const queryPattern =
  /^\s*(?:(sum|count|min|max)\s*\()?\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(?:\{([^}]*)\})?\s*(\))?\s*(?:(==|!=|>=|<=|>|<)\s*(-?[0-9.]+))?\s*$/;
const matcherPattern = /^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*$/;

/** `name{label="value"}`, with an aggregation around it and a comparison behind it. */
export function parseQuery(text: string): Query | { problem: string } {
  const match = queryPattern.exec(text);
  const problem = { problem: `invalid parameter "query": cannot parse "${text}"` };
  if (!match || (match[1] === undefined) !== (match[4] === undefined)) return problem;
  const [, aggregate, name = '', inside, , operator, value] = match;
  if (name === '' && (inside ?? '').trim() === '') return problem;
  const matchers: Matcher[] = [];
  for (const part of (inside ?? '').match(/[^,"]*"(?:[^"\\]|\\.)*"/g) ?? []) {
    const each = matcherPattern.exec(part.replace(/^\s*,/, ''));
    if (!each) return problem;
    const wanted = (each[3] as string).replace(/\\(.)/g, '$1');
    const test = testOf(each[2] as string, wanted);
    if (!test) return problem;
    matchers.push({ label: each[1] as string, test });
  }
  return {
    aggregate: aggregate as Query['aggregate'],
    name,
    matchers,
    compare: operator === undefined ? undefined : { operator, value: Number(value) },
  };
}

function testOf(operator: string, wanted: string): ((value: string) => boolean) | undefined {
  if (operator === '=') return (value) => value === wanted;
  if (operator === '!=') return (value) => value !== wanted;
  try {
    const pattern = new RegExp(`^(?:${wanted})$`);
    return operator === '=~' ? (value) => pattern.test(value) : (value) => !pattern.test(value);
  } catch {
    return undefined;
  }
}

export function evaluate(query: Query, samples: readonly Sample[]): Sample[] {
  const chosen = samples.filter(
    (sample) =>
      (query.name === '' || sample.name === query.name) &&
      query.matchers.every(({ label, test }) =>
        test(label === '__name__' ? sample.name : (sample.labels[label] ?? '')),
      ),
  );
  const values = chosen.map((sample) => sample.value);
  let result = chosen;
  if (query.aggregate !== undefined)
    result = values.length === 0 ? [] : [{ name: '', labels: {}, value: aggregated(query.aggregate, values) }];
  const { compare } = query;
  return compare ? result.filter((sample) => holds(sample.value, compare.operator, compare.value)) : result;
}

function aggregated(how: 'sum' | 'count' | 'min' | 'max', values: readonly number[]): number {
  if (how === 'count') return values.length;
  if (how === 'sum') return values.reduce((sum, value) => sum + value, 0);
  return how === 'min' ? Math.min(...values) : Math.max(...values);
}

function holds(value: number, operator: string, other: number): boolean {
  switch (operator) {
    case '==':
      return value === other;
    case '!=':
      return value !== other;
    case '>':
      return value > other;
    case '<':
      return value < other;
    case '>=':
      return value >= other;
    default:
      return value <= other;
  }
}

/** The text format of a metrics page. */
export function parseExposition(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([^}]*)\})?\s+(\S+)/.exec(line);
    if (!match) continue;
    const labels: Record<string, string> = { __name__: match[1] as string };
    for (const part of (match[2] ?? '').match(/[a-zA-Z_][a-zA-Z0-9_]*="[^"]*"/g) ?? []) {
      const at = part.indexOf('=');
      labels[part.slice(0, at)] = part.slice(at + 2, -1);
    }
    samples.push({ name: match[1] as string, labels, value: Number(match[3]) });
  }
  return samples;
}
