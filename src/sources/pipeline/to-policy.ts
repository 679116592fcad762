/** A channel of the pipeline file as the policy that the pipeline works with. */
import type { ChannelPolicy, E2eGatePolicy, KeepPolicy, WavePolicy } from '../../domain/pipeline.ts';
import type { Problem } from '../../domain/problem.ts';
import type { TimeWindow } from '../../domain/time-window.ts';
import { problemAt, type YamlPlaces } from '../yaml-document.ts';
import { toGates } from './gate-schema.ts';
import { type PipelineDocument, pipelineDefaults } from './pipeline-schema.ts';
import { toWindow, type WindowDocument } from './window-schema.ts';

type ChannelDocument = PipelineDocument['channels'][number];

export function toPolicy(
  document: PipelineDocument,
  index: number,
  places: YamlPlaces,
): { policy: ChannelPolicy; problems: Problem[] } {
  const channel = document.channels[index] as ChannelDocument;
  const next = document.channels[index + 1]?.name;
  const defaults = pipelineDefaults.channel;
  const zone = document.zone ?? 'UTC';
  const path = ['channels', index];
  const windows = toWindows(channel.windows, zone, places, [...path, 'windows']);
  const gates = toGates(channel.gates ?? [], { places, path: [...path, 'gates'], zone, roles: document.roles ?? {} });
  const edges = (channel.promotesTo ?? (next === undefined ? [] : [next])).map((edge) =>
    typeof edge === 'string' ? { to: edge, trigger: 'automatic' as const } : edge,
  );
  const manual = edges.filter((edge) => edge.trigger === 'manual').map((edge) => edge.to);
  const soak = channel.soak ?? defaults.soakMs;
  const policy: ChannelPolicy = {
    name: channel.name,
    branch: channel.branch ?? channel.name,
    promotesTo: edges.map((edge) => edge.to),
    waves: (channel.waves ?? defaults.waves).map(toWave),
    maxParallel: channel.maxParallel ?? defaults.maxParallel,
    maxFailures: channel.maxFailures ?? defaults.maxFailures,
    sameFailureLimit: channel.sameFailureLimit ?? defaults.sameFailureLimit,
    soakMs: typeof soak === 'number' ? soak : soak.time,
    ...toE2e(channel.e2e, defaults.e2eProfile),
    blockLimitMs: channel.blockLimit ?? defaults.blockLimitMs,
    progressDeadlineMs: channel.progressDeadline ?? defaults.progressDeadlineMs,
    ...(manual.length === 0 ? {} : { manualTargets: manual }),
    ...(typeof soak === 'number' ? {} : { soakDemands: demandsOf(soak) }),
    ...(gates.gates.length === 0 ? {} : { gates: gates.gates }),
    ...(windows.windows.length === 0 ? {} : { windows: windows.windows }),
    ...(channel.rollback === 'automatic' ? { rollback: 'automatic' as const } : {}),
    ...(channel.bisect === undefined ? {} : { bisect: { ...pipelineDefaults.bisect, ...given(channel.bisect) } }),
    ...given({
      needs: channel.needs,
      promotion: channel.promotion,
      unprovenHeads: channel.unprovenHeads,
      signatures: channel.signatures,
      finish: channel.finish,
      newCommits: channel.newCommits,
      minDwellMs: channel.minDwell,
      siblings: channel.siblings,
      knownFailures: channel.knownFailures,
      periodic: channel.periodic?.map(({ profile, every }) => ({ profile, everyMs: every })),
    }),
  };
  return { policy, problems: [...windows.problems, ...gates.problems, ...answerProblems(channel, path, places)] };
}

/** A halt has one answer: who puts the last version back at once leaves nothing to be searched on. */
function answerProblems(channel: ChannelDocument, path: PropertyKey[], places: YamlPlaces): Problem[] {
  if (channel.bisect === undefined || channel.rollback !== 'automatic') return [];
  const message = `channel ${channel.name} is rolled back by itself, so that nothing is left to be searched on`;
  return [problemAt(places, [...path, 'bisect'], message, 'keep bisect, or rollback: automatic')];
}

/** Without what the file leaves out. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function toE2e(
  e2e: ChannelDocument['e2e'],
  profile: string,
): Pick<ChannelPolicy, 'e2eProfile'> & { e2eGate?: E2eGatePolicy; keepOnFailure?: KeepPolicy } {
  if (e2e === undefined || typeof e2e === 'string') return { e2eProfile: e2e ?? profile };
  const { baseline = true, maxFlaky = pipelineDefaults.channel.maxFlaky, midRoll, keepOnFailure: keep } = e2e;
  const kept = keep && { forMs: keep.for, most: keep.most ?? pipelineDefaults.channel.mostKept };
  const e2eGate = { baseline, maxFlaky, ...given({ midRoll }) };
  return { e2eProfile: e2e.profile, e2eGate, ...given({ keepOnFailure: kept }) };
}

function demandsOf(soak: Exclude<NonNullable<ChannelDocument['soak']>, number>) {
  const { clusterHours, nodesReplaced, passes } = soak;
  return given({ clusterHours, nodesReplaced, passes });
}

function toWave(wave: {
  name: string;
  size?: number | `${number}%` | undefined;
  clusters?: string[] | undefined;
  match?: Record<string, string | string[]> | undefined;
  coverage?: string[] | undefined;
  soakBefore?: number | undefined;
  gatesBefore?: string[] | undefined;
}): WavePolicy {
  const match =
    wave.match === undefined
      ? undefined
      : Object.fromEntries(
          Object.entries(wave.match).map(([name, value]) => [name, typeof value === 'string' ? [value] : value]),
        );
  return {
    name: wave.name,
    size: wave.size ?? '100%',
    ...given({
      clusters: wave.clusters,
      match,
      coverage: wave.coverage,
      soakBeforeMs: wave.soakBefore,
      gatesBefore: wave.gatesBefore,
    }),
  };
}

export function toWindows(
  documents: readonly WindowDocument[] | undefined,
  zone: string,
  places: YamlPlaces,
  path: readonly PropertyKey[],
): { windows: TimeWindow[]; problems: Problem[] } {
  const made = (documents ?? []).map((document, i) => toWindow(document, zone, { places, path: [...path, i] }));
  return {
    windows: made.flatMap(({ window }) => (window === undefined ? [] : [window])),
    problems: made.flatMap(({ problems }) => problems),
  };
}
