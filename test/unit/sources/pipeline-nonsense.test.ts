/** Every field of the pipeline file with what cannot be meant: refused at its place, with what to write instead, all at once. */
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Problem } from '../../../src/domain/problem.ts';
import { remedies } from '../../../src/planning/remedies/remedies.ts';
import { parsePipeline } from '../../../src/sources/pipeline/parse-pipeline.ts';

const codes = new Set(remedies().keys());

/** Every field that there is, each with a good value. */
const whole = {
  maxParallel: 30,
  evidenceMaxAge: '12h',
  zone: 'Europe/Berlin',
  windows: [{ deny: 'weekends', work: ['promotions'], zone: 'UTC', reason: 'nobody is there' }],
  roles: { sre: ['ada', 'bob', 'eve'] },
  channels: [
    {
      name: 'dev',
      branch: 'main',
      promotesTo: [{ to: 'beta', trigger: 'manual' }, 'stable'],
      signatures: 'required',
      bisect: { clusters: 2, attempts: 20 },
      newCommits: 'supersede',
      minDwell: '4h',
    },
    {
      name: 'beta',
      promotesTo: ['stable'],
      needs: 'any',
      promotion: 'push',
      unprovenHeads: 'hold',
      finish: 'pool',
      rollback: 'automatic',
      siblings: ['configItems.pair'],
      sameFailureLimit: 3,
      knownFailures: ['aws-throttled'],
      maxParallel: 3,
      maxFailures: 1,
      soak: { time: '4h', clusterHours: 20, nodesReplaced: 5, passes: 2 },
      e2e: { profile: 'smoke', baseline: true, maxFlaky: 2, keepOnFailure: { for: '2h', most: 3 }, midRoll: 'smoke' },
      periodic: [{ profile: 'periodic', every: '30m' }],
      blockLimit: '6h',
      progressDeadline: '6h',
      windows: [
        { allow: { days: ['mon', 'tue'], from: '09:00', to: '17:00' } },
        { allow: { cron: '0 22 * * 5', for: '4h' } },
        { allow: { rrule: 'FREQ=WEEKLY;BYDAY=TU', start: '2026-01-06T10:00', for: '4h' } },
        { deny: { from: '2026-12-20T18:00', to: '2027-01-06T08:00' } },
      ],
      gates: [
        { name: 'release', approval: { quorum: 2, roles: ['sre'] } },
        { name: 'board', http: { url: 'https://x.test/ask', tokenEnv: 'TOKEN', timeout: '10s', patience: '1h' } },
        { name: 'errors', prometheus: { url: 'http://p:9090', query: 'up', is: '< 1', timeout: '5s', patience: '1h' } },
        { name: 'office', schedule: [{ allow: 'weekdays' }] },
      ],
      waves: [
        { name: 'canary', coverage: ['region'], size: 3 },
        { name: 'first', match: { criticality: ['1', '2'], environment: 'test' }, size: '25%', soakBefore: '1h' },
        { name: 'named', clusters: ['kube-1'], gatesBefore: ['release'] },
        { name: 'rest', size: '100%' },
      ],
    },
    { name: 'stable', needs: 'all', soak: '2d', e2e: 'smoke' },
  ],
};

type Path = (string | number)[];
const problemsOf = (document: unknown): Problem[] => {
  const result = parsePipeline('p.yaml', stringify(document), { codes });
  return result.ok ? [] : result.problems;
};

/** Every value in the document with the way to it: mappings and lists, too. */
function places(value: unknown, path: Path = []): Path[] {
  const inside = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const own = path.length === 0 ? [] : [path];
  const keys = Array.isArray(value) ? inside.map(([key, one]) => [Number(key), one] as const) : inside;
  return [...own, ...keys.flatMap(([key, one]) => places(one, [...path, key]))];
}

function withValue(path: Path, value: unknown): unknown {
  const copy: unknown = structuredClone(whole);
  let parent = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) parent = parent[key] as Record<string | number, unknown>;
  parent[path.at(-1) as string | number] = value;
  return copy;
}

