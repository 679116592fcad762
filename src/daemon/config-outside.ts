/** The parts of `clm.yaml` about systems around the fleet: who is told what, and the forge that holds the configuration repository. */
import path from 'node:path';
import { z } from 'zod';
import { nearMatches } from '../domain/near-matches.ts';
import { type Audience, templateNames, unknownNames } from '../planning/notify/audience.ts';
import { newsKinds } from '../ports/notifier.ts';
import { parseDuration } from '../support/duration.ts';
import type { SecretReference } from '../support/secret-reference.ts';

/** One place where people are told. */
export type SinkConfig = { name: string; audience: Audience; timeoutMs: number } & (
  | { kind: 'webhook'; url: string; secret: SecretReference }
  | { kind: 'slack'; to: { url: string; channel: string; token: SecretReference } | { webhook: SecretReference } }
  | { kind: 'github' }
);

export interface NotificationsConfig {
  sinks: SinkConfig[];
  /** A cluster that is blocked for less is not told. */
  blockedForMs: number;
  /** Attempts before news are given up. */
  attempts: number;
}

/** The forge that holds the configuration repository. */
export interface ForgeConfig {
  /** Base of its REST API. */
  url: string;
  owner: string;
  repository: string;
  token: SecretReference;
  /** What webhooks are signed with; undefined = none are taken. */
  webhookSecret?: SecretReference;
  /** A status of each channel on each commit that it has. */
  statuses: boolean;
  /** A deployment to an environment of each channel's name. */
  deployments: boolean;
  timeoutMs: number;
}

const text = z.string().min(1);
const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'this is no name of an environment variable')
  .meta({ description: 'Environment variable of the daemon with the secret; never the secret itself' });
const httpUrl = z
  .url({ protocol: /^https?$/, error: 'this is no http(s) URL' })
  .meta({ remedy: 'write an URL like https://hooks.example.org/clm' });
const span = (least: number, most: number, remedy: string) =>
  z
    .string()
    .refine(
      (written) => {
        const ms = parseDuration(written);
        return ms !== undefined && ms >= least && ms <= most;
      },
      { error: (issue) => `'${String(issue.input)}' is no span of time, or out of bounds` },
    )
    .transform((written) => parseDuration(written) as number)
    .meta({ remedy });

const tellable = ['info', 'attention', ...newsKinds] as const;

const sinkSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,40}$/, 'a name is lower case letters, digits and -')
    .meta({ remedy: 'write a name like releases' }),
  kind: z.enum(['webhook', 'slack', 'github']),
  url: httpUrl.optional(),
  channel: text.optional(),
  secretEnv: variable.optional(),
  secretFile: text.optional(),
  tell: z
    .array(z.enum(tellable))
    .min(1)
    .optional()
    .meta({ description: 'Kinds of news, or all of a severity (info, attention); everything unless given' }),
  channels: z.array(text).min(1).optional(),
  templates: z.record(z.string(), z.string().max(4_000)).optional(),
  timeout: span(1_000, 60_000, 'write a span like 10s, up to 1m').prefault('10s'),
});

export const notificationsSchema = z
  .strictObject({
    sinks: z.array(sinkSchema).max(20).default([]),
    blockedFor: span(0, 30 * 86_400_000, 'write a span like 30m, up to 30d').prefault('30m'),
    attempts: z.int().min(1).max(100).default(20),
  })
  .prefault({});

export const forgeSchema = z
  .strictObject({
    kind: z.literal('github').default('github'),
    url: httpUrl.default('https://api.github.com'),
    repository: z
      .string()
      .regex(/^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+$/, 'this is no repository of a forge')
      .meta({ remedy: 'write owner/name' }),
    tokenEnv: variable.optional(),
    tokenFile: text.optional(),
    webhookSecretEnv: variable.optional(),
    webhookSecretFile: text.optional(),
    statuses: z.boolean().default(true),
    deployments: z.boolean().default(true),
    timeout: span(1_000, 60_000, 'write a span like 20s, up to 1m').prefault('20s'),
  })
  .optional();

type Complain = (keys: PropertyKey[], message: string, remedy: string) => void;

interface Context {
  complain: Complain;
  /** The folder that relative paths are relative to. */
  folder: string;
}

/** Names of channels are not known here: a channel that is not there is told nothing. */
export function notificationsOf(
  settings: z.output<typeof notificationsSchema>,
  hasForge: boolean,
  context: Context,
): NotificationsConfig {
  const names = new Set<string>();
  const sinks = settings.sinks.flatMap((sink, index): SinkConfig[] => {
    const at = (key: string): PropertyKey[] => ['notifications', 'sinks', index, key];
    if (names.has(sink.name)) context.complain(at('name'), `${sink.name} is there twice`, 'give each its own name');
    names.add(sink.name);
    complainOfTemplates(sink.templates ?? {}, (key) => [...at('templates'), key], context.complain);
    const { name, tell = ['info', 'attention'], channels = [], templates = {}, timeout: timeoutMs } = sink;
    const to = placeOf(sink, hasForge, at, context);
    return to === undefined ? [] : [{ name, audience: { tell, channels, templates }, timeoutMs, ...to }];
  });
  return { sinks, blockedForMs: settings.blockedFor, attempts: settings.attempts };
}

