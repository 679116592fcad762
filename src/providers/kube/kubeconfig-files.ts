/** kubeconfig files as kubectl reads them: merged by name, with paths relative to the file that names them, and checked before use. */
import { accessSync, constants, readFileSync } from 'node:fs';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { nearMatches } from '../../domain/near-matches.ts';
import type { Problem } from '../../domain/problem.ts';
import { redactText } from '../../support/redact.ts';
import { isProxyAddress } from './environment-proxy.ts';
import { ExecPlugin, type ExecSettings, pluginProvider } from './exec-plugin.ts';

/** What is wrong with a kubeconfig, and where. */
export class KubeconfigProblem extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(`${problem.message}; ${problem.remedy}`);
    this.name = 'KubeconfigProblem';
    this.problem = problem;
  }
}

type Section = Record<string, unknown>;

interface Entry {
  name: string;
  /** The file that it stands in: its paths are relative to that. */
  file: string;
  value: Section;
}

interface Merged {
  file: string;
  currentContext: { name: string; file: string } | undefined;
  clusters: Map<string, Entry>;
  users: Map<string, Entry>;
  contexts: Map<string, Entry>;
}

function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function readOne(file: string): Section {
  let document: unknown;
  try {
    document = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const said = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new KubeconfigProblem({
      file,
      message: missing ? 'cannot read the kubeconfig: there is no such file' : `cannot read the kubeconfig: ${said}`,
      remedy: missing ? 'name a file that is there' : 'kubectl config view --kubeconfig FILE shows whether kubectl can',
    });
  }
  if (document === null || document === undefined) return {};
  if (isSection(document)) return document;
  throw new KubeconfigProblem({
    file,
    message: 'cannot read the kubeconfig: it is no mapping',
    remedy: 'a kubeconfig has clusters, users and contexts',
  });
}

function collect(into: Map<string, Entry>, list: unknown, inner: string, file: string): void {
  for (const item of Array.isArray(list) ? list : []) {
    const name = isSection(item) ? textOf(item['name']) : undefined;
    // the first file that has a name decides
    if (name === undefined || into.has(name)) continue;
    const value = (item as Section)[inner];
    into.set(name, { name, file, value: isSection(value) ? value : {} });
  }
}

/** Several files are merged as kubectl does: the first to name a thing decides. Files that are not there are passed over, but not all. */
function merge(files: readonly string[]): Merged {
  const there = files.length > 1 ? files.filter((file) => isThere(file)) : files;
  const first = files[0] ?? '';
  if (there.length === 0) {
    const message = `none of ${files.join(', ')} is there`;
    throw new KubeconfigProblem({ file: first, message, remedy: 'set KUBECONFIG to files that are there' });
  }
  const merged: Merged = {
    file: there.join(path.delimiter),
    currentContext: undefined,
    clusters: new Map(),
    users: new Map(),
    contexts: new Map(),
  };
  for (const file of there) {
    const document = readOne(file);
    collect(merged.clusters, document['clusters'], 'cluster', file);
    collect(merged.users, document['users'], 'user', file);
    collect(merged.contexts, document['contexts'], 'context', file);
    const current = textOf(document['current-context']);
    if (current !== undefined) merged.currentContext ??= { name: current, file };
  }
  return merged;
}

function isThere(file: string, mode = constants.F_OK): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

function contextOf(merged: Merged, wanted: string | undefined): Entry {
  const name = wanted ?? merged.currentContext?.name;
  const names = [...merged.contexts.keys()];
  const known = names.length === 0 ? 'it has none' : `it has ${names.slice(0, 10).join(', ')}`;
  if (name === undefined) {
    throw new KubeconfigProblem({
      file: merged.file,
      path: 'current-context',
      message: 'the kubeconfig has no current context',
      remedy: `name one with --context: ${known}`,
    });
  }
  const context = merged.contexts.get(name);
  if (context !== undefined) return context;
  const near = nearMatches(name, names)[0];
  throw new KubeconfigProblem({
    file: wanted === undefined ? (merged.currentContext?.file ?? merged.file) : merged.file,
    path: wanted === undefined ? 'current-context' : 'contexts',
    message: `the kubeconfig has no context '${name}'`,
    remedy: near === undefined ? known : `did you mean '${near}'? ${known}`,
  });
}

