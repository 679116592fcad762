/** A stage with all the world around it: a forge on the configuration repository, a chat and a receiver, and a pipeline file that can be changed. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Octokit } from '@octokit/rest';
import type { NotificationsAnswer } from '../../../src/api/notification-schemas.ts';
import type { Stage } from '../../../src/cli/demo/stage.ts';
import type { StoredJournalEntry } from '../../../src/ports/store.ts';
import { type ServedOutside, serveOutside } from '../../../src/simulator/outside/outside.ts';
import { parsePipeline } from '../../../src/sources/pipeline/parse-pipeline.ts';
import { ScaledClock } from '../../../src/support/clock.ts';
import { sleep, wallMs } from '../../../src/support/deadline.ts';
import { projectRoot } from '../../../src/support/project.ts';
import { chatToken, name, owner, tokens, webhookSecret } from '../outside-world.ts';

const patienceMs = 150_000;
const hookSecret = 'what the forge signs with';
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface StoryStage {
  outside: ServedOutside;
  ada: Octokit;
  /** Changes the pipeline file, and has the daemon look at it. */
  setPipeline(edit: (text: string) => string): Promise<void>;
  post(path: string, body: object): Promise<{ message: string }>;
  journal(): Promise<StoredJournalEntry[]>;
  /** The first entry that suits; fails with the story so far when none comes. */
  until(what: string, suits: (entry: StoredJournalEntry) => boolean): Promise<StoredJournalEntry>;
  /** Nothing waits to be told any more. */
  everythingTold(): Promise<void>;
  close(): Promise<void>;
}

/** Writes the daemon's configuration anew; it is not started yet. `edit` makes the pipeline of the demo's. */
export async function openStory(stage: Stage, edit: (text: string) => string): Promise<StoryStage> {
  const wall = new ScaledClock(0, 1);
  const user = (login: string, permission: 'admin' | 'write') => ({ login, permission });
  const outside = await serveOutside({
    ...{ repository: stage.repository.bare, owner, name, chatToken, webhookSecret },
    users: { [tokens.clm]: user('clm[bot]', 'write'), [tokens.ada]: user('ada', 'admin') },
    ...{ now: () => wall.now(), host: '127.0.0.1', port: 0 },
  });
  // a chat that is slow is another test's matter
  outside.chat.perSecond = 0;
  const pipeline = join(stage.directory, 'pipeline.yaml');
  const demo = await readFile(join(projectRoot, 'channels', 'pipeline.demo.yaml'), 'utf8');
  let text = edit(demo);
  const write = async (): Promise<void> => {
    const parsed = parsePipeline(pipeline, text);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    stage.pipeline = parsed.pipeline;
    await writeFile(pipeline, text);
  };
  await write();
  await stage.daemon.writeConfig({
    pipeline,
    // a day: what is noticed sooner was told by the forge
    pollInterval: '24h',
    forge: { url: outside.at.github, repository: `${owner}/${name}`, tokenEnv: 'FORGE', webhookSecretEnv: 'HOOK' },
    notifications: {
      sinks: [
        { name: 'releases', kind: 'slack', channel: 'C0RELEASES', url: outside.at.chat, secretEnv: 'CHAT' },
        { name: 'pager', kind: 'webhook', url: outside.at.receiver, secretEnv: 'RECEIVER' },
      ],
    },
    environment: { FORGE: tokens.clm, HOOK: hookSecret, CHAT: chatToken, RECEIVER: webhookSecret },
  });
  const ada = new Octokit({ auth: tokens.ada, baseUrl: outside.at.github, log: silent });
  await ada.repos.createWebhook({
    ...{ owner, repo: name, events: ['*'], config: { url: stage.daemon.webhookUrl, secret: hookSecret } },
  });
  const journal = async (): Promise<StoredJournalEntry[]> => {
    const all: StoredJournalEntry[] = [];
    for (;;) {
      const query = { after: all.at(-1)?.id ?? 0, limit: 1000 };
      const { events } = await stage.client.get<{ events: StoredJournalEntry[] }>('/v1/events', query);
      all.push(...events);
      if (events.length < 1000) return all;
    }
  };
  return {
    outside,
    ada,
    journal,
    post: (path, body) => stage.client.post(path, { reason: 'the story goes on', ...body }),
    setPipeline: async (change) => {
      text = change(text);
      await write();
      await stage.client.post('/v1/refresh', {});
    },
    until: async (what, suits) => {
      const end = wallMs() + patienceMs;
      while (wallMs() < end && stage.daemon.unexpectedExit === undefined) {
        const found = (await journal()).find(suits);
        if (found !== undefined) return found;
        await sleep(200);
      }
      const told = (await journal()).slice(-40).map((entry) => `${entry.channel} ${entry.kind}: ${entry.message}`);
      throw new Error(`${stage.daemon.unexpectedExit ?? 'never came'}: ${what}\n${told.join('\n')}`);
    },
    everythingTold: async () => {
      const end = wallMs() + patienceMs;
      while (wallMs() < end) {
        const { news } = await stage.client.get<NotificationsAnswer>('/v1/notifications');
        if (news.length === 0) return;
        await sleep(200);
      }
      throw new Error('news still wait to be told');
    },
    close: () => outside.stop(),
  };
}
