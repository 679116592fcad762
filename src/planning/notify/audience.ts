/** Who is told what, and in which words. Pure. */
import type { News, NewsKind, Severity } from '../../ports/notifier.ts';

export interface Audience {
  /** Kinds, or everything of a severity. */
  tell: readonly (NewsKind | Severity)[];
  /** Channels; news that belong to none are told as well. Empty = all. */
  channels: readonly string[];
  /** By kind, or `default`: text with `{message}` and the other names. */
  templates: Readonly<Record<string, string>>;
}

/** What a template may name. */
export const templateNames = ['message', 'kind', 'severity', 'channel', 'cluster', 'commit', 'short', 'at'] as const;

const placeholder = /\{([A-Za-z]+)\}/g;

export function isTold(audience: Audience, news: News): boolean {
  const wanted = audience.tell.some((one) => one === news.kind || one === news.severity);
  return wanted && (news.channel === '' || audience.channels.length === 0 || audience.channels.includes(news.channel));
}

export function textFor(audience: Pick<Audience, 'templates'>, news: News): string {
  const template = audience.templates[news.kind] ?? audience.templates['default'] ?? '{message}';
  const values = {
    message: news.message,
    kind: news.kind,
    severity: news.severity,
    channel: news.channel,
    cluster: news.cluster,
    commit: news.commit,
    short: news.commit.slice(0, 12),
    at: new Date(news.at).toISOString(),
  } satisfies Record<(typeof templateNames)[number], string>;
  return template.replaceAll(placeholder, (whole, name: string) =>
    name in values ? values[name as keyof typeof values] : whole,
  );
}

/** Names in a template that mean nothing. */
export function unknownNames(template: string): string[] {
  const names = [...template.matchAll(placeholder)].map((match) => match[1] ?? '');
  return names.filter((name) => !(templateNames as readonly string[]).includes(name));
}
