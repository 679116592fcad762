import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { sleep } from '../../support/deadline.ts';
import { projectRoot } from '../../support/project.ts';

export interface DaemonSetup {
  directory: string;
  /** Bare configuration repository. */
  repository: string;
  /** Directory with `clusters/` and `registry/infrastructure-accounts.yaml`. */
  registry: string;
  pipeline: string;
  awsEndpoint: string;
  kubernetesUrlTemplate: string;
  /** `CLM_CLOCK` that the daemon shares with the simulated world. */
  clock: string;
}

/** What differs from the demo's own configuration, as `clm.yaml` has it. */
interface DaemonSettings {
  /** Path of a pipeline file. */
  pipeline?: string;
  pollInterval?: string;
  /** With it, webhooks are taken at `webhookUrl`. */
  forge?: Record<string, unknown>;
  notifications?: Record<string, unknown>;
  /** Secrets that the settings name, for the daemon's environment. */
  environment?: Record<string, string>;
}

/** Of the fast clock: every look costs processes of git, and what the daemon pushes itself it knows at once. */
const pollInterval = '2m';
const stopWithinMs = 20_000;
/** The role that every account of the simulated cloud lets the daemon assume. */
const roleName = 'cluster-lifecycle-manager';

/** The daemon as a child process on a configuration of its own. */
export class DaemonProcess {
  readonly configFile: string;
  readonly socket: string;
  readonly #setup: DaemonSetup;
  readonly #log: WriteStream;
  #metricsPort = 0;
  #webhookPort = 0;
  #environment: Record<string, string> = {};
  #child: ChildProcess | undefined;
  #exit: Promise<number | null> = Promise.resolve(null);
  restarts = 0;
  peakRssMiB = 0;
  /** Set while nobody asked the daemon to end; an end then is the demo's failure. */
  unexpectedExit: string | undefined;

  constructor(setup: DaemonSetup) {
    this.#setup = setup;
    this.configFile = join(setup.directory, 'clm.yaml');
    this.socket = join(setup.directory, 'clm.sock');
    this.#log = createWriteStream(join(setup.directory, 'daemon.log'), { flags: 'a' });
  }

  get logFile(): string {
    return join(this.#setup.directory, 'daemon.log');
  }

  /** Where the forge delivers its webhooks. */
  get webhookUrl(): string {
    return `http://127.0.0.1:${this.#webhookPort}/github`;
  }

  /** Before `start`; may be written again with other settings. */
  async writeConfig(settings: DaemonSettings = {}): Promise<void> {
    const { directory, repository, registry, awsEndpoint, kubernetesUrlTemplate } = this.#setup;
    const { forge, notifications, environment = {} } = settings;
    this.#metricsPort = await freePort();
    this.#environment = environment;
    if (forge !== undefined) this.#webhookPort = await freePort();
    const config = {
      stateDir: join(directory, 'state'),
      configRepository: { url: repository, path: 'cluster', pollInterval: settings.pollInterval ?? pollInterval },
      registry: { kind: 'directory', path: join(registry, 'clusters') },
      accounts: join(registry, 'registry', 'infrastructure-accounts.yaml'),
      pipeline: settings.pipeline ?? this.#setup.pipeline,
      store: `sqlite:${join(directory, 'state', 'clm.db')}`,
      concurrency: { steps: 64, clusters: 40 },
      api: {
        socket: this.socket,
        metricsListen: `127.0.0.1:${this.#metricsPort}`,
        ...(forge === undefined ? {} : { webhookListen: `127.0.0.1:${this.#webhookPort}` }),
      },
      ...(forge === undefined ? {} : { forge }),
      ...(notifications === undefined ? {} : { notifications }),
      providers: {
        aws: { endpoint: awsEndpoint, roleName },
        kubernetes: { urlTemplate: kubernetesUrlTemplate, token: 'simulated' },
      },
      logLevel: 'warn',
    };
    await writeFile(this.configFile, stringify(config));
  }

  start(): void {
    const program = `${projectRoot}bin/clm.mjs`;
    const child = spawn(process.execPath, [program, 'daemon', '--config', this.configFile], {
      cwd: this.#setup.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...this.#environment,
        CLM_CLOCK: this.#setup.clock,
        AWS_ACCESS_KEY_ID: 'AKIA000000000000',
        AWS_SECRET_ACCESS_KEY: 'simulated',
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_CONFIG_FILE: '/dev/null',
        AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      },
    });
    this.#child = child;
    child.stdout.pipe(this.#log, { end: false });
    child.stderr.pipe(this.#log, { end: false });
    this.#exit = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        if (this.#child === child) {
          this.unexpectedExit = `the daemon ended by itself (${signal ?? `exit code ${code}`}); its log is ${this.logFile}`;
        }
        resolve(code);
      });
    });
  }

  /** SIGKILL, as a machine that loses power would do. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    child.kill('SIGKILL');
    await this.#exit;
  }

  async restart(): Promise<void> {
    await this.kill();
    this.restarts += 1;
    this.start();
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child && child.exitCode === null) {
      child.kill('SIGTERM');
      const limit = new AbortController();
      const ended = await Promise.race([
        this.#exit.then(() => true),
        sleep(stopWithinMs, limit.signal).then((whole) => !whole),
      ]);
      limit.abort();
      if (!ended) child.kill('SIGKILL');
      await this.#exit;
    }
    this.#log.end();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Its metrics, as Prometheus scrapes them. */
  async metrics(): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`);
    return answer.text();
  }

  /** How late the daemon's event loop ran, from its own metrics. */
  async eventLoopLagMs(): Promise<{ p50: number; p99: number; max: number }> {
    const text = await this.metrics();
    const read = (quantile: string): number => {
      const match = new RegExp(`^clm_event_loop_lag_seconds\\{quantile="${quantile}"\\} (\\S+)$`, 'm').exec(text);
      return match ? Math.round(Number(match[1]) * 10_000) / 10 : Number.NaN;
    };
    return { p50: read('0.5'), p99: read('0.99'), max: read('1') };
  }

  /** Peak resident memory of the running child, from the kernel; elsewhere than on Linux it stays what it was. */
  async samplePeakMemory(): Promise<void> {
    if (this.#child?.pid === undefined) return;
    try {
      const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
      const match = /VmHWM:\s+(\d+) kB/.exec(status);
      if (match) this.peakRssMiB = Math.max(this.peakRssMiB, Math.round(Number(match[1]) / 1024));
    } catch {
      // The child has just ended, or there is no /proc: the figure is a courtesy.
    }
  }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
