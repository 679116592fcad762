/** `clm adopt`: look at the whole fleet, then let the daemon change it (B11). */

import type { Operator } from '../api/backend.ts';
import { ApiError } from '../api/errors.ts';
import type { AdoptAnswer } from '../api/schemas.ts';
import { FailureError } from '../domain/failure.ts';
import type { Pipeline } from '../domain/pipeline.ts';
import type { Engine } from '../engine/engine-options.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { ClusterSessions } from '../ports/cluster-session.ts';
import type { Render } from '../ports/renderer.ts';
import type { Store } from '../ports/store.ts';
import { adoptionWrites, type FleetFindings, observeFleet } from '../steps/adoption/observe-fleet.ts';
import type { LastGood } from './last-good.ts';

export interface AdoptionInput {
  store: Store;
  engine: Pick<Engine, 'post'>;
  sessions: ClusterSessions;
  render: Render;
  source: ChannelSource;
  lastGood: LastGood;
  pipeline: () => Pipeline;
  /** What an earlier database has left in the repository's notes is taken before anything may start. */
  takeOverrides: () => Promise<void>;
  now: () => number;
}

export interface Adoption {
  preview: (signal: AbortSignal) => Promise<AdoptAnswer>;
  adopt: (by: Operator, reason: string | undefined, signal: AbortSignal) => Promise<AdoptAnswer>;
}

/** What a first update can begin on. Others are told; they are left alone until they can be read. */
const fine = new Set(['matches', 'would-change']);

export function createAdoption(input: AdoptionInput): Adoption {
  let running = false;
  const observe = async (signal: AbortSignal): Promise<FleetFindings> => {
    if (running)
      throw new ApiError(
        409,
        'adoption-under-way',
        'Somebody else is looking at the fleet for an adoption right now; ask again when that is over.',
      );
    running = true;
    try {
      const { lastGood, source, render, sessions, store, pipeline, now } = input;
      const registry = () => ({ clusters: lastGood.clusters(), accounts: lastGood.accounts(), problems: [] });
      return await observeFleet({ source, registry, pipeline, render, sessions, store, now, signal });
    } finally {
      running = false;
    }
  };
  const already = async (dryRun: boolean): Promise<AdoptAnswer | undefined> => {
    const fact = await input.store.fact('adoption', 'fleet');
    if (fact === undefined) return undefined;
    return { dryRun, adopted: true, clusters: [], message: 'The fleet is adopted already.' };
  };
  return {
    preview: async (signal) => (await already(true)) ?? answer(await observe(signal), true),
    adopt: async (by, reason, signal) => {
      const before = await already(false);
      if (before !== undefined) return before;
      await input.takeOverrides().catch(refuse);
      const findings = await observe(signal);
      if (findings.clusters.length === 0)
        throw new ApiError(
          409,
          'no-clusters',
          'The registry has no cluster that could be adopted; clm validate says what is wrong with it.',
        );
      const { facts, journal } = adoptionWrites(findings, input.lastGood.clusters(), {
        actor: by.name,
        reason: reason ?? '',
        now: input.now(),
      });
      await input.engine.post([], { facts, journal });
      return answer(findings, false);
    },
  };
}

/** Nobody knows what is frozen: nothing may start. */
function refuse(error: unknown): never {
  if (!(error instanceof FailureError)) throw error;
  const { code, message } = error.failure;
  throw new ApiError(409, code, `The fleet cannot be adopted before the overrides kept in git are read: ${message}`);
}

function answer(findings: FleetFindings, dryRun: boolean): AdoptAnswer {
  const clusters = findings.clusters.map((finding) => ({
    id: finding.cluster,
    channel: finding.channel,
    finding: finding.result,
    message: finding.message,
    changes: finding.changes,
    ok: fine.has(finding.result) || finding.result === 'not-ready',
  }));
  const count = (result: string): number => clusters.filter((cluster) => cluster.finding === result).length;
  const trouble = clusters.filter((cluster) => !cluster.ok).length;
  const matching = count('matches');
  const differing = count('would-change');
  const rest = trouble === 0 ? '' : `, ${trouble} cannot be taken now`;
  const summary = `${matching} clusters run what their channel wants, ${differing} will be brought to it${rest}`;
  return { dryRun, adopted: !dryRun, clusters, message: dryRun ? `${summary}.` : `The fleet is adopted: ${summary}.` };
}