type Place =
  | { kind: 'webhook'; url: string; secret: SecretReference }
  | { kind: 'slack'; to: { url: string; channel: string; token: SecretReference } | { webhook: SecretReference } }
  | { kind: 'github' };

function placeOf(
  sink: z.output<typeof sinkSchema>,
  hasForge: boolean,
  at: (key: string) => PropertyKey[],
  context: Context,
): Place | undefined {
  const { complain } = context;
  const { kind, url, channel } = sink;
  if (kind === 'github') {
    for (const key of ['url', 'channel', 'secretEnv', 'secretFile'] as const)
      if (sink[key] !== undefined)
        complain(at(key), `${key} has no meaning for kind github`, 'remove it: forge says how it is reached');
    if (!hasForge)
      complain(
        at('kind'),
        'there is no forge to comment on commits',
        'write forge: {repository: owner/name, tokenEnv: …}',
      );
    return { kind };
  }
  const secret = secretOf(sink.secretEnv, sink.secretFile, at, context);
  if (kind === 'webhook') {
    if (url === undefined) complain(at('url'), 'url is missing', 'write where the news are posted to');
    if (channel !== undefined) complain(at('channel'), 'channel has no meaning for kind webhook', 'remove it');
    return url === undefined || secret === undefined ? undefined : { kind, url, secret };
  }
  if (secret === undefined) return undefined;
  if (channel !== undefined)
    return { kind, to: { url: (url ?? 'https://slack.com').replace(/\/+$/, ''), channel, token: secret } };
  if (url !== undefined) {
    const remedy =
      'name a channel (secretEnv holds the token of a bot), or leave url out (secretEnv holds the URL of an incoming webhook)';
    complain(at('url'), 'url needs a channel: the URL of an incoming webhook is a secret', remedy);
  }
  return { kind, to: { webhook: secret } };
}

function secretOf(
  env: string | undefined,
  file: string | undefined,
  at: (key: string) => PropertyKey[],
  { complain, folder }: Context,
): SecretReference | undefined {
  if (env !== undefined && file !== undefined)
    complain(at('secretEnv'), 'secretEnv and secretFile are both given', 'keep one of them');
  if (env !== undefined) return { env };
  if (file !== undefined) return { file: path.resolve(folder, file) };
  complain(
    at('secretEnv'),
    'secretEnv is missing',
    'name the environment variable (or secretFile, the file) with the secret',
  );
  return undefined;
}

function complainOfTemplates(
  templates: Record<string, string>,
  at: (key: string) => PropertyKey[],
  complain: Complain,
): void {
  const known = ['default', ...newsKinds];
  for (const [kind, template] of Object.entries(templates)) {
    if (!known.includes(kind))
      complain(
        at(kind),
        `there is no news of kind ${kind}`,
        `write ${nearMatches(kind, known)[0] ?? `one of: ${known.join(', ')}`}`,
      );
    for (const name of unknownNames(template)) {
      const near = nearMatches(name, templateNames)[0];
      complain(
        at(kind),
        `{${name}} means nothing`,
        near === undefined ? `write one of: {${templateNames.join('}, {')}}` : `write {${near}}`,
      );
    }
  }
}

export function forgeOf(
  settings: z.output<typeof forgeSchema>,
  { complain, folder }: Context,
): ForgeConfig | undefined {
  if (settings === undefined) return undefined;
  const { tokenEnv, tokenFile, webhookSecretEnv, webhookSecretFile, statuses, deployments } = settings;
  const reference = (env: string | undefined, file: string | undefined, key: string): SecretReference | undefined => {
    if (env !== undefined && file !== undefined)
      complain(['forge', `${key}Env`], `${key}Env and ${key}File are both given`, 'keep one of them');
    if (env !== undefined) return { env };
    return file === undefined ? undefined : { file: path.resolve(folder, file) };
  };
  const token = reference(tokenEnv, tokenFile, 'token');
  if (token === undefined)
    complain(
      ['forge'],
      'forge.tokenEnv is missing',
      'name the environment variable (or tokenFile, the file) with the token',
    );
  const webhookSecret = reference(webhookSecretEnv, webhookSecretFile, 'webhookSecret');
  const [owner = '', repository = ''] = settings.repository.split('/');
  return {
    url: settings.url.replace(/\/+$/, ''),
    ...{ owner, repository, statuses, deployments, timeoutMs: settings.timeout },
    token: token ?? { env: '' },
    ...(webhookSecret === undefined ? {} : { webhookSecret }),
  };
}
