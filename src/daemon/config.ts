/** `clm.yaml`, the daemon's own configuration: schema, defaults, `CLM_*` overrides, and every problem at once. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { z } from 'zod';
import type { Problem } from '../domain/problem.ts';
import { checkWithSchema, parseYaml, problemAt, type YamlPlaces } from '../sources/yaml-document.ts';
import { parseDuration } from '../support/duration.ts';
import { allowedSignersProblems } from './allowed-signers.ts';
import {
  type ForgeConfig,
  forgeOf,
  forgeSchema,
  type NotificationsConfig,
  notificationsOf,
  notificationsSchema,
} from './config-outside.ts';
import { complainOfKubernetes, isRemote, parseListen, webhooksOf } from './config-places.ts';
import { type FurtherRepository, furtherOf, furtherSchema } from './config-repository.ts';

/** Settings after parsing: paths are absolute, spans of time in ms. */
export interface DaemonConfig {
  /** Where it was read from. */
  file: string;
  stateDir: string;
  configRepository: {
    /** URL, or absolute path of a repository on this machine. */
    url: string;
    /** Folder of the channel configuration inside each branch. */
    path: string;
    pollIntervalMs: number;
    mirrorPath: string;
    /** File of ssh's allowed signers: whose commits count as signed. */
    allowedSigners?: string;
    /** Private ssh key that signs the records of branch moves. */
    signingKey?: string;
    /** Repositories whose commits the first one pins in its `config-sources.yaml`. */
    further: FurtherRepository[];
  };
  registry: FileRegistryConfig | HttpRegistryConfig;
  /** A local file, or a file of a branch of the configuration repository. */
  pipeline: { file: string } | { repositoryFile: string; branch: string };
  store: { kind: 'sqlite'; path: string };
  concurrency: {
    /** Steps that run at once. */
    steps: number;
    /** Clusters in flight at once over all channels; an upper bound on the pipeline's own. */
    clusters: number;
    /** Nodes that boot at once over the whole fleet: they pull from the same registry. */
    boots: number;
  };
  api: {
    socket: string;
    /** undefined = off. */
    metricsListen?: { host: string; port: number };
    /** Webhooks of the forge; undefined = none are taken. */
    webhookListen?: { host: string; port: number };
  };
  checks: {
    /** Scheduled runs at once over the fleet. */
    parallel: number;
    /** Where results are told as statsd datagrams, with kube-e2etestapp's names. */
    statsd?: { host: string; port: number };
    /** History of runs is kept this long. */
    keepMs: number;
    /** Logs and reports of suites, below `artifacts` of the state folder, are kept this long. */
    keepFilesMs: number;
  };
  /** The forge that holds the configuration repository; undefined = plain git. */
  forge?: ForgeConfig;
  /** Who is told what. */
  notifications: NotificationsConfig;
  providers: {
    aws: { endpoint?: string; roleName?: string };
    kubernetes: { kubeconfig?: string; urlTemplate?: string; tokenFile?: string; token?: string };
  };
  /** How long running steps may finish after SIGTERM. */
  shutdownGraceMs: number;
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** The registry as files: a folder with one file a cluster, or one file with all of them, and the file of accounts. */
export interface FileRegistryConfig {
  kind: 'directory' | 'file';
  path: string;
  accounts: string;
}

/** The registry as a service, which the daemon also tells how far each cluster is. */
export interface HttpRegistryConfig {
  kind: 'http';
  url: string;
  /** Read again at every request. */
  tokenFile?: string;
  token?: string;
  timeoutMs: number;
}

export type ConfigResult = { config: DaemonConfig; problems: [] } | { config: undefined; problems: Problem[] };

const duration = (defaultText: string) =>
  z
    .string()
    .refine((written) => parseDuration(written) !== undefined, {
      error: (issue) => `'${String(issue.input)}' is not a span of time`,
    })
    .transform((written) => parseDuration(written) as number)
    .meta({ remedy: 'write a number with a unit: 30s, 5m, 4h or 1d' })
    .prefault(defaultText);

const text = z.string().min(1);

const settingsSchema = z.strictObject({
  stateDir: text.default('.clm'),
  configRepository: z.strictObject({
    url: text,
    path: text.default('cluster'),
    pollInterval: duration('30s'),
    mirrorPath: text.optional(),
    allowedSigners: text.optional(),
    signingKey: text.optional(),
    further: furtherSchema,
  }),
  registry: z.strictObject({
    kind: z.enum(['directory', 'file', 'http']).default('directory'),
    /** Of files. */
    path: text.optional(),
    /** Of a service. */
    url: z.url({ protocol: /^https?$/, error: 'this is no URL' }).optional(),
    tokenFile: text.optional(),
    token: text.optional(),
    timeout: duration('30s'),
  }),
  accounts: text.optional(),
  pipeline: z.union([
    text.transform((file) => ({ file })),
    z.strictObject({ file: text }),
    z.strictObject({ repositoryFile: text, branch: text }),
  ]),
  store: z
    .string()
    .regex(/^sqlite:.+/, { error: (issue) => `'${String(issue.input)}' is not a store this program knows` })
    .meta({ remedy: 'write sqlite:<path of the file>' })
    .optional(),
  concurrency: z
    .strictObject({
      steps: z.int().min(1).max(512).default(32),
      clusters: z.int().min(1).max(500).default(40),
      boots: z.int().min(1).max(5000).default(100),
    })
    .prefault({}),
  api: z
    .strictObject({
      socket: text.optional(),
      metricsListen: text.default('127.0.0.1:9095'),
      webhookListen: text.default('off'),
    })
    .prefault({}),
  checks: z
    .strictObject({
      parallel: z.int().min(1).max(200).default(10),
      statsd: text.optional(),
      keep: duration('365d'),
      keepFiles: duration('90d'),
    })
    .prefault({}),
  forge: forgeSchema,
  notifications: notificationsSchema,
  providers: z
    .strictObject({
      aws: z.strictObject({ endpoint: z.url().optional(), roleName: text.optional() }).prefault({}),
      kubernetes: z
        .strictObject({
          kubeconfig: text.optional(),
          urlTemplate: text.optional(),
          tokenFile: text.optional(),
          token: text.optional(),
        })
        .prefault({}),
    })
    .prefault({}),
  shutdownGrace: duration('20s'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

type Settings = z.output<typeof settingsSchema>;

/** Settings that an environment variable may override, as paths; `configRepository.url` is `CLM_CONFIG_REPOSITORY_URL`. */
const overridable = [
  'stateDir',
  'configRepository.url',
  'configRepository.path',
  'configRepository.pollInterval',
  'configRepository.mirrorPath',
  'configRepository.allowedSigners',
  'configRepository.signingKey',
  'registry.kind',
  'registry.path',
  'registry.url',
  'registry.tokenFile',
  'registry.token',
  'registry.timeout',
  'accounts',
  'pipeline',
  'store',
  'concurrency.steps',
  'concurrency.clusters',
  'concurrency.boots',
  'api.socket',
  'api.metricsListen',
  'api.webhookListen',
  'checks.parallel',
  'checks.statsd',
  'checks.keep',
  'checks.keepFiles',
  'providers.aws.endpoint',
  'providers.aws.roleName',
  'providers.kubernetes.kubeconfig',
  'providers.kubernetes.urlTemplate',
  'providers.kubernetes.tokenFile',
  'providers.kubernetes.token',
  'shutdownGrace',
  'logLevel',
];

/** The variable that overrides a setting: `api.metricsListen` → `CLM_API_METRICS_LISTEN`. */
export function environmentName(settingPath: string): string {
  return `CLM_${settingPath
    .replace(/([A-Z])/g, '_$1')
    .replaceAll('.', '_')
    .toUpperCase()}`;
}

/** JSON Schema of clm.yaml, for editors. */
export function daemonConfigJsonSchema(): unknown {
  return z.toJSONSchema(settingsSchema, { io: 'input', unrepresentable: 'any' });
}

/** Reads and checks the file, and the allowed signers it names; nothing is created. */
export function loadDaemonConfig(file: string, environment: NodeJS.ProcessEnv): ConfigResult {
  const absolute = path.resolve(file);
  let source: string;
  try {
    source = readFileSync(absolute, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return refused([
      {
        file,
        message: missing ? 'there is no such file' : `cannot be read: ${(error as Error).message}`,
        remedy: missing
          ? 'run `clm init` to write one, or name it with --config FILE or CLM_CONFIG'
          : 'make it a file that this user may read',
      },
    ]);
  }
  return parseDaemonConfig(file, source, environment);
}

/** As loadDaemonConfig, on text. Relative paths in it are relative to the file's folder. */
export function parseDaemonConfig(file: string, source: string, environment: NodeJS.ProcessEnv): ConfigResult {
  const read = parseYaml(file, source);
  if (!read.ok) return refused(read.problems);
  const raw = read.value ?? {};
  if (typeof raw !== 'object' || Array.isArray(raw)) {
    return refused([{ file, line: 1, message: 'must be a mapping', remedy: 'see the commented file of `clm init`' }]);
  }
  const overridden = applyEnvironment(raw as Record<string, unknown>, environment);
  const checked = checkWithSchema(overridden.value, settingsSchema, read.places);
  if (!checked.ok) return refused(namedByOrigin(checked.problems, overridden.names));
  const { config, problems } = resolveSettings(file, checked.value, read.places);
  return problems.length > 0 ? refused(namedByOrigin(problems, overridden.names)) : { config, problems: [] };
}

function refused(problems: Problem[]): ConfigResult {
  return { config: undefined, problems };
}

function applyEnvironment(
  raw: Record<string, unknown>,
  environment: NodeJS.ProcessEnv,
): { value: Record<string, unknown>; names: Map<string, string> } {
  const value = structuredClone(raw);
  const names = new Map<string, string>();
  for (const setting of overridable) {
    const name = environmentName(setting);
    const given = environment[name];
    if (given === undefined || given === '') continue;
    names.set(setting, name);
    const keys = setting.split('.');
    let target = value;
    for (const key of keys.slice(0, -1)) {
      const next = target[key];
      if (typeof next !== 'object' || next === null) target[key] = {};
      target = target[key] as Record<string, unknown>;
    }
    const numeric = setting.startsWith('concurrency.') && /^\d+$/.test(given);
    target[keys.at(-1) as string] = numeric ? Number(given) : given;
  }
  return { value, names };
}

/** A problem with a value that came from the environment names the variable, not the file. */
function namedByOrigin(problems: Problem[], names: Map<string, string>): Problem[] {
  return problems.map((problem) => {
    const variable = problem.path === undefined ? undefined : names.get(problem.path);
    if (variable === undefined) return problem;
    const { line: _line, ...rest } = problem;
    return { ...rest, file: `environment variable ${variable}` };
  });
}

/** Longest path of a Unix socket on Linux, with its final zero byte. */
const longestSocketPath = 108;

function resolveSettings(
  file: string,
  settings: Settings,
  places: YamlPlaces,
): { config: DaemonConfig; problems: Problem[] } {
  const folder = path.dirname(path.resolve(file));
  const problems: Problem[] = [];
  const complain = (keys: PropertyKey[], message: string, remedy: string): void => {
    problems.push(problemAt(places, keys, message, remedy));
  };
  const at = (name: string): string => path.resolve(folder, name);
  const stateDir = at(settings.stateDir);
  const socket = settings.api.socket === undefined ? path.join(stateDir, 'clm.sock') : at(settings.api.socket);
  if (Buffer.byteLength(socket) >= longestSocketPath) {
    complain(
      ['api', 'socket'],
      `the socket path has ${Buffer.byteLength(socket)} bytes; the system allows ${longestSocketPath - 1}`,
      'write a shorter path, for example /run/clm/clm.sock',
    );
  }
  const listen = parseListen(settings.api.metricsListen);
  if (listen === 'invalid') {
    complain(
      ['api', 'metricsListen'],
      `'${settings.api.metricsListen}' is not an address`,
      "write host:port, for example 127.0.0.1:9095, or 'off'",
    );
  }
  const forge = forgeOf(settings.forge, { complain, folder });
  const webhooks = webhooksOf(settings.api.webhookListen, forge, complain);
  const { aws, kubernetes } = settings.providers;
  complainOfKubernetes(kubernetes, complain);
  const { allowedSigners, signingKey } = settings.configRepository;
  if (allowedSigners !== undefined) {
    for (const { line, message, remedy } of allowedSignersProblems(at(allowedSigners))) {
      if (line === undefined) complain(['configRepository', 'allowedSigners'], message, remedy);
      else problems.push({ file: at(allowedSigners), line, message, remedy });
    }
  }
  const config: DaemonConfig = {
    file: path.resolve(file),
    stateDir,
    configRepository: {
      url: isRemote(settings.configRepository.url) ? settings.configRepository.url : at(settings.configRepository.url),
      path: settings.configRepository.path,
      pollIntervalMs: settings.configRepository.pollInterval,
      mirrorPath: at(settings.configRepository.mirrorPath ?? path.join(stateDir, 'mirror.git')),
      ...(allowedSigners === undefined ? {} : { allowedSigners: at(allowedSigners) }),
      ...(signingKey === undefined ? {} : { signingKey: at(signingKey) }),
      further: furtherOf(settings.configRepository.further, { complain, folder, stateDir }),
    },
    registry: registryOf(settings, at, complain),
    pipeline: 'file' in settings.pipeline ? { file: at(settings.pipeline.file) } : settings.pipeline,
    store: {
      kind: 'sqlite',
      path: settings.store === undefined ? path.join(stateDir, 'clm.db') : at(settings.store.slice('sqlite:'.length)),
    },
    concurrency: settings.concurrency,
    checks: checksOf(settings, complain),
    notifications: notificationsOf(settings.notifications, settings.forge !== undefined, { complain, folder }),
    api: {
      socket,
      ...(typeof listen === 'object' ? { metricsListen: listen } : {}),
      ...(typeof webhooks === 'object' ? { webhookListen: webhooks } : {}),
    },
    ...(forge === undefined ? {} : { forge }),
    providers: {
      aws: {
        ...(aws.endpoint === undefined ? {} : { endpoint: aws.endpoint }),
        ...(aws.roleName === undefined ? {} : { roleName: aws.roleName }),
      },
      kubernetes: {
        ...(kubernetes.kubeconfig === undefined ? {} : { kubeconfig: at(kubernetes.kubeconfig) }),
        ...(kubernetes.urlTemplate === undefined ? {} : { urlTemplate: kubernetes.urlTemplate }),
        ...(kubernetes.tokenFile === undefined ? {} : { tokenFile: at(kubernetes.tokenFile) }),
        ...(kubernetes.token === undefined ? {} : { token: kubernetes.token }),
      },
    },
    shutdownGraceMs: settings.shutdownGrace,
    logLevel: settings.logLevel,
  };
  return { config, problems };
}

type Complain = (keys: PropertyKey[], message: string, remedy: string) => void;

function checksOf({ checks }: Settings, complain: Complain): DaemonConfig['checks'] {
  const statsd = checks.statsd === undefined ? 'off' : parseListen(checks.statsd);
  if (statsd === 'invalid') {
    complain(
      ['checks', 'statsd'],
      `'${checks.statsd}' is not an address`,
      'write host:port, for example 127.0.0.1:8125',
    );
  }
  const { parallel, keep: keepMs, keepFiles: keepFilesMs } = checks;
  return { parallel, keepMs, keepFilesMs, ...(typeof statsd === 'object' ? { statsd } : {}) };
}

function registryOf(
  { registry, accounts }: Settings,
  at: (name: string) => string,
  complain: Complain,
): FileRegistryConfig | HttpRegistryConfig {
  const { kind, path: place, url, token, tokenFile, timeout: timeoutMs } = registry;
  const refuse = (given: unknown, key: string, why: string): void => {
    if (given !== undefined) complain(['registry', key], `${key} has no meaning for kind ${kind}`, why);
  };
  if (kind === 'http') {
    refuse(place, 'path', 'remove it, or write kind: directory');
    if (accounts !== undefined)
      complain(['accounts'], 'a registry of kind http has the accounts too', 'remove accounts');
    if (url === undefined)
      complain(['registry'], 'registry.url is missing', 'write for example url: https://registry.example.org');
    if (token !== undefined && tokenFile !== undefined)
      complain(['registry', 'token'], 'token and tokenFile are both given', 'keep one of them');
    return {
      kind,
      url: url ?? '',
      timeoutMs,
      ...(token === undefined ? {} : { token }),
      ...(tokenFile === undefined ? {} : { tokenFile: at(tokenFile) }),
    };
  }
  for (const [key, given] of Object.entries({ url, token, tokenFile }))
    refuse(given, key, 'remove it, or write kind: http');
  if (place === undefined)
    complain(['registry'], 'registry.path is missing', 'write the folder of the cluster files, for example clusters');
  if (accounts === undefined)
    complain(
      ['accounts'],
      'accounts is missing',
      'name the file of infrastructure accounts, for example infrastructure-accounts.yaml',
    );
  return { kind, path: at(place ?? ''), accounts: at(accounts ?? '') };
}
