/** Credential plugins of kubeconfigs (`aws eks get-token`, gke-gcloud-auth-plugin, kubelogin), run as kubectl runs them. */
import { execFile } from 'node:child_process';
import type { RequestOptions } from 'node:https';
import path from 'node:path';
import type { KubeConfig, User } from '@kubernetes/client-node';
import { ScaledClock } from '../../support/clock.ts';

/** Name of the auth provider by which a user is known to have a plugin. */
export const pluginProvider = 'clm-exec-plugin';

type Authenticator = Parameters<KubeConfig['addAuthenticator']>[0];

export interface ExecSettings {
  /** Absolute. */
  command: string;
  args: string[];
  /** Beside this process's own. */
  environment: Record<string, string>;
  /** `client.authentication.k8s.io/v1` or `v1beta1`. */
  apiVersion: string;
  /** Told to the plugin when the kubeconfig says so. */
  cluster: Record<string, unknown> | undefined;
}

interface Credential {
  token: string | undefined;
  certificate: string | undefined;
  key: string | undefined;
  /** Unix ms; without one it is good until it is refused. */
  expiresAt: number;
}

/** Wall time: some plugins open a connection or two; none may wait for a person. */
const patienceMs = 60_000;
const longestAnswer = 1024 * 1024;
/** Tokens end by the clock on the wall, whatever clock decisions are made by. */
const wallClock = new ScaledClock(0, 1);

export class ExecPlugin implements Authenticator {
  readonly #settings: ExecSettings;
  #credential: Credential | undefined;
  #running: Promise<Credential> | undefined;

  constructor(settings: ExecSettings) {
    this.#settings = settings;
  }

  isAuthProvider(user: User): boolean {
    return (user.authProvider as { name?: unknown } | null | undefined)?.name === pluginProvider;
  }

  async applyAuthentication(_user: User, options: RequestOptions): Promise<void> {
    const { token, certificate, key } = await this.#current();
    if (certificate !== undefined) options.cert = certificate;
    if (key !== undefined) options.key = key;
    if (token === undefined) return;
    options.headers ??= {};
    Object.assign(options.headers, { Authorization: `Bearer ${token}` });
  }

  /** Calls side by side share one run of the plugin. */
  #current(): Promise<Credential> {
    if (this.#credential !== undefined && this.#credential.expiresAt > wallClock.now()) {
      return Promise.resolve(this.#credential);
    }
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<Credential> {
    const answer = await runPlugin(this.#settings);
    this.#credential = readCredential(answer, this.#settings);
    return this.#credential;
  }
}

function said(text: string): string {
  return text.trim().replace(/\s+/g, ' ').slice(0, 200);
}

function runPlugin(settings: ExecSettings): Promise<string> {
  const { command, args, environment, apiVersion, cluster } = settings;
  const spec = { interactive: false, ...(cluster === undefined ? {} : { cluster }) };
  const info = JSON.stringify({ kind: 'ExecCredential', apiVersion, spec });
  const options = {
    env: { ...process.env, ...environment, KUBERNETES_EXEC_INFO: info },
    timeout: patienceMs,
    maxBuffer: longestAnswer,
  };
  const name = path.basename(command);
  const remedy = `try it: ${[name, ...args].join(' ')}`;
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, options, (error, out, err) => {
      if (error === null) {
        resolve(out);
        return;
      }
      const how = error.killed === true ? `did not end within ${patienceMs / 1000} s` : `failed (${error.code})`;
      const why = said(err) === '' ? '' : `: ${said(err)}`;
      reject(new Error(`the credential plugin '${name}' ${how}${why}; ${remedy}`));
    });
    // nobody is there to be asked
    child.stdin?.on('error', () => {});
    child.stdin?.end();
  });
}

function readCredential(text: string, { command, apiVersion }: ExecSettings): Credential {
  const name = path.basename(command);
  let answer: { kind?: unknown; apiVersion?: unknown; status?: Record<string, unknown> | null };
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch {
    throw new Error(`the credential plugin '${name}' answered no JSON`);
  }
  if (answer?.kind !== 'ExecCredential' || answer.apiVersion !== apiVersion) {
    const got = `${String(answer?.kind)} of ${String(answer?.apiVersion)}`;
    throw new Error(
      `the credential plugin '${name}' answered ${got}, the kubeconfig wants ExecCredential of ${apiVersion}`,
    );
  }
  const field = (key: string): string | undefined => {
    const value = answer.status?.[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const token = field('token');
  const certificate = field('clientCertificateData');
  const key = field('clientKeyData');
  if (token === undefined && certificate === undefined) {
    throw new Error(`the credential plugin '${name}' answered neither a token nor a certificate`);
  }
  const until = Date.parse(field('expirationTimestamp') ?? '');
  return { token, certificate, key, expiresAt: Number.isNaN(until) ? Number.POSITIVE_INFINITY : until };
}
