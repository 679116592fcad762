/** How a cluster's API is reached and who we are there: everything that @kubernetes/client-node's KubeConfig knows. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Cluster, KubeConfig } from '@kubernetes/client-node';
import { FailureError, terminal } from '../../domain/failure.ts';
import type { Problem } from '../../domain/problem.ts';
import { redactText } from '../../support/redact.ts';
import { isProxyAddress, proxyOfEnvironment } from './environment-proxy.ts';
import { KubeconfigProblem, readKubeconfig } from './kubeconfig-files.ts';

/** Bearer tokens that end. */
export interface TokenSource {
  /** One that is good for a while. Rejects when there are no credentials. */
  current(): Promise<string>;
  /** The present one was refused: the next is made anew. */
  forget(): void;
}

export type KubeAccess =
  /** A kubeconfig with all it may hold: exec plugins, tokens, token files, client certificates, proxies. Several files are merged. */
  | { kind: 'kubeconfig'; file: string | readonly string[]; context?: string }
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
  /** The service account of the pod that this runs in; its files are below another root in a sandbox. */
  | { kind: 'in-cluster'; root?: string };

export interface LoadedAccess {
  config: KubeConfig;
  /** Base URL without a slash at its end. */
  server: string;
  /** What stands between us and the server, without credentials; undefined = nothing. */
  proxy?: { url: string; namedBy: string };
  /** Loading again may bring other credentials: worth a try after a 401. */
  renewable: boolean;
}

function fail(cluster: string, message: string): never {
  throw new FailureError(terminal('kube-access-invalid', `access to cluster ${cluster}: ${message}`));
}

/** The access of one cluster cannot work; `problem` says where, and what to write instead. */
export class KubeAccessError extends FailureError {
  readonly problem: Problem;

  constructor(cluster: string, problem: Problem) {
    const place = problem.path === undefined ? problem.file : `${problem.file}: ${problem.path}`;
    const message = `access to cluster ${cluster}: ${place}: ${problem.message}; ${problem.remedy}`;
    super(terminal('kube-access-invalid', message));
    this.name = 'KubeAccessError';
    this.problem = problem;
  }
}

function loadFile(access: Extract<KubeAccess, { kind: 'kubeconfig' }>, cluster: string): KubeConfig {
  try {
    return readKubeconfig(typeof access.file === 'string' ? [access.file] : access.file, access.context);
  } catch (error) {
    if (error instanceof KubeconfigProblem) throw new KubeAccessError(cluster, error.problem);
    throw error;
  }
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

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Whether this runs in a pod that has a service account. */
export function isInCluster(environment: NodeJS.ProcessEnv, root = ''): boolean {
  return Boolean(environment['KUBERNETES_SERVICE_HOST']) && existsSync(`${root}${serviceAccount}/token`);
}

function loadInCluster(access: Extract<KubeAccess, { kind: 'in-cluster' }>, cluster: string): KubeConfig {
  const root = access.root ?? '';
  const file = path.join(root, serviceAccount, 'ca.crt');
  if (!isInCluster(process.env, root) || !existsSync(file)) {
    throw new KubeAccessError(cluster, {
      file,
      message: 'no service account of a pod here',
      remedy: 'run in a pod whose automountServiceAccountToken is not false, or name a kubeconfig',
    });
  }
  const config = new KubeConfig();
  config.loadFromCluster(root);
  return config;
}

/**
 * A proxy that the access itself names goes before one of the environment, as for kubectl. Sets it for the client, and says which it is,
 * without credentials.
 */
function proxyTo(target: Cluster, cluster: string): { url: string; namedBy: string } | undefined {
  const shown = (url: string): string => url.replace(/\/\/[^/@]*@/, '//');
  if (target.proxyUrl !== undefined && target.proxyUrl !== '')
    return { url: shown(target.proxyUrl), namedBy: 'proxy-url' };
  const named = proxyOfEnvironment(target.server, process.env);
  if (named === undefined) return undefined;
  if (!isProxyAddress(named.url)) {
    throw new KubeAccessError(cluster, {
      file: `environment variable ${named.variable}`,
      message: `'${redactText(named.url)}' is no address of a proxy`,
      remedy: 'write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, or list the server in NO_PROXY',
    });
  }
  Object.assign(target, { proxyUrl: named.url });
  return { url: shown(named.url), namedBy: named.variable };
}

/** Loads and checks the access. Throws FailureError `kube-access-invalid` (terminal) when it cannot work. */
export function loadAccess(access: KubeAccess, cluster: string): LoadedAccess {
  const config =
    access.kind === 'kubeconfig'
      ? loadFile(access, cluster)
      : access.kind === 'server'
        ? fromServer(access)
        : loadInCluster(access, cluster);
  const target = config.getCurrentCluster();
  if (target === null) fail(cluster, 'the context names no cluster');
  if (!/^https?:\/\/[^/]/.test(target.server))
    fail(cluster, `the server must be an http(s) URL, got '${redactText(target.server)}'`);
  // client-node refuses plain HTTP unless verification is off; without TLS there is nothing to verify.
  if (target.server.startsWith('http:')) Object.assign(target, { skipTLSVerify: true });
  const proxy = proxyTo(target, cluster);
  const user = config.getCurrentUser();
  return {
    config,
    server: target.server.replace(/\/+$/, ''),
    ...(proxy === undefined ? {} : { proxy }),
    renewable:
      access.kind !== 'server' || access.tokens !== undefined || Boolean(user?.exec) || Boolean(user?.authProvider),
  };
}
