/** The whole line over the wire: forge, chat, receiver, daemon and fleet as processes and servers; and the journal tells what happened. */
import { beforeAll, describe, expect, it } from 'vitest';
import { adoptFleet, ingressOnly, type Stage } from '../../src/cli/demo/stage.ts';
import type { StoredJournalEntry } from '../../src/ports/store.ts';
import type { ServedOutside } from '../../src/simulator/outside/outside.ts';
import { name, owner } from '../support/outside-world.ts';
import type { PipelineVerdict } from '../support/pipeline-checkers/judge-pipeline.ts';
import { headsOf, judgeStage } from '../support/system/judge-stage.ts';
import { openStory, type StoryStage } from '../support/system/story-stage.ts';
import { withStage } from '../support/system/with-stage.ts';

const window =
  "    windows: [{deny: {from: '2020-01-01T00:00', to: '2099-01-01T00:00'}, work: [promotions], reason: audit week}]\n";
const closeAlpha = (text: string): string => text.replace('  - name: alpha\n', `  - name: alpha\n${window}`);
const openAlpha = (text: string): string => text.replace(window, '');
const demanding = (text: string): string =>
  closeAlpha(text)
    .replace('  - name: beta\n', '  - name: beta\n    promotion: pull-request\n')
    .replace('  - name: stable\n', '  - name: stable\n    maxFailures: 1\n');

interface Told {
  first: string;
  second: string;
  journal: StoredJournalEntry[];
  heads: Record<string, string>;
  failing: string;
  pipeline: PipelineVerdict;
  metrics: string;
  outside: ServedOutside;
}

/** Of a channel's own entries the data say which. */
const commitOf = ({ commit, data }: StoredJournalEntry): unknown =>
  commit === '' ? (data as { commit?: unknown } | null)?.commit : commit;

const is = (kind: string, channel: string, commit?: unknown) => (entry: StoredJournalEntry) =>
  entry.kind === kind && entry.channel === channel && (commit === undefined || commitOf(entry) === commit);

/** A push, and nobody tells the daemon but the forge. */
const push = (stage: Stage, change: typeof ingressOnly) =>
  stage.repository.merge(change.branch, change.subject, (workTree) => change.edit(workTree));

async function toStable(stage: Stage, story: StoryStage): Promise<{ first: string; failing: string }> {
  const stable = stage.members.filter(({ cluster }) => cluster.channel === 'stable').map(({ cluster }) => cluster.id);
  const failing = stable.toSorted().at(-1) ?? '';
  stage.world.kube(failing).faults.endpointSlices = 'broken';
  const first = await push(stage, ingressOnly);
  await story.until('the first version waits for the window', is('promotion-waits', 'dev', first));
  await story.setPipeline(openAlpha);
  await story.until('a pull request', is('promotion-proposed', 'alpha', first));
  await story.ada.pulls.createReview({ owner, repo: name, pull_number: 1, event: 'APPROVE' });
  await story.until('beta updates', is('update-started', 'beta', first));
  // beta may see its new head before the move is on record: the pull request is closed in between
  await story.until('beta is moved', is('branch-moved', 'alpha', first));
  const scope = { kind: 'channel', name: 'beta' };
  await story.post('/v1/overrides', { kind: 'freeze', scope, forSeconds: 86_400 });
  await story.until('beta rests', is('clusters-rest', 'beta', first));
  await story.post('/v1/overrides/end', { kind: 'freeze', scope });
  await story.until('the first version is through', is('rollout-proven', 'stable', first));
  return { first, failing };
}

/** The window closes again: what comes to stable now overtakes. */
async function hotfixAndBack(stage: Stage, story: StoryStage): Promise<string> {
  await story.setPipeline(closeAlpha);
  const second = await push(stage, ingressOnly);
  await story.until('the second version on dev', is('rollout-requested', 'dev', second));
  await story.post('/v1/hotfixes', { commit: second, channel: 'stable', skip: ['soak', 'windows'] });
  await story.until('the hotfix is through', is('rollout-proven', 'stable', second));
  await story.post('/v1/rollbacks', { channel: 'stable' });
  const back = await story.until(
    'the way back',
    (entry) => is('rollout-requested', 'stable')(entry) && (entry.data as { lane?: string }).lane === 'rollback',
  );
  await story.until('the earlier version is back', is('rollout-proven', 'stable', commitOf(back)));
  return second;
}

