/** A pipeline as its operators meet it: the daemon's own backend of the API, over a world with one version at a gate. */
import type { ApiBackend } from '../../../src/api/backend.ts';
import { createAdoption } from '../../../src/daemon/adoption.ts';
import { createBackend } from '../../../src/daemon/backend.ts';
import { openLastGood } from '../../../src/daemon/last-good.ts';
import { outboxKinds } from '../../../src/daemon/notify/outbox-facts.ts';
import { adoptedWorld, minute, type PipelineDaemon, PipelineWorld } from './pipeline-world.ts';
import { scriptedCheckRunner } from './scripted-ground.ts';

export interface OperatorWorld {
  world: PipelineWorld;
  backend: ApiBackend;
  /** Of `stable`. */
  head: string;
  /** Waits for ada's approval at gate `release` of `dev`. */
  gated: string;
  /** On no branch. */
  stray: string;
  /** Whatever an operator's command could have changed. */
  written: () => Promise<string>;
}

export async function operatorWorld(): Promise<OperatorWorld> {
  const { world, daemon } = await adoptedWorld({
    channels: { dev: 1, stable: 1 },
    policy: { soakMs: minute, gates: [{ kind: 'approval', name: 'release', quorum: 1, roles: ['sre'] }] },
  });
  world.pipeline = { ...world.pipeline, roles: { sre: ['ada'] } };
  const head = world.source.branches.get('stable') as string;
  const gated = world.source.merge('dev', 'b1', { manifest: 'm2' });
  const stray = world.source.add('f1', { manifest: 'x' }, undefined);
  // a name that stands for two commits
  world.source.branches.set('twice', head);
  world.source.tags.set('twice', gated);
  await daemon.until('gating', async () => (await daemon.stateOf(`rollout:dev:${gated}`)) === 'gating');
  return { world, ...(await operated(world, daemon)), head, gated, stray };
}

/** A daemon that has only looked so far, at so many clusters. */
export async function observingWorld(clusters: number): Promise<Omit<OperatorWorld, 'head' | 'gated' | 'stray'>> {
  const world = await PipelineWorld.create({ channels: { dev: clusters } });
  await world.settleClusters();
  const daemon = await world.daemon();
  await daemon.start();
  return { world, ...(await operated(world, daemon)) };
}

async function operated(
  world: PipelineWorld,
  daemon: PipelineDaemon,
): Promise<Pick<OperatorWorld, 'backend' | 'written'>> {
  const { store, source, clock } = world;
  const { engine } = daemon;
  const now = (): number => Math.round(clock.now());
  const lastGood = await openLastGood({
    ...{ store, now },
    registry: { read: async () => world.view() },
    readPipeline: async () => ({ pipeline: world.pipeline, problems: [] }),
  });
  await lastGood.refresh();
  const adoption = createAdoption({
    ...{ store, engine, source, lastGood, now, render: world.render },
    sessions: world.ground.sessions({ time: clock, seed: 0 }),
    pipeline: () => world.pipeline,
    takeOverrides: async () => {},
  });
  const backend = createBackend({
    ...{ store, engine, lastGood, adoption, now },
    git: { source, sinceSuccessMs: () => 0, problem: () => undefined, problems: () => [] },
    runner: scriptedCheckRunner(world, clock, {}),
    look: async () => {
      await lastGood.refresh();
    },
    wakeChannels: () => {},
    onActed: () => {},
    reportProblems: () => [],
    storedBeside: () => 0,
    onNewsChanged: async () => {},
    previewRoll: () => Promise.reject(new Error('nobody asks for it here')),
    nodesOf: async () => ['node-1'],
  });
  const kinds = [
    ...['override', 'approval', 'approved', 'debt', 'retry', 'e2e-quarantine', 'adoption', 'last-good'],
    ...Object.values(outboxKinds),
  ];
  const written = async (): Promise<string> => {
    const facts = await Promise.all(kinds.map((kind) => store.facts(kind)));
    const newest = await store.journal({ limit: 1, newestFirst: true });
    const runs = [await store.e2e.runs({ limit: 100 }), await store.e2e.results({ limit: 1_000 })];
    return JSON.stringify([facts, newest, await store.pending(100, 0), runs, [...source.branches], source.moves]);
  };
  return { backend, written };
}
