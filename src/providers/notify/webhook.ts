/**
 * News to anybody's own system: one POST with JSON, signed as the Standard Webhooks specification says, so that receivers can verify it with
 * libraries that exist. The id is the news' key: a repeat is known by it.
 */
import { createHmac } from 'node:crypto';
import type { HttpClient } from '../../ports/http-client.ts';
import type { Delivery, Notifier } from '../../ports/notifier.ts';
import { readSecret, type SecretReference } from '../../support/secret-reference.ts';
import { missingSecret, requireTaken, tell } from './answers.ts';

export interface WebhookOptions {
  /** As settings call it; for messages. */
  name: string;
  url: string;
  secret: SecretReference;
  timeoutMs: number;
  http: HttpClient;
  environment: NodeJS.ProcessEnv;
  /** Wall time, epoch ms: the receiver compares it with its own clock. */
  wallNow: () => number;
}

export function createWebhookNotifier(options: WebhookOptions): Notifier {
  const { name, url, timeoutMs, http } = options;
  return {
    send: async (delivery) => {
      const read = await readSecret(options.secret, options.environment);
      if ('missing' in read) throw missingSecret(name, read.missing);
      const body = JSON.stringify(documentOf(delivery));
      const id = delivery.news.key;
      const seconds = Math.floor(options.wallNow() / 1000);
      const headers = {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(seconds),
        'webhook-signature': signature(read.secret, `${id}.${seconds}.${body}`),
      };
      requireTaken(name, await tell(http, name, { method: 'POST', url, headers, body, timeoutMs }));
      return {};
    },
  };
}

/** `whsec_` and base64, as receivers' libraries give it out; anything else is the key itself. */
function signature(secret: string, signed: string): string {
  const prefix = 'whsec_';
  const key = secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : Buffer.from(secret);
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
}

function documentOf({ news, text }: Delivery): object {
  const { key, kind, severity, message, channel, cluster, commit, thread, at } = news;
  const data = { severity, message, text, channel, cluster, commit, thread };
  return { apiVersion: 'clm/v1', id: key, type: kind, timestamp: new Date(at).toISOString(), data };
}
