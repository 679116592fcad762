/** What operators ask for and cannot have: refused with what is wrong and what would be right, and nothing is written. */
import { beforeAll, describe, expect, it } from 'vitest';
import { ApiError, inputProblems } from '../../../src/api/errors.ts';
import { apiRoutes } from '../../../src/api/routes.ts';
import { type OperatorWorld, observingWorld, operatorWorld } from '../../support/pipeline/operator-world.ts';
import type { PipelineWorld } from '../../support/pipeline/pipeline-world.ts';

const reason = 'errors since noon';
const day = 86_400;
const year = 366 * day;
const routes = apiRoutes().filter((route) => route.method === 'POST');

let operated: OperatorWorld;
let world: PipelineWorld;
let head = '';
let gated = '';
let stray = '';

beforeAll(async () => {
  operated = await operatorWorld();
  ({ world, head, gated, stray } = operated);
});

type Asked = Pick<OperatorWorld, 'backend' | 'written'>;

/** As the server answers: the body is checked first, then the command decides. */
async function ask(path: string, body: object, by: string, { backend } = operated as Asked): Promise<ApiError> {
  const route = routes.find((one) => one.path === path);
  if (route?.body === undefined) throw new Error(`no route ${path}`);
  const parsed = route.body.safeParse(body);
  if (!parsed.success) {
    return new ApiError(400, 'invalid-request', '', { problems: inputProblems('body', parsed.error) });
  }
  const signal = new AbortController().signal;
  const request = { params: {}, query: {}, body: parsed.data, operator: { name: by }, signal };
  return route.handle(backend, request as never).then(
    () => {
      throw new Error('it was not refused');
    },
    (error: unknown) => {
      if (error instanceof ApiError) return error;
      throw error;
    },
  );
}

const fleet = { kind: 'fleet' };
const channel = (name: string) => ({ kind: 'channel', name });
const cluster = (name: string) => ({ kind: 'cluster', name });
const commit = (name: string) => ({ kind: 'commit', name });

const run = {
  ...{ id: 'import/nightly/1', kind: 'imported', profile: 'nightly', trigger: 'nightly', channel: '', commit: '' },
  ...{ clusterId: 'nightly', provider: '', region: '', environment: '', kubernetesVersion: '', startedAt: 1 },
  ...{ finishedAt: 2, verdict: 'pass', reason: '', runnerVersion: '1', contact: 'ada', headers: {} },
};
const result = {
  ...{ runId: run.id, test: 'suite/login', outcome: 'pass', attempts: 1, startedAt: 1, durationMs: 1, message: '' },
  ...{ signature: '', skipCode: '', leaked: 0, nodes: [] },
};
const imported = (changes: object) => ({
  run: { ...run, ...changes },
  tests: [{ key: 'suite/login', title: 'login', area: 'custom', gate: 'informing' }],
  results: [{ ...result, ...('id' in changes ? { runId: changes.id } : {}) }],
});

/** `says`: what is wrong, and what would be right. */
type Refused = [
  what: string,
  path: string,
  body: () => object,
  status: number,
  code: string,
  says: RegExp[],
  by?: string,
];

