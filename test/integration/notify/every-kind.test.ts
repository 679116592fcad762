/** Every kind of news, each out of a situation of its own in a real pipeline, and told to services on loopback; and no secret in any. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as bodies from '../../../src/api/control-schemas.ts';
import { readStatus } from '../../../src/api/read-model.ts';
import { pauseBody } from '../../../src/api/schemas.ts';
import { apiHealth } from '../../../src/checks/catalogue/api-health.ts';
import { CheckFailed, defineCheck } from '../../../src/checks/contract.ts';
import { createRunImport } from '../../../src/daemon/import-run.ts';
import { notifiersOf } from '../../../src/daemon/notify/notifiers.ts';
import { PeriodicChecks } from '../../../src/daemon/periodic-checks.ts';
import { templateNames, textFor } from '../../../src/planning/notify/audience.ts';
import { collectNews, type ToldCondition } from '../../../src/planning/notify/collect.ts';
import { conditionsNow } from '../../../src/planning/notify/conditions.ts';
import { type News, type NewsKind, newsKinds } from '../../../src/ports/notifier.ts';
import { openGithub } from '../../../src/providers/scm/github/github-client.ts';
import { digestOf } from '../../../src/support/digest.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import {
  chatToken,
  name,
  type OutsideWorld,
  outsideWorld,
  owner,
  tokens,
  webhookSecret,
} from '../../support/outside-world.ts';
import {
  adoptedWorld,
  minute,
  type PipelineDaemon,
  type PipelineWorld,
  type WorldOptions,
} from '../../support/pipeline/pipeline-world.ts';
import { scriptedCheckRunner } from '../../support/pipeline/scripted-ground.ts';

const jo = { name: 'jo' };
const hour = 60 * minute;
const reason = 'errors since noon';
const gate = { patienceMs: hour, timeoutMs: 1, url: 'http://p', comparison: '<', value: 1 } as const;

/** What people hear of a world: the journal since the last look, and what lasts. */
class Teller {
  readonly #world: PipelineWorld;
  #told: ToldCondition[] = [];
  #after = 0;

  constructor(world: PipelineWorld) {
    this.#world = world;
  }

