import { ScaledClock, type Timer } from '../../support/clock.ts';
import type { World } from '../model/world.ts';
import { ScenarioPlayer } from '../scenarios/scenario-player.ts';
import { AwsWire } from './aws-wire.ts';
import { ControlWire, controlPath } from './control-wire.ts';
import { eksTokenRefusal } from './eks-token.ts';
import { createWireServer, type WireHandler, type WireRequest } from './http-server.ts';
import { clusterToken, kubeWireHandler } from './kube-wire.ts';

/** The world is woken for its own events no more often than this, wall time. */
const shortestWakeMs = 5;

export interface ServeOptions {
  world: World;
  host: string;
  /** 0 takes a free port. */
  port: number;
  /** Says what time it is in the world. */
  clock: ScaledClock;
  /** Other services on the same port. */
  beside?: readonly WireHandler[];
  /** Told about errors inside handlers: bugs of the simulator. */
  onError?: (handler: string, error: unknown) => void;
}

export interface ServedWorld {
  host: string;
  port: number;
  awsEndpoint: string;
  /** The simulator's own endpoint: `<url>/faults`, `<url>/events`. */
  controlUrl: string;
  /** Plays faults into the world, as the control endpoint does. */
  player: ScenarioPlayer;
  /** Of one cluster; `{id}` gives the template. */
  kubeUrl(clusterId: string): string;
  /** A kubeconfig with a context for each cluster, as plain data. */
  kubeconfig(): Record<string, unknown>;
  stats(): { awsCalls: number; kubeCalls: number };
  stop(): Promise<void>;
}

/**
 * Puts a world on loopback and lets its time pass with the clock: before every request, and when something in it is due (so that
 * watches get their events unasked).
 */
export async function serveWorld(options: ServeOptions): Promise<ServedWorld> {
  const { world, clock } = options;
  const driver = new WorldDriver(world, clock);
  const delay = (simulatedMs: number): Promise<void> =>
    new Promise((resolve) => {
      clock.at(clock.now() + simulatedMs, resolve);
    });
  const wallClock = new ScaledClock(0, 1);
  const aws = new AwsWire({
    handle: (request) => world.aws.handle(request),
    delay,
    serverTime: () => wallClock.now() + world.aws.clockSkewMs,
  });
  const kube = kubeWireHandler({
    cluster: (id) => (world.hasCluster(id) ? world.kube(id) : undefined),
    refusal: (id, bearer) => {
      const plane = world.managedControlPlane(id);
      if (!plane) return undefined;
      const now = wallClock.now() + world.aws.clockSkewMs;
      return eksTokenRefusal(bearer, { ...plane, now, secretOf: (key) => world.aws.sessionSecret(key) });
    },
    delay,
  });
  const player = new ScenarioPlayer(world);
  const stats = (): { awsCalls: number; kubeCalls: number } => ({
    awsCalls: server.requests.get(aws.name) ?? 0,
    kubeCalls: server.requests.get(kube.name) ?? 0,
  });
  const control = new ControlWire({ world, player, rate: clock.rate, stats });
  const handlers = [control, aws, kube].map((handler) => driver.timed(handler));
  const server = await createWireServer({
    host: options.host,
    port: options.port,
    handlers: [...(options.beside ?? []), ...handlers],
    ...(options.onError === undefined ? {} : { onError: options.onError }),
  });
  driver.start();
  const kubeUrl = (id: string): string => `${server.url}/clusters/${id}`;
  world.aws.serveControlPlanesAt(kubeUrl);
  return {
    host: server.host,
    port: server.port,
    awsEndpoint: server.url,
    kubeUrl,
    kubeconfig: () => kubeconfigOf(world.clusters(), kubeUrl),
    controlUrl: `${server.url}${controlPath}`,
    player,
    stats,
    stop: async () => {
      driver.stop();
      await server.close();
    },
  };
}

/** Moves the world's virtual clock along a real one. */
class WorldDriver {
  readonly #world: World;
  readonly #clock: ScaledClock;
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;
  #running = false;

  constructor(world: World, clock: ScaledClock) {
    this.#world = world;
    this.#clock = clock;
  }

  start(): void {
    this.#running = true;
    this.advance();
  }

  stop(): void {
    this.#running = false;
    this.#timer?.cancel();
  }

  advance(): void {
    this.#world.advanceTo(Math.floor(this.#clock.now()));
    this.#arm();
  }

  #arm(): void {
    const next = this.#world.nextEventAt();
    if (!this.#running || next === undefined) return;
    const at = Math.max(next, this.#clock.now() + shortestWakeMs * this.#clock.rate);
    if (this.#timer !== undefined && this.#armedFor <= at) return;
    this.#timer?.cancel();
    this.#armedFor = at;
    this.#timer = this.#clock.at(at, () => {
      this.#timer = undefined;
      this.advance();
    });
  }

  /** The same handler, in a world that is up to date when it starts and re-armed when it is done. */
  timed(handler: WireHandler): WireHandler {
    return {
      name: handler.name,
      matches: (method, path, headers) => handler.matches(method, path, headers),
      handle: (request: WireRequest) => {
        this.#world.advanceTo(Math.floor(this.#clock.now()));
        try {
          return handler.handle(request);
        } finally {
          this.#arm();
        }
      },
      ...(handler.tooLarge ? { tooLarge: (limit: number) => handler.tooLarge?.(limit) ?? { reset: true } } : {}),
      ...(handler.failed ? { failed: (error: unknown) => handler.failed?.(error) ?? { reset: true } } : {}),
    };
  }
}

function kubeconfigOf(clusters: readonly string[], kubeUrl: (id: string) => string): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': clusters[0] ?? '',
    clusters: clusters.map((id) => ({ name: id, cluster: { server: kubeUrl(id) } })),
    users: clusters.map((id) => ({ name: id, user: { token: clusterToken(id) } })),
    contexts: clusters.map((id) => ({ name: id, context: { cluster: id, user: id } })),
  };
}