const control: Refused[] = [
  [
    'an override of an unknown channel',
    'overrides',
    () => ({ kind: 'freeze', scope: channel('stabel'), reason }),
    404,
    'unknown-subject',
    [/'stabel'.*Near: stable/],
  ],
  [
    'an override of an unknown cluster',
    'overrides',
    () => ({ kind: 'skip', scope: cluster('dev-11'), reason }),
    404,
    'unknown-subject',
    [/'dev-11'.*Near: .*dev-1/],
  ],
  [
    'a veto of an unknown commit',
    'overrides',
    () => ({ kind: 'veto', scope: commit('abcdef0123'), reason }),
    404,
    'unknown-subject',
    [/no commit 'abcdef0123'.*full id/],
  ],
  [
    'a veto of a channel',
    'overrides',
    () => ({ kind: 'veto', scope: channel('dev'), reason }),
    400,
    'wrong-scope',
    [/A veto is of: commit:NAME; not of a channel/],
  ],
  [
    'a hold with a commit beside its scope',
    'overrides',
    () => ({ kind: 'hold', scope: fleet, commit: 'abcdef0', reason }),
    400,
    'commit-not-wanted',
    [/leave it out/],
  ],
  [
    'a freeze without its API',
    'overrides',
    () => ({ kind: 'freeze', scope: fleet, withoutApi: true, reason }),
    400,
    'without-api-not-wanted',
    [/leave it out/],
  ],
  [
    'a pin to what does not run',
    'overrides',
    () => ({ kind: 'pin', scope: channel('stable'), commit: gated, reason }),
    409,
    'pin-elsewhere',
    [/runs .*clm rollback/],
  ],
  [
    'a decommission of another id',
    'overrides',
    () => ({ kind: 'decommission', scope: cluster('dev-1'), confirm: 'dev-1', reason }),
    400,
    'confirmation-differs',
    [/--confirm aws:/],
  ],
  [
    'a decommission that the registry does not ask for',
    'overrides',
    () => ({ kind: 'decommission', scope: cluster('dev-1'), confirm: world.clusterOf('dev-1').id, reason }),
    409,
    'not-asked-for',
    [/lifecycle_status: decommission-requested/],
  ],
  [
    'the end of an override that there is not',
    'overrides/end',
    () => ({ kind: 'freeze', scope: fleet, reason }),
    409,
    'nothing-to-end',
    [/There is no freeze anywhere/],
  ],
  [
    'an end for an unknown wave',
    'overrides/end',
    () => ({ kind: 'skip', scope: { kind: 'wave', name: 'dev/first' }, reason }),
    400,
    'wrong-scope',
    [/A skip is of: cluster:NAME/],
  ],
  [
    'an approval by somebody without the role',
    'approvals',
    () => ({ verdict: 'approved', channel: 'dev', commit: gated, reason }),
    409,
    'not-in-role',
    [/mallory may not decide at gate release: .*sre \(ada\) may/],
    'mallory',
  ],
  [
    'an approval at a gate that there is not',
    'approvals',
    () => ({ verdict: 'approved', channel: 'dev', commit: gated, gate: 'launch', reason }),
    409,
    'nothing-to-approve',
    [/does not wait for launch.*release/],
  ],
  [
    'an approval of what waits for none',
    'approvals',
    () => ({ verdict: 'approved', channel: 'stable', commit: head, reason }),
    409,
    'nothing-to-approve',
    [/clm why stable/],
  ],
  [
    'an approval on an unknown channel',
    'approvals',
    () => ({ verdict: 'rejected', channel: 'stabel', commit: gated, reason }),
    404,
    'unknown-subject',
    [/Near: stable/],
  ],
  [
    'a promotion to an unknown channel',
    'promotions',
    () => ({ commit: gated, to: 'stabel', reason }),
    404,
    'unknown-subject',
    [/Near: stable/],
  ],
  [
    'a promotion of what is not proven',
    'promotions',
    () => ({ commit: gated, to: 'stable', reason }),
    409,
    'not-proven',
    [/wait until dev has proven it.*clm hotfix/],
  ],
  [
    'a promotion of what is there',
    'promotions',
    () => ({ commit: head, to: 'stable', reason }),
    409,
    'already-there',
    [/contains .* already/],
  ],
  [
    'a bypass with what nobody has proven',
    'promotions',
    () => ({ commit: stray, to: 'stable', bypass: true, reason }),
    409,
    'not-proven',
    [/clm why/],
  ],
  [
    'a hotfix that is not on the head',
    'hotfixes',
    () => ({ commit: stray, channel: 'stable', reason }),
    409,
    'not-on-head',
    [/commit the fix on top of it/],
  ],
  [
    'a hotfix with what is there',
    'hotfixes',
    () => ({ commit: head, channel: 'stable', reason }),
    409,
    'already-there',
    [/already/],
  ],
  [
    'a hotfix with an unknown commit',
    'hotfixes',
    () => ({ commit: 'abcdef0', channel: 'stable', reason }),
    404,
    'unknown-subject',
    [/full id/],
  ],
  [
    'a rollback without an earlier good version',
    'rollbacks',
    () => ({ channel: 'stable', reason }),
    409,
    'nothing-to-go-back-to',
    [/name one with --to/],
  ],
  [
    'a rollback to what is there',
    'rollbacks',
    () => ({ channel: 'stable', to: head, reason }),
    409,
    'already-there',
    [/already/],
  ],
  [
    'a rollback to what was never there',
    'rollbacks',
    () => ({ channel: 'stable', to: gated, reason }),
    409,
    'not-behind',
    [/name a version that the channel has had/],
  ],
];
const others: Refused[] = [
  ['a pause of a commit', 'pause', () => ({ scope: commit('abcdef0'), reason }), 400, 'wrong-scope', [/clm veto/]],
  [
    'a pause of an unknown wave',
    'pause',
    () => ({ scope: { kind: 'wave', name: 'dev/canary' }, reason }),
    404,
    'unknown-subject',
    [/no wave 'dev\/canary'/],
  ],
  [
    'a resume of an unknown cluster',
    'resume',
    () => ({ scope: cluster('dev-11'), reason }),
    404,
    'unknown-subject',
    [/Near: .*dev-1/],
  ],
  [
    'a retry of what did not fail',
    'retry',
    () => ({ scope: cluster('stable-1'), reason }),
    409,
    'nothing-to-retry',
    [/there is nothing to try again/],
  ],
  [
    'a pause of a roll that is not',
    'rolls',
    () => ({ action: 'pause', cluster: 'dev-1', reason }),
    409,
    'no-roll',
    [/No pool of dev-1 is being rolled/],
  ],
  [
    'a roll of an unknown cluster',
    'rolls',
    () => ({ action: 'abort', cluster: 'dev-11', reason }),
    404,
    'unknown-subject',
    [/Near: .*dev-1/],
  ],
  [
    'a skip of an unknown node',
    'rolls',
    () => ({ action: 'skip', cluster: 'dev-1', node: 'node-2', reason }),
    404,
    'unknown-subject',
    [/no node 'node-2'.*node-1/],
  ],
  [
    'the end of an override of budgets that there is not',
    'rolls',
    () => ({ action: 'keep-budgets', cluster: 'dev-1', reason }),
    409,
    'no-override',
    [/not overridden in dev-1/],
  ],
  [
    'a quarantine of an unknown check',
    'e2e/quarantines',
    () => ({ check: 'api.helth', reason, forSeconds: day }),
    404,
    'unknown-subject',
    [/'api.helth'.*Near: /],
  ],
  [
    'a quarantine on an unknown cluster',
    'e2e/quarantines',
    () => ({ check: 'api.health', cluster: 'dev-11', reason, forSeconds: day }),
    404,
    'unknown-subject',
    [/dev-1/],
  ],
  [
    'the end of a quarantine that there is not',
    'e2e/quarantines/end',
    () => ({ check: 'api.health', reason }),
    409,
    'nothing-to-end',
    [/Nothing is quarantined/],
  ],
  [
    'the release of what is not kept',
    'e2e/kept/release',
    () => ({ cluster: 'dev-1', reason }),
    409,
    'nothing-to-release',
    [/Nothing is kept on dev-1/],
  ],
  [
    'news that were not given up',
    'notifications/resend',
    () => ({ all: true, reason }),
    409,
    'nothing-undelivered',
    [/No news were given up/],
  ],
  [
    'a registry that is not held back',
    'confirm',
    () => ({ what: 'registry', reason }),
    409,
    'nothing-held-back',
    [/No registry read is held back/],
  ],
  [
    'a run in place of one of its own',
    'e2e/runs',
    () => imported({ id: 'e2e:update:dev:b1' }),
    400,
    'not-an-import',
    [/import\/JOB\/BUILD/],
  ],
  [
    'results of another run',
    'e2e/runs',
    () => ({ ...imported({}), results: [{ ...result, runId: 'import/nightly/2' }] }),
    400,
    'results-of-another-run',
    [/import\/nightly\/2.*import\/nightly\/1/],
  ],
  [
    'a run that ends before it begins',
    'e2e/runs',
    () => imported({ startedAt: 5, finishedAt: 4 }),
    400,
    'ends-before-it-begins',
    [/finishedAt/],
  ],
  ['unknown news', 'notifications/drop', () => ({ news: ['hook/12'], reason }), 404, 'unknown-subject', [/'hook\/12'/]],
];

