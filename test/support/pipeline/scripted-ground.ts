/** Clusters, rolls and checks as scripted: what most tests of the pipeline stand on. */
import type { CheckDefinition } from '../../../src/checks/contract.ts';
import { createCheckRunner } from '../../../src/checks/runner.ts';
import type { Cluster } from '../../../src/domain/cluster.ts';
import type { RenderedCluster } from '../../../src/domain/rendered.ts';
import type { Engine } from '../../../src/engine/engine-options.ts';
import type { CheckRunner } from '../../../src/ports/check-runner.ts';
import { type Clock, VirtualClock } from '../../../src/support/clock.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import type { Ground, Life, LifeParts } from './ground.ts';
import type { PipelineWorld } from './pipeline-world.ts';
import { ScriptedCluster, scriptedSessions } from './scripted-cluster.ts';
import { contentFor, scriptedRender } from './scripted-render.ts';
import type { CommitContent } from './scripted-source.ts';
import { toyRollModule, toyRollSteps } from './toy-roll.ts';

const minute = 60_000;

/** The runner that daemons have, on scripted clusters: for checks that ask an API and make nothing. */
export function scriptedCheckRunner(
  world: PipelineWorld,
  clock: Clock,
  profiles: Record<string, CheckDefinition[]>,
): CheckRunner {
  return createCheckRunner({
    ...{ clock, profiles, ledger: world.store.e2e, log: silentLogger() },
    sessions: scriptedSessions(world.clusters),
    clusterOf: (id) => world.registry.find((cluster) => cluster.id === id),
  });
}

export class ScriptedGround implements Ground {
  readonly clock: VirtualClock;
  readonly restMs = 0;
  readonly render = scriptedRender;
  readonly #world: PipelineWorld;
  readonly #checks: Record<string, CheckDefinition[]> | undefined;

  constructor(world: PipelineWorld, startsAt: number, checks?: Record<string, CheckDefinition[]>) {
    this.#world = world;
    this.#checks = checks;
    this.clock = new VirtualClock(startsAt);
  }

  added({ id }: Cluster): void {
    const live = new ScriptedCluster(id);
    live.pools.set('master', { running: '', wanted: '', nodes: 3 });
    live.pools.set('worker', { running: '', wanted: '', nodes: 4 });
    this.#world.clusters.set(id, live);
  }

  async settle(cluster: Cluster, rendered: RenderedCluster): Promise<void> {
    const live = this.#world.clusters.get(cluster.id) as ScriptedCluster;
    for (const stack of rendered.stacks) {
      live.settle(stack);
      const pool = stack.pool === undefined ? undefined : live.pools.get(stack.pool);
      if (pool !== undefined) pool.running = pool.wanted = stack.template;
    }
    for (const object of rendered.components.flatMap((component) => component.objects)) {
      await live.kube().apply(await live.kube().resourceOf(object.apiVersion, object.kind), object);
    }
    live.mutations.length = 0;
  }

  async rest(): Promise<void> {}

  sessions() {
    return scriptedSessions(this.#world.clusters);
  }

  live({ time }: LifeParts): Life {
    const world = this.#world;
    return {
      sessions: this.sessions(),
      machines: [toyRollModule],
      runner: this.#checks === undefined ? this.#runner(time) : scriptedCheckRunner(world, time, this.#checks),
      steps: toyRollSteps(
        (cluster, pool) =>
          world.rollOf(cluster, pool) ??
          world.rolls.get(`${cluster}/${pool}`) ??
          world.rolls.get(cluster) ?? { durationMs: 2 * minute },
        (cluster, pool, removed) => {
          const live = world.clusters.get(cluster);
          if (removed) live?.drained(pool);
          else live?.rolled(pool);
        },
      ),
      stop: (engine) => engine.stop(),
    };
  }

  settled(engine: Engine | undefined): Promise<void> {
    return engine?.settled() ?? Promise.resolve();
  }

  differences(cluster: Cluster, whole: CommitContent): string[] {
    const found: string[] = [];
    const live = this.#world.clusters.get(cluster.id);
    const content = contentFor(cluster, whole);
    const stack = live?.stacks.get(cluster.localId)?.template;
    if (stack !== `template ${content.stack}`) found.push(`${cluster.id} has stack ${stack}`);
    for (const [name, pool] of live?.pools ?? []) {
      const wanted = `template ${name} ${content.pool}`;
      if (pool.running !== wanted || pool.wanted !== wanted)
        found.push(`${name} of ${cluster.id} runs ${pool.running}`);
    }
    const config = live?.objects.get('ConfigMap/kube-system/coredns')?.['data'] as { config?: string } | undefined;
    if (config?.config !== content.manifest) found.push(`${cluster.id} has manifest ${config?.config}`);
    return found;
  }

  cutOff(id: string): (() => void) | undefined {
    const live = this.#world.clusters.get(id);
    if (live === undefined) return undefined;
    live.unreachable = true;
    return () => {
      live.unreachable = false;
    };
  }

  makeSick(id: string): (() => void) | undefined {
    const live = this.#world.clusters.get(id);
    if (live === undefined) return undefined;
    live.ready = false;
    return () => {
      live.ready = true;
    };
  }

  judge() {
    return { checked: {}, violations: [] };
  }

  #runner(time: Clock): CheckRunner {
    const world = this.#world;
    return {
      checksOf: () => ['api.health'],
      testsOf: () => [{ key: 'api.health', title: 'API', area: 'api', gate: 'blocking' }],
      kept: async () => [],
      sweepKept: async () => ({ swept: [], left: [] }),
      forget: () => {},
      cancel: async () => {},
      ensure: ({ runId, clusterId }) => {
        world.checkRuns.push({ cluster: clusterId, runId });
        const failing = world.failingChecks.get(clusterId);
        const own = failing !== undefined && (failing.commit === undefined || runId.includes(failing.commit));
        const trouble = world.checksFail(clusterId, runId) ?? (own ? failing.message : undefined);
        const result = {
          check: 'api.health',
          gate: 'blocking' as const,
          outcome: trouble === undefined ? ('pass' as const) : ('fail' as const),
          message: trouble ?? 'well',
          startedAt: time.now(),
          durationMs: 1,
          attempts: 1,
          leaked: [],
        };
        const more = world.testsThatFail.get(clusterId);
        const named = more !== undefined && runId.startsWith(more.runs) ? more.checks : [];
        const others = named.map((check) => ({ ...result, check, outcome: 'fail' as const, message: 'broken' }));
        const results = [result, ...others];
        return {
          results,
          running: [],
          progress: {},
          again: [],
          total: results.length,
          done: true,
          notSelected: [],
          endsAt: 0,
        };
      },
    };
  }
}