const textOf = (path: Path): string =>
  path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`))
    .join('')
    .slice(1);

/** Texts that people may choose as they like, and places where another sort of value is a good one, too. */
const free = /\.(reason|query)$|^roles\.sre\[\d\]$|\.clusters\[\d\]$|match\.\w+(\[\d\])?$/;
const numbers =
  /(maxParallel|maxFailures|sameFailureLimit|maxFlaky|quorum|clusters|attempts|most|passes|nodesReplaced|clusterHours|size)$/;

describe('a pipeline file', () => {
  it('is good with every field that there is', () => {
    expect(problemsOf(whole)).toEqual([]);
  });

  it.each(places(whole).map((path) => [textOf(path), path] as const))('takes no nonsense as %s', (text, path) => {
    const wrong: unknown[] = [null, -7, true, { wrong: 1 }, [[]], 'no! such: thing'];
    for (const value of wrong) {
      if (value === true && /baseline$/.test(text)) continue;
      if (typeof value === 'string' && free.test(text)) continue;
      const found = problemsOf(withValue(path, value));
      const what = `${text}: ${JSON.stringify(value)}`;
      expect(found.map((one) => one.path ?? '').join(' '), what).toContain(text.split('.')[0]?.split('[')[0]);
      for (const { file, line, message, remedy } of found) {
        expect({ file, line, message: message !== '', remedy: (remedy ?? '') !== '' }, `${what}: ${message}`).toEqual({
          file: 'p.yaml',
          line: expect.any(Number),
          message: true,
          remedy: true,
        });
      }
    }
    if (numbers.test(text)) expect(problemsOf(withValue(path, 1e9)), text).not.toEqual([]);
  });

  it.each([
    [
      'a known failure that nothing has',
      { knownFailures: ['aws-throtled'] },
      'knownFailures[0]',
      /no failure with the code aws-throtled/,
      /write aws-throttled/,
    ],
    ['a known failure like none', { knownFailures: ['zzzzzzzzzzzzzzzzzzz'] }, 'knownFailures[0]', /zzz/, /clm explain/],
    [
      'a known failure twice',
      { knownFailures: ['aws-throttled', 'aws-throttled'] },
      'knownFailures[1]',
      /twice/,
      /once/,
    ],
    [
      'a denial of all time',
      { windows: [{ deny: 'always' }] },
      'windows',
      /leave no time for updates and promotions/,
      /clm freeze channel:dev/,
    ],
    [
      'two denials that leave nothing',
      { windows: [{ deny: 'weekends' }, { deny: 'weekdays' }] },
      'windows',
      /leave no time/,
      /leave some time open/,
    ],
    [
      'a denial of all that is allowed',
      {
        windows: [
          { allow: { days: ['mon'], from: '09:00', to: '12:00' } },
          { deny: { days: ['mon'], from: '08:00', to: '12:00' }, work: ['promotions'] },
        ],
      },
      'windows',
      /no time for promotions$/,
      /leave some time/,
    ],
    [
      'more approvals than people',
      { gates: [{ name: 'g', approval: { quorum: 3, roles: ['sre'] } }] },
      'gates[0].approval.quorum',
      /asks for 3 approvals, and 2 people/,
      /lower it/,
    ],
    [
      'a gate that never opens',
      { gates: [{ name: 'g', schedule: [{ deny: 'always' }] }] },
      'gates[0].schedule',
      /gate g would never open/,
      /leave some time open/,
    ],
    [
      'a gate before the first wave',
      { gates: [{ name: 'g', approval: {} }], waves: [{ name: 'a', size: '100%', gatesBefore: ['g'] }] },
      'waves[0].gatesBefore',
      /no wave before a/,
      /later wave/,
    ],
    [
      'a soak before the first wave',
      { waves: [{ name: 'a', size: '100%', soakBefore: '1h' }] },
      'waves[0].soakBefore',
      /no wave before a/,
      /later wave/,
    ],
    [
      'a cluster in two waves',
      {
        waves: [
          { name: 'a', clusters: ['x'] },
          { name: 'b', clusters: ['x'] },
          { name: 'c', size: '100%' },
        ],
      },
      'waves[1].clusters[0]',
      /x is in wave a already/,
      /one wave/,
    ],
    ['a dwell in a queue', { newCommits: 'queue', minDwell: '4h' }, 'minDwell', /no effect/, /leave it out/],
    [
      'an answer later than patience',
      { gates: [{ name: 'g', http: { url: 'https://x.test', timeout: '1m', patience: '5s' } }] },
      'gates[0].http.timeout',
      /longer than its patience/,
      /shorter/,
    ],
    [
      'a search beside a rollback',
      { bisect: {}, rollback: 'automatic' },
      'bisect',
      /rolled back by itself/,
      /keep bisect/,
    ],
  ])('refuses %s', (_, channel, path, message, remedy) => {
    const found = problemsOf({ roles: { sre: ['ada', 'bob'] }, channels: [{ name: 'dev', ...channel }] });
    expect(found.map((one) => one.message)).toHaveLength(1);
    expect(found[0]).toMatchObject({ path: `channels[0].${path}`, line: expect.any(Number) });
    expect(found[0]?.message).toMatch(message);
    expect(found[0]?.remedy).toMatch(remedy);
  });

  it('says of all windows once that they leave no time, and of windows that leave some nothing', () => {
    const channels = [{ name: 'dev' }, { name: 'stable', windows: [{ allow: 'weekdays' }] }];
    expect(problemsOf({ windows: [{ deny: 'weekends' }], channels })).toEqual([]);
    expect(problemsOf({ windows: [{ deny: 'always' }], channels: [{ name: 'a' }, { name: 'b' }] })).toMatchObject([
      { path: 'windows', message: 'the windows of every channel leave no time for updates and promotions' },
    ]);
    // who says an hour of each night is not asked for more, and a date may open what a week does not
    const night = { allow: { days: ['fri'], from: '23:00', to: '24:00' } };
    const once = { allow: { from: '2026-12-20T18:00', to: '2027-01-06T08:00' } };
    expect(problemsOf({ channels: [{ name: 'a', windows: [night, { deny: 'weekends' }] }] })).toEqual([]);
    expect(
      problemsOf({ channels: [{ name: 'a', windows: [once, { deny: 'weekdays' }, { deny: 'weekends' }] }] }),
    ).toEqual([]);
  });

  it('tells everything at once', () => {
    const found = problemsOf({
      windows: [{ deny: 'always' }],
      channels: [
        { name: 'a', promotesTo: ['b'], knownFailures: ['nope-nope'], newCommits: 'queue', minDwell: '1h' },
        { name: 'b', promotesTo: ['a'], gates: [{ name: 'g', approval: { roles: ['sre'] } }] },
      ],
    });
    expect(found.map((one) => one.path).sort()).toEqual([
      'channels[0].knownFailures[0]',
      'channels[0].minDwell',
      'channels[0].promotesTo',
      'channels[1].gates[0].approval.roles[0]',
      'windows',
    ]);
  });
});