/** Bodies with everything wrong at once: every problem is named, by its path. */
const malformed: [path: string, body: object, paths: string[]][] = [
  [
    'overrides',
    { kind: 'freez', scope: channel(''), reason: 'x', forSeconds: 0, more: 1 },
    ['kind', 'scope.name', 'reason', 'forSeconds', 'more'],
  ],
  [
    'overrides',
    { kind: 'freeze', scope: { kind: 'chanel', name: 'dev' }, forSeconds: year + 1 },
    ['scope.kind', 'reason', 'forSeconds'],
  ],
  ['overrides/end', { kind: 'freez', scope: fleet, reason: '  ' }, ['kind', 'reason']],
  [
    'approvals',
    { verdict: 'yes', channel: '', commit: '-x', reason: 'x', forSeconds: -1 },
    ['verdict', 'channel', 'commit', 'reason', 'forSeconds'],
  ],
  ['promotions', { commit: 'a b', to: '', bypass: 'yes' }, ['commit', 'to', 'bypass', 'reason']],
  ['hotfixes', { commit: '', channel: 'dev', skip: ['everything'], reason: 'x' }, ['commit', 'skip.0', 'reason']],
  ['rollbacks', { channel: 'dev', to: '', reason: 'x', vetoSeconds: 1.5 }, ['to', 'reason', 'vetoSeconds']],
  ['stop-the-line', { forSeconds: year + 1 }, ['reason', 'forSeconds']],
  ['pause', { scope: fleet, reason: 'x', forSeconds: year + 1 }, ['reason', 'forSeconds']],
  [
    'rolls',
    { action: 'force-drain', cluster: '', reason: 'x', forSeconds: 8 * day },
    ['cluster', 'reason', 'forSeconds'],
  ],
  ['rolls', { action: 'explode', cluster: 'dev-1', reason }, ['action']],
  ['e2e/quarantines', { check: '', reason: 'x', forSeconds: 91 * day }, ['check', 'reason', 'forSeconds']],
  ['e2e/kept/release', { cluster: '', reason: 'x' }, ['cluster', 'reason']],
  ['notifications/drop', { news: ['12'], reason: 'x' }, ['news.0', 'reason']],
  ['adopt', { reason: 'x', yes: true }, ['reason', 'yes']],
  ['confirm', { what: 'fleet', reason: ' ' }, ['what', 'reason']],
  [
    'e2e/runs',
    { run: { id: 1, kind: 'periodic', contact: '' }, tests: [{ key: '', gate: 'no' }], results: 'none' },
    [
      ...['id', 'kind', 'contact', 'profile', 'trigger', 'channel', 'commit', 'clusterId', 'provider', 'region'],
      ...[
        'environment',
        'kubernetesVersion',
        'startedAt',
        'finishedAt',
        'verdict',
        'reason',
        'runnerVersion',
        'headers',
      ],
    ]
      .map((field) => `run.${field}`)
      .concat('tests.0.key', 'tests.0.title', 'tests.0.area', 'tests.0.gate', 'results'),
  ],
];

