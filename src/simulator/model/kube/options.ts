import type { VirtualClock } from '../../../support/clock.ts';
import type { Random } from '../../../support/random.ts';
import type { ImageRegistry } from '../images/image-registry.ts';
import type { Internet } from '../network/internet.ts';
import type { AdoptDisk, CallCloud, EmitWorldEvent } from '../seams.ts';

/** What an image's container does, chosen by the first rule whose `image` is a part of the image name. */
export interface ImageBehaviour {
  image: string;
  /** From the container's start to its readiness; default seeded. */
  readyAfterMs?: number;
  /** Runs but never becomes ready. */
  neverReady?: boolean;
  /** Ends by itself with this code. */
  exit?: { afterMs: number; code: number };
  /** The registry does not have it. */
  missing?: boolean;
  log?: readonly string[];
  /** How long it takes to stop after SIGTERM; default seeded, a few seconds. Cut off by the grace period. */
  stopAfterMs?: number;
}

export interface KubeOptions {
  /** From the instance's running state to the node's registration. Default 35 s, sigma 0.25. */
  bootMs: { median: number; sigma: number };
  /** From registration to Ready. */
  cniMs: { median: number; sigma: number };
  /** From a container's start to its readiness, when nothing says otherwise and it has a readiness probe. */
  readyMs: { median: number; sigma: number };
  /** From SIGTERM to the end of the containers. */
  stopMs: { median: number; sigma: number };
  kubernetesVersion: string;
  /** What an image id means for the nodes that boot from it. */
  images: Readonly<Record<string, { kubeletVersion?: string; osImage?: string; kernelVersion?: string }>>;
  behaviours: readonly ImageBehaviour[];
  /** Events of controllers kept, a cluster. */
  mostEvents: number;
  /** Changes kept for watches that resume, a resource. */
  watchHistory: number;
  /** Reaction times of controllers in ms, [least, most]; seeded in between. */
  lagMs: { controllers: [number, number]; disruption: [number, number]; scheduler: [number, number] };
  /** The API refuses connections once there was a ready control-plane node and now there is none. */
  apiNeedsMaster: boolean;
  /** `none`: an API server with its storage and nobody else: no controller manager, no scheduler. */
  controllers: 'all' | 'none';
  /** Built-in resources that the API does not serve, as `endpointslices.discovery.k8s.io`: an old release, or switched off. */
  unserved: readonly string[];
  /** false: the API takes no privileged container, as a server without `--allow-privileged`. */
  allowPrivileged: boolean;
}

export const defaultKubeOptions: KubeOptions = {
  bootMs: { median: 35_000, sigma: 0.25 },
  cniMs: { median: 6_000, sigma: 0.3 },
  readyMs: { median: 4_000, sigma: 0.5 },
  stopMs: { median: 1_500, sigma: 0.6 },
  kubernetesVersion: 'v1.31.4',
  images: {},
  behaviours: [],
  mostEvents: 200,
  watchHistory: 128,
  lagMs: { controllers: [2, 12], disruption: [2, 12], scheduler: [2, 15] },
  apiNeedsMaster: false,
  controllers: 'all',
  unserved: [],
  allowPrivileged: true,
};

/** What a scenario can break, at any moment. Reactions are immediate where a controller looks at it, else at its next turn. */
export interface KubeFaults {
  endpointSlices: 'ok' | 'broken';
  imagePull: 'ok' | 'broken';
  scheduler: 'ok' | 'broken';
  /** The controllers of deployments, replica sets, stateful sets, daemon sets and jobs. */
  workloads: 'ok' | 'broken';
  /** `refused`: connections are cut; `error`: every request answers 503. */
  apiDown: 'no' | 'refused' | 'error';
  /** Adds to the lag of the disruption controller: PDB status is stale that long. */
  disruptionLagMs: number;
  /** Others write the status of budgets all the time: an eviction that has to write it, too, gives up. */
  budgetConflicts: boolean;
  /** As the option of this name, which it starts from. */
  apiNeedsMaster: boolean;
  /** What an instance with a bad image does. */
  badBoot: 'not-ready' | 'never-registers';
  /** Nodes whose pods never become ready (by node name), e.g. a broken network on one node. */
  unreadyNodes: Set<string>;
  /** `broken`: the API server writes no audit events any more. */
  auditLog: 'ok' | 'broken';
  /** Volumes that a node may have attached; pods that would need more do not fit there. */
  attachLimit: number;
  /** `off`: the labels of namespaces keep no pod out. */
  podSecurity: 'ok' | 'off';
}

/** Nothing is broken. */
export function defaultFaults(options: KubeOptions): KubeFaults {
  return {
    endpointSlices: 'ok',
    imagePull: 'ok',
    scheduler: 'ok',
    workloads: 'ok',
    apiDown: 'no',
    disruptionLagMs: 0,
    budgetConflicts: false,
    apiNeedsMaster: options.apiNeedsMaster,
    badBoot: 'not-ready',
    unreadyNodes: new Set(),
    auditLog: 'ok',
    attachLimit: Number.POSITIVE_INFINITY,
    podSecurity: 'ok',
  };
}

export interface KubeModelInput {
  clusterId: string;
  region: string;
  clock: VirtualClock;
  random: Random;
  emit: EmitWorldEvent;
  options?: Partial<KubeOptions>;
  /** Shared by the clusters of a world; a lone cluster has its own. */
  internet?: Internet;
  registry?: ImageRegistry;
  /** Without it the cluster's add-ons have no cloud: every call is refused. */
  cloud?: CallCloud;
  adoptDisk?: AdoptDisk;
}

/** A sample of a log-normal distribution (Box-Muller), in whole ms. */
export function sampleMs(random: Random, { median, sigma }: { median: number; sigma: number }): number {
  const u = 1 - random.next();
  const normal = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * random.next());
  const bounded = Math.max(-3, Math.min(3, normal));
  return Math.round(median * Math.exp(sigma * bounded));
}
