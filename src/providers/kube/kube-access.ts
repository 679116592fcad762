/** How a cluster's API is reached and who we are there: everything that @kubernetes/client-node's KubeConfig knows. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { FailureError, terminal } from '../../domain/failure.ts';
import { redactText } from '../../support/redact.ts';

/** Bearer tokens that end. */
export interface TokenSource {
  /** One that is good for a while. Rejects when there are no credentials. */
  current(): Promise<string>;
  /** The present one was refused: the next is made anew. */
  forget(): void;
}

export type KubeAccess =
  /** A kubeconfig file with all it may hold: exec plugins, tokens, token files, client certificates, proxies. */
  | { kind: 'kubeconfig'; file: string; context?: string }
  | {
      kind: 'server';
      /** `https://host:port/prefix`. */
      server: string;
      token?: string;
      /** Read again every minute, so that a rotated token is taken up. */
      tokenFile?: string;
      /** PEM file of the authority; the system's authorities unless given. */
      caFile?: string;
      /** The same as PEM in base64. */
      caData?: string;
      /** Where every token comes from; its owner renews it. */
      tokens?: TokenSource;
      skipTlsVerify?: boolean;
    }
  /** The service account of the pod that this runs in. */
  | { kind: 'in-cluster' };

export interface LoadedAccess {
  config: KubeConfig;
  /** Base URL without a slash at its end. */
  server: string;
  /** Loading again may bring other credentials: worth a try after a 401. */
  renewable: boolean;
}

function fail(cluster: string, message: string, cause?: unknown): never {
  const said = cause instanceof Error ? `: ${redactText(cause.message).slice(0, 300)}` : '';
  throw new FailureError(terminal('kube-access-invalid', `access to cluster ${cluster}: ${message}${said}`), cause);
}

interface FileUser {
  name?: unknown;
  user?: { tokenFile?: unknown };
}

/** kubeconfig's `tokenFile`, which client-node 1.4 looks for under another name and reads only once. */
function linkTokenFiles(config: KubeConfig, text: string, file: string): void {
  const users = (parse(text) as { users?: unknown } | null)?.users;
  for (const entry of Array.isArray(users) ? (users as FileUser[]) : []) {
    const tokenFile = entry.user?.tokenFile;
    const user = config.users.find((candidate) => candidate.name === entry.name);
    if (typeof tokenFile !== 'string' || user === undefined || user.token || user.exec || user.authProvider) continue;
    Object.assign(user, {
      authProvider: { name: 'tokenFile', config: { tokenFile: resolve(dirname(file), tokenFile) } },
    });
  }
}

function loadFile(access: Extract<KubeAccess, { kind: 'kubeconfig' }>, cluster: string): KubeConfig {
  const config = new KubeConfig();
  try {
    const text = readFileSync(access.file, 'utf8');
    config.loadFromFile(access.file);
    linkTokenFiles(config, text, access.file);
  } catch (error) {
    fail(cluster, `cannot read the kubeconfig ${access.file}`, error);
  }
  if (access.context !== undefined) config.setCurrentContext(access.context);
  if (config.getContextObject(config.getCurrentContext()) === null) {
    fail(cluster, `the kubeconfig ${access.file} has no context '${config.getCurrentContext() ?? ''}'`);
  }
  return config;
}

function fromServer(access: Extract<KubeAccess, { kind: 'server' }>): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    {
      name: 'cluster',
      server: access.server,
      skipTLSVerify: access.skipTlsVerify === true,
      ...(access.caFile === undefined ? {} : { caFile: access.caFile }),
      ...(access.caData === undefined ? {} : { caData: access.caData }),
    },
    {
      name: 'user',
      ...(access.token === undefined ? {} : { token: access.token }),
      ...(access.tokenFile === undefined
        ? {}
        : { authProvider: { name: 'tokenFile', config: { tokenFile: access.tokenFile } } }),
    },
  );
  return config;
}

function loadInCluster(cluster: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromCluster();
  } catch (error) {
    fail(cluster, 'no service account of a pod here', error);
  }
  return config;
}

/** Loads and checks the access. Throws FailureError `kube-access-invalid` (terminal) when it cannot work. */
export function loadAccess(access: KubeAccess, cluster: string): LoadedAccess {
  const config =
    access.kind === 'kubeconfig'
      ? loadFile(access, cluster)
      : access.kind === 'server'
        ? fromServer(access)
        : loadInCluster(cluster);
  const target = config.getCurrentCluster();
  if (target === null) fail(cluster, 'the context names no cluster');
  if (!/^https?:\/\/[^/]/.test(target.server))
    fail(cluster, `the server must be an http(s) URL, got '${redactText(target.server)}'`);
  // client-node refuses plain HTTP unless verification is off; without TLS there is nothing to verify.
  if (target.server.startsWith('http:')) Object.assign(target, { skipTLSVerify: true });
  const user = config.getCurrentUser();
  return {
    config,
    server: target.server.replace(/\/+$/, ''),
    renewable:
      access.kind !== 'server' || access.tokens !== undefined || Boolean(user?.exec) || Boolean(user?.authProvider),
  };
}