/** The cluster or user that a context names. */
function named(context: Entry, kind: 'cluster' | 'user', from: Map<string, Entry>): Entry {
  const name = textOf(context.value[kind]);
  const found = name === undefined ? undefined : from.get(name);
  if (found !== undefined) return found;
  const names = [...from.keys()].slice(0, 10).join(', ');
  throw new KubeconfigProblem({
    file: context.file,
    path: `contexts.${context.name}.${kind}`,
    message: name === undefined ? `the context names no ${kind}` : `there is no ${kind} '${name}'`,
    remedy: names === '' ? `add it to ${kind}s, or make the kubeconfig anew` : `${kind}s are ${names}`,
  });
}

/** The path of a file that an entry names, which must be readable. */
function fileOf(entry: Entry, field: string, where: string): string | undefined {
  const given = textOf(entry.value[field]);
  if (given === undefined) return undefined;
  const file = path.resolve(path.dirname(entry.file), given);
  if (isThere(file, constants.R_OK)) return file;
  throw new KubeconfigProblem({
    file: entry.file,
    path: `${where}.${entry.name}.${field}`,
    message: `the file ${file} cannot be read`,
    remedy: 'paths are relative to the kubeconfig; was it copied without the files beside it?',
  });
}

function clusterOf(entry: Entry): Section {
  const { value, name } = entry;
  const server = textOf(value['server']);
  if (server === undefined) {
    throw new KubeconfigProblem({
      file: entry.file,
      path: `clusters.${name}.server`,
      message: 'the cluster has no server',
      remedy: 'write https://HOST:PORT',
    });
  }
  const proxyUrl = textOf(value['proxy-url']);
  if (proxyUrl !== undefined && !isProxyAddress(proxyUrl)) {
    throw new KubeconfigProblem({
      file: entry.file,
      path: `clusters.${name}.proxy-url`,
      message: `'${redactText(proxyUrl)}' is no address of a proxy`,
      remedy: 'write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT',
    });
  }
  const data = textOf(value['certificate-authority-data']);
  // as in kubectl: what stands in the file goes before what it points to
  const caFile = data === undefined ? fileOf(entry, 'certificate-authority', 'clusters') : undefined;
  return {
    name,
    server,
    skipTLSVerify: value['insecure-skip-tls-verify'] === true,
    caData: data,
    caFile,
    tlsServerName: textOf(value['tls-server-name']),
    proxyUrl,
  };
}

function refuseWhatIsUnknown(entry: Entry): void {
  const refuse = (field: string, message: string, remedy: string): never => {
    throw new KubeconfigProblem({ file: entry.file, path: `users.${entry.name}.${field}`, message, remedy });
  };
  const provider = isSection(entry.value['auth-provider']) ? textOf(entry.value['auth-provider']['name']) : undefined;
  if (provider === 'gcp' || provider === 'azure') {
    const remedy =
      provider === 'gcp'
        ? 'gcloud container clusters get-credentials NAME writes it anew, with gke-gcloud-auth-plugin'
        : 'kubelogin convert-kubeconfig writes it anew';
    refuse('auth-provider', `the auth provider '${provider}' is gone since Kubernetes 1.26`, remedy);
  }
  for (const field of ['as-groups', 'as-uid', 'as-user-extra']) {
    if (entry.value[field] !== undefined)
      refuse(field, `clm does not send ${field}`, 'use a user that needs no impersonation of groups');
  }
}

