/** The places of the settings as notifiers. */
import type { Notifier } from '../../ports/notifier.ts';
import { createHttpClient } from '../../providers/http/http-client.ts';
import { createChatNotifier } from '../../providers/notify/chat.ts';
import { createCommitNotifier } from '../../providers/notify/commit-comments.ts';
import { createWebhookNotifier } from '../../providers/notify/webhook.ts';
import type { Github } from '../../providers/scm/github/github-client.ts';
import { ScaledClock } from '../../support/clock.ts';
import type { SinkConfig } from '../config-outside.ts';
import type { SinkInput } from './sink.ts';

/** Secrets are read from this environment, or from files, each time they are needed. */
export function notifiersOf(
  sinks: readonly SinkConfig[],
  forge: Github | undefined,
  environment: NodeJS.ProcessEnv,
): Pick<SinkInput, 'name' | 'audience' | 'notifier'>[] {
  const http = createHttpClient((name) => environment[name]);
  const wall = new ScaledClock(0, 1);
  const notifierOf = (sink: SinkConfig): Notifier => {
    const { name, timeoutMs } = sink;
    const common = { name, timeoutMs, http, environment };
    if (sink.kind === 'webhook')
      return createWebhookNotifier({ ...common, url: sink.url, secret: sink.secret, wallNow: () => wall.now() });
    if (sink.kind === 'slack') return createChatNotifier({ ...common, to: sink.to });
    if (forge === undefined) throw new Error('settings with a place on a forge name the forge');
    return createCommitNotifier(forge);
  };
  return sinks.map((sink) => ({ name: sink.name, audience: sink.audience, notifier: notifierOf(sink) }));
}