  async status() {
    const { store, clock, pipeline } = this.#world;
    const registry = { clusters: this.#world.view().clusters, problems: [] };
    return readStatus(store, { pipeline, registry, problems: [], daemonRunning: true, now: clock.now() });
  }

  async look(): Promise<News[]> {
    const { store, clock, pipeline } = this.#world;
    const entries = await store.journal({ afterId: this.#after, limit: 10_000 });
    this.#after = entries.at(-1)?.id ?? this.#after;
    const now = clock.now();
    const [overrideFacts, debtFacts] = [await store.facts('override'), await store.facts('debt')];
    const status = await this.status();
    const conditions = conditionsNow({ status, pipeline, overrideFacts, debtFacts, blockedForMs: 30 * minute, now });
    const collected = collectNews({ entries, conditions, told: this.#told, digest: digestOf, now });
    this.#told = [...this.#told.filter(({ key }) => !collected.over.includes(key)), ...collected.begun];
    return collected.news;
  }
}

interface Stage {
  world: PipelineWorld;
  daemon: PipelineDaemon;
  teller: Teller;
  state(id: string, state: string): Promise<void>;
}

async function stage(options: WorldOptions): Promise<Stage> {
  const made = await adoptedWorld(options);
  const state = (id: string, wanted: string): Promise<void> =>
    made.daemon.until(`${id} is ${wanted}`, async () => (await made.daemon.stateOf(id)) === wanted, 48 * hour);
  return { ...made, teller: new Teller(made.world), state };
}

const fleet = { kind: 'fleet' as const };
const two = { dev: 1, stable: 1 };

/** Brings about what is told; `thread`: its news belong to the thread of a rollout, or why to none. */
interface Situation {
  options?: WorldOptions;
  happens: (stage: Stage) => Promise<void>;
  thread: 'rollout' | { none: string };
}

const merged = ({ world, state }: Stage, until: string) => {
  const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
  return state(`rollout:dev:${commit}`, until);
};
const failing = async (at: Stage): Promise<void> => {
  at.world.failingChecks.set(at.world.clusterOf('dev-1').id, { message: 'no dns' });
  await merged(at, 'halted');
};
const hotfix = async ({ world, daemon }: Stage): Promise<string> => {
  const commit = world.source.add('f1', { manifest: 'fixed' }, world.source.branches.get('stable'));
  await daemon.control.hotfix({ channel: 'stable', commit, skip: ['soak'], reason }, jo);
  return commit;
};
const owing = async (at: Stage): Promise<string> => {
  const commit = await hotfix(at);
  await at.daemon.until('it owes', async () => (await at.world.store.facts('debt')).length === 1);
  return commit;
};
const freeze = ({ daemon }: Stage) =>
  daemon.control.override({ kind: 'freeze', scope: fleet, reason, forSeconds: 3600 }, jo);

/** A check on a schedule of five minutes, as a daemon has it, over the clusters of the world; `pass` looks again and again for so long. */
function scheduled({ world, daemon }: Stage, own = apiHealth) {
  const { store, clock } = world;
  const checks = new PeriodicChecks({
    runner: scriptedCheckRunner(world, clock, { own: [own] }),
    ...{ store, clock, parallel: 3, version: '0', log: silentLogger() },
    clusters: () => world.view().clusters,
    scheduleOf: () => [{ profile: 'own', everyMs: 5 * minute }],
    adopted: async () => true,
    leaseHeld: () => true,
    about: async () => ({ request: {}, provider: 'aws', region: 'eu-central-1', environment: 'test' }),
    onResults: () => {},
  });
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += minute) {
      await checks.look();
      await daemon.pass(minute);
    }
  };
  return { checks, pass };
}
const checksFailing = async (at: Stage): Promise<(ms: number) => Promise<void>> => {
  const { pass } = scheduled(at);
  await pass(6 * minute);
  at.world.clusterOf('dev-1').ready = false;
  await pass(20 * minute);
  return pass;
};

const situations: Record<NewsKind, Situation> = {
  'rollout-started': { thread: 'rollout', happens: (at) => merged(at, 'soaking') },
  'rollout-proven': { thread: 'rollout', happens: (at) => merged(at, 'proven') },
  promoted: {
    options: { channels: two },
    thread: 'rollout',
    happens: async (at) => {
      const before = at.world.source.branches.get('stable');
      await merged(at, 'proven');
      await at.daemon.until('promoted', () => at.world.source.branches.get('stable') !== before);
    },
  },
  'rollout-halted': { thread: 'rollout', happens: failing },
  'cluster-failed': { thread: 'rollout', happens: failing },
  'gate-inconclusive': {
    options: {
      channels: { dev: 1 },
      policy: { soakMs: minute, gates: [{ ...gate, kind: 'prometheus', name: 'errors', query: 'errors' }] },
    },
    thread: 'rollout',
    happens: (at) => merged(at, 'paused'),
  },
  'approval-wanted': {
    options: {
      channels: { dev: 1 },
      policy: { soakMs: minute, gates: [{ kind: 'approval', name: 'release', quorum: 1, roles: [] }] },
    },
    thread: 'rollout',
    happens: async (at) => {
      await merged(at, 'gating');
      await at.daemon.pass(hour);
    },
  },
  'promotion-held': {
    options: { channels: two, policy: { soakMs: 0 } },
    thread: 'rollout',
    happens: async (at) => {
      at.world.source.merge('stable', 'x1', { manifest: 'hot' });
      await merged(at, 'proven');
      await at.daemon.pass(hour);
    },
  },
  'channel-held': {
    options: { channels: two },
    thread: { none: 'it is told of the branch, whatever is at its head next' },
    happens: async ({ world, daemon }) => {
      world.source.merge('stable', 'e1', { manifest: 'mine' });
      await daemon.pass(10 * minute);
    },
  },
  'cluster-blocked': {
    thread: 'rollout',
    happens: async ({ world, daemon }) => {
      world.rolls.set(world.clusterOf('dev-1').id, { durationMs: minute, blocked: true });
      world.source.merge('dev', 'b1', { pool: 'p2' });
      await daemon.pass(2 * hour);
    },
  },
  'cluster-drifted': {
    thread: { none: 'nobody changed a version: a cluster differs from the one that it has' },
    happens: async ({ world, daemon }) => {
      const object = world.clusterOf('dev-1').objects.get('ConfigMap/kube-system/coredns');
      if (object !== undefined) object['data'] = { config: 'by hand' };
      await daemon.pass(20 * hour);
    },
  },
  hotfix: {
    options: { channels: two },
    thread: 'rollout',
    happens: async (at) => {
      await hotfix(at);
      await at.daemon.pass(10 * minute);
    },
  },
  rollback: {
    options: { channels: { dev: 1 }, policy: { soakMs: 0 } },
    thread: 'rollout',
    happens: async (at) => {
      await merged(at, 'proven');
      await at.daemon.control.rollback({ channel: 'dev', reason, vetoSeconds: 3600 }, jo);
    },
  },
  'debt-open': {
    options: { channels: two },
    thread: 'rollout',
    happens: async (at) => {
      await owing(at);
    },
  },
  'debt-repaid': {
    options: { channels: two },
    thread: 'rollout',
    happens: async (at) => {
      const commit = await owing(at);
      await at.teller.look();
      await at.state(`rollout:stable:${commit}`, 'proven');
    },
  },
  'freeze-started': {
    thread: { none: 'a freeze holds every version' },
    happens: async (at) => {
      await freeze(at);
    },
  },
  'freeze-ended': {
    thread: { none: 'a freeze holds every version' },
    happens: async (at) => {
      await freeze(at);
      await at.teller.look();
      await at.daemon.control.endOverride({ kind: 'freeze', scope: fleet, reason }, jo);
    },
  },
  override: {
    thread: { none: 'it stands on no channel, or is of no version' },
    happens: async ({ daemon }) => {
      await daemon.control.override({ kind: 'hold', scope: fleet, reason, forSeconds: 3600 }, jo);
    },
  },
  'checks-failing': {
    thread: 'rollout',
    happens: async (at) => {
      await checksFailing(at);
    },
  },
  'checks-recovered': {
    thread: 'rollout',
    happens: async (at) => {
      const pass = await checksFailing(at);
      await at.teller.look();
      at.world.clusterOf('dev-1').ready = true;
      await pass(11 * minute);
    },
  },
};

const environment = { FORGE: tokens.clm, CHAT: chatToken, HOOK: webhookSecret };
const templates = { default: templateNames.map((one) => `${one}={${one}}`).join(' ') };
let outside: OutsideWorld;

beforeAll(async () => {
  outside = await outsideWorld();
  outside.time.now = Date.now();
});
afterAll(() => outside.close());

/** Tells it in a chat, a webhook and on the forge; what each of them has got. */
async function tellEverywhere(news: News): Promise<string[]> {
  const { at, chat, receiver } = outside.outside;
  const audience = { tell: ['info', 'attention'] as const, channels: [], templates };
  const common = { audience, timeoutMs: 5_000 };
  const forge = openGithub({
    ...{ url: at.github, owner, repository: name, token: { env: 'FORGE' }, timeoutMs: 5_000 },
    ...{ environment, wallNow: () => outside.time.now, spaced: false },
  });
  const places = notifiersOf(
    [
      { ...common, name: 'chat', kind: 'slack', to: { url: at.chat, channel: 'C0RELEASES', token: { env: 'CHAT' } } },
      { ...common, name: 'hook', kind: 'webhook', url: at.receiver, secret: { env: 'HOOK' } },
      { ...common, name: 'forge', kind: 'github' },
    ],
    forge,
    environment,
  );
  // commits of the scripted repository are not on the forge
  const told = { ...news, ...(news.commit === '' ? {} : { commit: outside.first }) };
  const text = textFor(audience, told);
  // the chat takes a message a second
  outside.time.now += 2_000;
  const ids: (string | undefined)[] = [];
  for (const { notifier } of places)
    ids.push((await notifier.send({ news: told, text, thread: undefined, repeat: false })).id);
  const commented =
    ids[2] === undefined
      ? []
      : (
          await outside
            .as('ada')
            .rest.repos.listCommentsForCommit({ owner, repo: name, commit_sha: outside.first, per_page: 100 })
        ).data.filter((one) => String(one.id) === ids[2]);
  expect(commented).toHaveLength(news.commit === '' ? 0 : 1);
  return [
    chat.messages.at(-1)?.text ?? '',
    JSON.stringify(receiver.received.at(-1)?.body ?? ''),
    ...commented.map((one) => one.body),
  ];
}

describe('news of kind', () => {
  it('each has a situation', () => {
    expect(Object.keys(situations).sort()).toEqual([...newsKinds].sort());
  });

  it.each(Object.entries(situations))('%s is told of its situation, in its thread, everywhere', async (kind, one) => {
    const at = await stage(one.options ?? { channels: { dev: 1 }, policy: { soakMs: 10 * minute } });
    await one.happens(at);
    const found = (await at.teller.look()).filter((each) => each.kind === kind);
    expect(found.length).toBeGreaterThan(0);
    expect((await at.teller.look()).map((each) => each.key)).not.toContain(found[0]?.key);
    for (const news of found) {
      const { channel, commit, thread } = news;
      expect(thread, news.message).toBe(one.thread === 'rollout' ? `${channel}/${commit}` : '');
      if (one.thread === 'rollout')
        expect([channel, commit.length], news.message).toEqual([expect.stringMatching(/./), 40]);
    }
    const [news] = found as [News];
    const got = await tellEverywhere(news);
    expect(got).toHaveLength(news.commit === '' ? 2 : 3);
    for (const text of got) {
      expect(text).toContain(`kind=${kind}`);
      expect(text).not.toMatch(/\{(message|kind|severity|channel|cluster|commit|short|at)\}/);
    }
    await at.world.store.close();
  });
});

const planted = {
  key: 'AKIAZ7QHWJ3PLANTED22',
  secretKey: 'wJalrPLANTEDnFEMIbPxRfiCYEXAMPLEKEY',
  bearer: 'planted.bearer.0123456789',
  password: 'hunter2planted',
  github: 'ghp_plantedplantedplanted',
};
const typed = `rotate ${planted.key} secretAccessKey=${planted.secretKey} Bearer ${planted.bearer} https://jo:${planted.password}@git.example.org ${planted.github}`;

/** Says what a server has answered, as it was. */
const leaking = defineCheck({
  ...{ id: 'own.leaking', title: 'It is well', area: 'api', withinMs: minute, retries: 0 },
  run: async (context) => context.step('ask', () => Promise.reject(new CheckFailed(`refused: ${typed}`))),
});

/** What any secret of the planted ones would show as. */
const leaks = (text: string): string[] => Object.values(planted).filter((secret) => text.includes(secret));

const all = { limit: 1_000 };

async function everythingOf(at: Stage): Promise<{ where: string; text: string }[]> {
  const { store } = at.world;
  const facts = await Promise.all(
    [
      ...['override', 'approval', 'approved', 'debt', 'retry', 'channel', 'cluster', 'evidence'],
      ...['e2e-alert', 'e2e-quarantine', 'outbox'],
    ].map((kind) => store.facts(kind)),
  );
  return [
    { where: 'history', text: JSON.stringify([await store.e2e.runs(all), await store.e2e.results(all)]) },
    { where: 'tests', text: JSON.stringify(await store.e2e.tests()) },
    { where: 'journal', text: JSON.stringify(await store.journal({ limit: 10_000 })) },
    { where: 'facts', text: JSON.stringify(facts) },
    { where: 'processes', text: JSON.stringify(await store.rows({})) },
    { where: 'status', text: JSON.stringify(await at.teller.status()) },
  ];
}

async function expectNothingLeaks(at: Stage, kinds: NewsKind[]): Promise<void> {
  const news = await at.teller.look();
  expect(news.map((one) => one.kind)).toEqual(expect.arrayContaining(kinds));
  for (const { where, text } of await everythingOf(at)) expect(leaks(text), where).toEqual([]);
  for (const one of news.filter(({ kind }) => kinds.includes(kind)))
    expect(leaks((await tellEverywhere(one)).join('\n')), one.message).toEqual([]);
}

describe('a secret that somebody gives away', () => {
  it('in a reason is nowhere: not in journal, facts, processes, status, chat, webhook and forge', async () => {
    const at = await stage({ channels: two, policy: { soakMs: hour } });
    const { world, daemon } = at;
    await daemon.operations.pause(pauseBody.parse({ scope: fleet, reason: typed }), jo);
    await daemon.control.override(bodies.overrideBody.parse({ kind: 'hold', scope: fleet, reason: typed }), jo);
    const commit = world.source.add('f1', { manifest: 'fixed' }, world.source.branches.get('stable'));
    const fix = bodies.hotfixBody.parse({ channel: 'stable', commit, skip: ['soak'], reason: typed });
    await daemon.control.hotfix(fix, jo);
    await daemon.pass(10 * minute);
    await expectNothingLeaks(at, ['override', 'hotfix', 'freeze-started']);
    expect(JSON.stringify(await world.store.journal({ limit: 100 }))).toContain('[redacted]');
  });

  it('in what a server answers, a check says or the daemon itself writes down is nowhere either', async () => {
    const at = await stage({
      ...{ channels: { dev: 1 }, policy: { soakMs: minute } },
      checks: { smoke: [leaking] },
    });
    const { world } = at;
    const now = world.clock.now();
    const entry = {
      at: now,
      source: 'daemon',
      seq: 0,
      kind: 'promotion-held',
      channel: 'dev',
      cluster: '',
      commit: '',
    };
    const told = { to: 'channel:dev', event: { type: 'LOOK', reason: typed } };
    await world.store.post({
      journal: [{ ...entry, message: `refused: ${typed}`, data: { said: [typed] } }],
      facts: [{ kind: 'outbox', key: 'hook/1', value: { news: { message: typed }, text: typed, more: [typed] } }],
      messages: [told],
      now,
    });
    const waiting = JSON.stringify(await world.store.pending(10));
    expect([leaks(waiting), waiting.includes('[redacted]')]).toEqual([[], true]);
    await merged(at, 'halted');
    await expectNothingLeaks(at, ['cluster-failed', 'rollout-halted', 'promotion-held']);
    expect(JSON.stringify(await world.store.e2e.results(all))).toContain('refused: rotate [redacted]');
  });

  it('in what a scheduled check says, or a run that was made elsewhere, is nowhere either', async () => {
    const at = await stage({ channels: { dev: 1 } });
    const { store, clock } = at.world;
    const { checks, pass } = scheduled(at, leaking);
    await pass(22 * minute);
    expect(leaks(JSON.stringify(checks.health()))).toEqual([]);
    const [run] = await store.e2e.runs({ kind: 'periodic', limit: 1 });
    const [result] = await store.e2e.results({ kind: 'periodic', limit: 1 });
    if (run === undefined || result === undefined) throw new Error('nothing was run');
    await createRunImport({ store, now: () => clock.now() })(
      {
        run: {
          ...run,
          id: 'import/nightly/1',
          kind: 'imported',
          contact: `ada ${typed}`,
          reason: typed,
          headers: { typed },
        },
        tests: [{ key: 'suite/login', title: typed, area: 'custom', gate: 'informing' }],
        results: [{ ...result, runId: 'import/nightly/1', test: 'suite/login', message: typed }],
      },
      jo,
    );
    await expectNothingLeaks(at, ['checks-failing']);
    const kept = JSON.stringify([await store.facts('e2e-alert'), await store.e2e.run('import/nightly/1')]);
    expect(kept.match(/"message":"[^"]*\[redacted\]/g)).toHaveLength(2);
  });

  it('in why a step waits is not shown', async () => {
    const at = await stage({ channels: { dev: 1 } });
    at.world.rollOf = () => ({ durationMs: minute, blocked: true, says: typed });
    at.world.source.merge('dev', 'b1', { pool: 'p2' });
    await at.daemon.pass(2 * hour);
    await expectNothingLeaks(at, ['cluster-blocked']);
  });
});