function execOf(entry: Entry, cluster: Entry, exec: Section): ExecPlugin {
  const problem = (field: string, message: string, remedy: string): KubeconfigProblem =>
    new KubeconfigProblem({ file: entry.file, path: `users.${entry.name}.exec${field}`, message, remedy });
  const given = textOf(exec['command']);
  if (given === undefined) throw problem('.command', 'the plugin has no command', 'make the kubeconfig anew');
  if (exec['interactiveMode'] === 'Always')
    throw problem('.interactiveMode', 'the plugin wants to ask somebody', 'clm asks nobody: use IfAvailable or Never');
  const environment = new Map<string, string>();
  for (const one of Array.isArray(exec['env']) ? exec['env'] : []) {
    if (!isSection(one)) continue;
    const [name, value] = [textOf(one['name']), textOf(one['value'])];
    if (name !== undefined) environment.set(name, value ?? '');
  }
  const search = environment.get('PATH') ?? process.env['PATH'] ?? '';
  const command = findCommand(given, path.dirname(entry.file), search);
  if (command === undefined) {
    const hint = textOf(exec['installHint'])?.trim().replace(/\s+/g, ' ');
    const remedy = `${hint === undefined ? '' : `${hint} — `}or put it on PATH, and try: ${given} --help`;
    throw problem('.command', `the credential plugin '${given}' is not installed`, remedy.replace(/^or p/, 'p'));
  }
  const settings: ExecSettings = {
    command,
    args: (Array.isArray(exec['args']) ? exec['args'] : []).map(String),
    environment: Object.fromEntries(environment),
    apiVersion: textOf(exec['apiVersion']) ?? 'client.authentication.k8s.io/v1',
    cluster: exec['provideClusterInfo'] === true ? clusterInfo(cluster) : undefined,
  };
  return new ExecPlugin(settings);
}

/** A name without a slash is looked for on PATH; one with a slash is relative to the kubeconfig. */
function findCommand(command: string, folder: string, search: string): string | undefined {
  const places = command.includes('/')
    ? [path.resolve(folder, command)]
    : search.split(path.delimiter).flatMap((place) => (place === '' ? [] : [path.join(place, command)]));
  return places.find((place) => isThere(place, constants.X_OK));
}

/** What a plugin is told of the cluster when it asks for it. */
function clusterInfo(cluster: Entry): Section {
  const { value } = cluster;
  const extensions = Array.isArray(value['extensions']) ? (value['extensions'] as unknown[]).filter(isSection) : [];
  const config = extensions.find((one) => one['name'] === 'client.authentication.k8s.io/exec')?.['extension'];
  const caFile = fileOf(cluster, 'certificate-authority', 'clusters');
  return {
    server: value['server'],
    'certificate-authority-data':
      value['certificate-authority-data'] ??
      (caFile === undefined ? undefined : readFileSync(caFile).toString('base64')),
    'insecure-skip-tls-verify': value['insecure-skip-tls-verify'],
    'tls-server-name': value['tls-server-name'],
    'proxy-url': value['proxy-url'],
    config,
  };
}

/** As client-node wants it. */
function userOf(entry: Entry): Section {
  refuseWhatIsUnknown(entry);
  const { value, name } = entry;
  const certData = textOf(value['client-certificate-data']);
  const keyData = textOf(value['client-key-data']);
  const user: Section = {
    name,
    certData,
    keyData,
    certFile: certData === undefined ? fileOf(entry, 'client-certificate', 'users') : undefined,
    keyFile: keyData === undefined ? fileOf(entry, 'client-key', 'users') : undefined,
    username: value['username'],
    password: value['password'],
    impersonateUser: value['as'],
  };
  const tokenFile = fileOf(entry, 'tokenFile', 'users');
  // A token file is read again and again, and goes before a token that stands beside it.
  if (tokenFile !== undefined) user['authProvider'] = { name: 'tokenFile', config: { tokenFile } };
  else if (textOf(value['token']) !== undefined) user['token'] = value['token'];
  else user['authProvider'] = value['auth-provider'];
  return user;
}

/** Throws KubeconfigProblem when the files, the context, or what it names cannot work. */
export function readKubeconfig(files: readonly string[], wanted: string | undefined): KubeConfig {
  const merged = merge(files);
  const context = contextOf(merged, wanted);
  const cluster = named(context, 'cluster', merged.clusters);
  const user = named(context, 'user', merged.users);
  const client = userOf(user);
  const config = new KubeConfig();
  if (isSection(user.value['exec'])) {
    config.addAuthenticator(execOf(user, cluster, user.value['exec']));
    client['authProvider'] = { name: pluginProvider };
  }
  config.loadFromOptions({
    clusters: [clusterOf(cluster)],
    users: [client],
    contexts: [{ name: context.name, cluster: cluster.name, user: user.name }],
    currentContext: context.name,
  });
  return config;
}