describe('the whole line over the wire', () => {
  let told: Told;

  beforeAll(async () => {
    told = await withStage({ clusters: 6, speed: 240, seed: 'whole-line' }, async (stage) => {
      const story = await openStory(stage, demanding);
      try {
        stage.daemon.start();
        await adoptFleet(stage, new AbortController().signal);
        const { first, failing } = await toStable(stage, story);
        const second = await hotfixAndBack(stage, story);
        await story.everythingTold();
        const metrics = await stage.daemon.metrics();
        const journal = await story.journal();
        if (process.env['STORY'] !== undefined)
          process.stderr.write(journal.map((one) => `${one.channel} ${one.kind}: ${one.message}\n`).join(''));
        const heads = await headsOf(stage);
        return { first, second, failing, metrics, journal, heads, pipeline: judgeStage(stage), outside: story.outside };
      } finally {
        await story.close();
      }
    });
  });

  it('is told by the journal alone, in its order', () => {
    const { first, second, failing, journal } = told;
    const story: [channel: string, kind: string, commit: string | undefined, says: RegExp][] = [
      ['dev', 'rollout-requested', first, /Roll out a new ingress/],
      ['dev', 'rollout-proven', first, /1 cluster is green/],
      ['dev', 'promotion-waits', first, /waits before alpha: .*audit week/],
      ['dev', 'branch-moved', first, /branch alpha moved/],
      ['alpha', 'rollout-proven', first, /is proven on alpha/],
      ['alpha', 'promotion-proposed', first, /is proposed for beta: .*pull\/1/],
      ['alpha', 'promotion-approved', first, /approved by ada/],
      ['alpha', 'branch-moved', first, /branch beta moved/],
      ['beta', 'override-freeze', undefined, /the story goes on/],
      ['beta', 'clusters-rest', first, /stop after their current node/],
      ['beta', 'rollout-proven', first, /is proven on beta/],
      ['stable', 'cluster-failed', first, new RegExp(`${failing}.*network\\.service-endpoints`)],
      ['stable', 'rollout-verified', first, /verified, or failed within the budget/],
      ['stable', 'rollout-proven', first, /2 clusters are green/],
      ['dev', 'rollout-requested', second, /Roll out a new ingress/],
      ['stable', 'hotfix-requested', second, /asks for a hotfix of stable/],
      ['stable', 'rollout-proven', second, /is proven on stable/],
      ['stable', 'rollback-requested', first, /asks for a rollback of stable/],
      ['stable', 'rollout-proven', told.heads['stable'], /is proven on stable/],
    ];
    let after = 0;
    for (const [channel, kind, commit, says] of story) {
      const found = journal.find(
        (entry) => entry.id > after && is(kind, channel, commit)(entry) && says.test(entry.message),
      );
      const since = journal
        .filter((entry) => entry.id > after)
        .map((one) => `${one.channel} ${one.kind}: ${one.message}`);
      expect(found, `${channel} ${kind} ${says} is not told after:\n${since.slice(0, 60).join('\n')}`).toBeDefined();
      after = found?.id ?? after;
    }
    for (const channel of ['alpha', 'beta'])
      expect(journal.filter(is('rollout-requested', channel, second)), channel).toEqual([]);
  });

  it('ends with every branch where the story says', () => {
    const { first, second, heads } = told;
    expect(heads).toMatchObject({ dev: second, alpha: first, beta: first });
    expect([first, second]).not.toContain(heads['stable']);
  });

  it('violates no invariant of the pipeline', () => {
    expect(told.pipeline.violations).toEqual([]);
    for (const invariant of ['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8', 'P9', 'P10'])
      expect(told.pipeline.checked[invariant], invariant).toBeGreaterThan(0);
  });

  it('is told to the forge, the chat and the receiver while it happens', () => {
    const { first, outside, metrics } = told;
    const { state, hooks } = outside.forge;
    // pushes were noticed by webhook: the next poll would have been a day later
    expect(hooks.deliveries.filter((one) => one.event === 'push' && one.status === 202).length).toBeGreaterThan(1);
    const statuses = state.statuses.filter((one) => one.sha === first);
    for (const channel of ['dev', 'alpha', 'beta'])
      expect(statuses.filter((one) => one.context === `clm/${channel}`).at(-1)?.state, channel).toBe('success');
    expect(new Set(state.deployments.map((one) => one.environment))).toEqual(
      new Set(['dev', 'alpha', 'beta', 'stable']),
    );
    expect(state.pulls).toMatchObject([{ base: 'beta', state: 'closed' }]);
    const chat = outside.chat.messages.map((one) => one.text).join('\n');
    const received = outside.receiver.received.map((one) => (one.body as { type: string }).type);
    expect(chat).toContain('is proven on stable');
    expect(received).toEqual(
      expect.arrayContaining([
        'rollout-started',
        'promoted',
        'approval-wanted',
        'rollback',
        'hotfix',
        'cluster-failed',
      ]),
    );
    expect(outside.receiver.refused).toEqual([]);
    expect(metrics).toMatch(/^clm_webhooks_total\{outcome="taken"\} [1-9]/m);
    expect(metrics).toMatch(/^clm_dora_deployments_total\{channel="stable"\} 2$/m);
    expect(metrics).toMatch(/^clm_dora_change_failures_total\{channel="stable"\} 1$/m);
    expect(metrics).toMatch(/^clm_reconcile_duration_seconds_count\{channel="stable",outcome="failed"\} [1-9]/m);
  });
});
