/** What is well-formed, and yet cannot be meant: names that nothing has, things said twice, and demands that exclude each other. */
import type { GatePolicy } from '../../domain/gate.ts';
import { nearMatches } from '../../domain/near-matches.ts';
import { type ChannelPolicy, windowsOf } from '../../domain/pipeline.ts';
import type { Problem } from '../../domain/problem.ts';
import type { TimeWindow } from '../../domain/time-window.ts';
import { intervalAt, nextStart } from '../../support/calendar.ts';
import { problemAt, type YamlPlaces } from '../yaml-document.ts';
import type { PipelineDocument } from './pipeline-schema.ts';

type Path = readonly PropertyKey[];

/** Codes of failures that the file names; `codes`: all that there are. */
export function codeProblems(
  document: PipelineDocument,
  codes: ReadonlySet<string> | undefined,
  places: YamlPlaces,
): Problem[] {
  if (codes === undefined) return [];
  return document.channels.flatMap((channel, i) =>
    (channel.knownFailures ?? []).flatMap((code, j) => {
      if (codes.has(code)) return [];
      const near = nearMatches(code, codes);
      const remedy = near.length === 0 ? '`clm explain` lists the codes' : `write ${near.join(' or ')}`;
      const message = `there is no failure with the code ${code}`;
      return [problemAt(places, ['channels', i, 'knownFailures', j], message, remedy)];
    }),
  );
}

/** Names that stand twice in a list of names. */
export function repeatedProblems(document: PipelineDocument, places: YamlPlaces): Problem[] {
  const lists: [Path, readonly string[] | undefined][] = Object.entries(document.roles ?? {}).map(([role, people]) => [
    ['roles', role],
    people,
  ]);
  document.channels.forEach((channel, i) => {
    const path = ['channels', i];
    lists.push([[...path, 'siblings'], channel.siblings], [[...path, 'knownFailures'], channel.knownFailures]);
    lists.push([[...path, 'periodic'], channel.periodic?.map(({ profile }) => profile)]);
    (channel.gates ?? []).forEach((gate, j) => {
      lists.push([[...path, 'gates', j, 'approval', 'roles'], gate.approval?.roles]);
    });
    (channel.waves ?? []).forEach((wave, j) => {
      const at = [...path, 'waves', j];
      lists.push([[...at, 'clusters'], wave.clusters], [[...at, 'coverage'], wave.coverage]);
      lists.push([[...at, 'gatesBefore'], wave.gatesBefore]);
    });
  });
  return lists.flatMap(([path, names = []]) =>
    names.flatMap((name, j) =>
      names.indexOf(name) === j ? [] : [problemAt(places, [...path, j], `${name} stands here twice`, 'name it once')],
    ),
  );
}

/** Demands that have no effect, or that nothing can meet. */
export function contradictions(document: PipelineDocument, places: YamlPlaces): Problem[] {
  return document.channels.flatMap((channel, i) => {
    const problems: Problem[] = [];
    const report = (path: Path, message: string, remedy: string): void =>
      void problems.push(problemAt(places, ['channels', i, ...path], message, remedy));
    if (channel.newCommits === 'queue' && channel.minDwell !== undefined) {
      const message = `a queue of channel ${channel.name} replaces no rollout that is under way, so that minDwell would have no effect`;
      report(['minDwell'], message, 'leave it out, or write newCommits: supersede');
    }
    const [first] = channel.waves ?? [];
    for (const field of ['soakBefore', 'gatesBefore'] as const) {
      if (first?.[field] === undefined) continue;
      const message = `there is no wave before ${first.name}, so that ${field} would have no effect`;
      report(['waves', 0, field], message, 'write it at a later wave');
    }
    const takenBy = new Map<string, string>();
    (channel.waves ?? []).forEach((wave, j) => {
      (wave.clusters ?? []).forEach((cluster, k) => {
        const other = takenBy.get(cluster);
        if (other !== undefined && other !== wave.name)
          report(['waves', j, 'clusters', k], `${cluster} is in wave ${other} already`, 'name it in one wave');
        else takenBy.set(cluster, wave.name);
      });
    });
    (channel.gates ?? []).forEach((gate, j) => {
      for (const kind of ['http', 'prometheus'] as const) {
        const { timeout, patience } = gate[kind] ?? {};
        if (timeout === undefined || patience === undefined || patience === 0 || timeout <= patience) continue;
        const message = `gate ${gate.name} waits for an answer longer than its patience lasts`;
        report(['gates', j, kind, 'timeout'], message, 'make timeout shorter, or patience longer');
      }
    });
    return problems;
  });
}

/** Windows and schedules that leave no moment open. `fleet`: the windows of every channel. */
export function closedProblems(channels: ChannelPolicy[], fleet: TimeWindow[], places: YamlPlaces): Problem[] {
  const problems: Problem[] = [];
  const report = (path: Path, what: string, scope: string, windows: TimeWindow[]): void => {
    const shut = works.filter((work) => neverOpen(windows.filter((window) => window.work.includes(work))));
    const remedy = `leave some time open; for a while: clm freeze ${scope} --reason …`;
    if (shut.length > 0)
      problems.push(problemAt(places, path, `${what} leave no time for ${shut.join(' and ')}`, remedy));
  };
  report(['windows'], 'the windows of every channel', 'fleet', fleet);
  channels.forEach((channel, i) => {
    const path = ['channels', i];
    const what = `the windows of channel ${channel.name}`;
    if (channel.windows !== undefined)
      report([...path, 'windows'], what, `channel:${channel.name}`, windowsOf({ windows: fleet }, channel));
    (channel.gates ?? []).forEach((gate, j) => {
      problems.push(...scheduleProblems(gate, [...path, 'gates', j, 'schedule'], places));
    });
  });
  return problems;
}

const works = ['updates', 'promotions'] as const;

function scheduleProblems(gate: GatePolicy, path: Path, places: YamlPlaces): Problem[] {
  if (gate.kind !== 'schedule' || !neverOpen(gate.windows)) return [];
  return [problemAt(places, path, `gate ${gate.name} would never open`, 'leave some time open')];
}

/** A Monday, midnight UTC; weekly times are alike in every week. */
const someMonday = Date.UTC(2026, 0, 5);
const weekMs = 7 * 86_400_000;
/** Ends of a window in a week. */
const mostEnds = 20;

/**
 * Weekly times alone can be said to leave nothing open: what begins by a rule or at a date may still open something. The answer changes at
 * an end or start of a window only, so that these are all that has to be looked at.
 */
function neverOpen(windows: readonly TimeWindow[]): boolean {
  const allows = windows.filter((window) => window.effect === 'allow');
  const denials = windows.filter((window) => window.effect === 'deny' && window.times.kind === 'days');
  if (allows.some((window) => window.times.kind !== 'days') || denials.length === 0) return false;
  const moments = [someMonday, ...[...allows, ...denials].flatMap(turns)];
  return moments.every(
    (at) =>
      denials.some((window) => intervalAt(window, at) !== undefined) ||
      (allows.length > 0 && allows.every((window) => intervalAt(window, at) === undefined)),
  );
}

function turns(window: TimeWindow): number[] {
  const found: number[] = [];
  let at = someMonday - weekMs;
  for (let count = 0; count < mostEnds && at < someMonday + weekMs; count += 1) {
    const start = nextStart(window, at);
    if (start === undefined) break;
    found.push(start, intervalAt(window, start)?.end ?? start);
    at = start;
  }
  return found;
}