describe('refused, with what would be right and nothing written:', () => {
  it.each([...control, ...others])('%s', async (_what, path, body, status, code, says, by = 'ada') => {
    const before = await operated.written();
    const error = await ask(`/v1/${path}`, body(), by);
    expect([error.status, error.body.error.code], error.message).toEqual([status, code]);
    for (const words of says) expect(error.message).toMatch(words);
    expect(await operated.written()).toBe(before);
  });

  it.each(malformed)('a malformed body of %s %j, all problems at once', async (path, body, paths) => {
    const before = await operated.written();
    const { status, body: answer } = await ask(`/v1/${path}`, body, 'ada');
    expect(status).toBe(400);
    const { problems } = answer.error;
    expect(problems.map((one) => one.path?.replace(/^body\./, '')).sort()).toEqual([...paths].sort());
    for (const problem of problems) {
      expect(problem.message, problem.path).not.toMatch(/^Invalid|^Too|^Expected/);
      expect(problem.remedy.length).toBeGreaterThan(5);
    }
    expect(await operated.written()).toBe(before);
  });

  it('an adoption of nothing, and one while somebody else is at it', async () => {
    const none = await observingWorld(0);
    const nothing = await none.written();
    const error = await ask('/v1/adopt', { reason }, 'ada', none);
    expect([error.status, error.body.error.code]).toEqual([409, 'no-clusters']);
    expect(error.message).toMatch(/registry has no cluster.*clm validate/);
    expect(await none.written()).toBe(nothing);
    const one = await observingWorld(1);
    const before = await one.written();
    const first = one.backend.previewAdoption(new AbortController().signal);
    const second = await ask('/v1/adopt', { reason }, 'ada', one);
    expect([second.status, second.body.error.code]).toEqual([409, 'adoption-under-way']);
    expect(second.message).toMatch(/ask again/);
    expect((await first).clusters).toHaveLength(1);
    expect(await one.written()).toBe(before);
  });

  it('and every command with a body has its row', () => {
    const rows = new Set([...control, ...others].map(([, path]) => `/v1/${path}`));
    for (const [path] of malformed) rows.add(`/v1/${path}`);
    const bodies = routes.filter((route) => route.body !== undefined).map((route) => route.path);
    expect(bodies.filter((path) => !rows.has(path))).toEqual([]);
  });
});
