import { nearMatches } from '../../domain/near-matches.ts';
import type { ChannelPolicy, Pipeline } from '../../domain/pipeline.ts';
import type { Problem } from '../../domain/problem.ts';
import { isTimeZone } from '../../support/calendar.ts';
import { parseYamlWithSchema, problemAt, type YamlPlaces } from '../yaml-document.ts';
import { closedProblems, codeProblems, contradictions, repeatedProblems } from './check-sense.ts';
import { dimensionProblems, waveProblems } from './check-waves.ts';
import { type PipelineDocument, pipelineDefaults, pipelineSchema } from './pipeline-schema.ts';
import { toPolicy, toWindows } from './to-policy.ts';

export type PipelineResult = { ok: true; pipeline: Pipeline } | { ok: false; problems: Problem[] };

/**
 * The pipeline that a file describes, defaults filled in; or everything that is wrong with it. `known.codes`: the codes that failures
 * have; what the file says of them is not looked at without.
 */
export function parsePipeline(file: string, text: string, known: { codes?: ReadonlySet<string> } = {}): PipelineResult {
  const parsed = parseYamlWithSchema(file, text, pipelineSchema);
  if (!parsed.ok) return { ok: false, problems: parsed.problems };
  const { value, places } = parsed;
  const made = value.channels.map((_, i) => toPolicy(value, i, places));
  const channels = made.map(({ policy }) => policy);
  const windows = toWindows(value.windows, value.zone ?? 'UTC', places, ['windows']);
  const problems = [
    ...nameProblems(value, channels, places),
    ...waveProblems(value, places),
    ...dimensionProblems(value, places),
    ...targetProblems(channels, places),
    ...idleProblems(value, channels, places),
    ...zoneProblems(value, places),
    ...codeProblems(value, known.codes, places),
    ...repeatedProblems(value, places),
    ...contradictions(value, places),
    ...closedProblems(channels, windows.windows, places),
    ...windows.problems,
    ...made.flatMap((one) => one.problems),
  ];
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    pipeline: {
      channels,
      maxParallel: value.maxParallel ?? pipelineDefaults.maxParallel,
      evidenceMaxAgeMs: value.evidenceMaxAge ?? pipelineDefaults.evidenceMaxAgeMs,
      ...(windows.windows.length === 0 ? {} : { windows: windows.windows }),
      ...(value.roles === undefined ? {} : { roles: value.roles }),
    },
  };
}

function nameProblems(document: PipelineDocument, channels: ChannelPolicy[], places: YamlPlaces): Problem[] {
  const problems: Problem[] = [];
  const names = new Set<string>();
  const branches = new Map<string, string>();
  channels.forEach((channel, i) => {
    const path = ['channels', i];
    if (names.has(channel.name)) {
      problems.push(
        problemAt(
          places,
          [...path, 'name'],
          `channel ${channel.name} is listed twice`,
          'give each channel its own name',
        ),
      );
    } else {
      const other = branches.get(channel.branch);
      const at = [...path, document.channels[i]?.branch === undefined ? 'name' : 'branch'];
      const message = `branch ${channel.branch} of channel ${channel.name} is that of channel ${other}`;
      if (other !== undefined) problems.push(problemAt(places, at, message, 'give each channel its own branch'));
    }
    names.add(channel.name);
    branches.set(channel.branch, channel.name);
  });
  return problems;
}

function targetProblems(channels: ChannelPolicy[], places: YamlPlaces): Problem[] {
  const problems: Problem[] = [];
  const byName = new Map(channels.map((channel) => [channel.name, channel]));
  channels.forEach((channel, i) => {
    channel.promotesTo.forEach((target, j) => {
      const path = ['channels', i, 'promotesTo', j];
      if (target === channel.name) {
        problems.push(problemAt(places, path, `channel ${channel.name} promotes to itself`, 'name another channel'));
      } else if (!byName.has(target)) {
        const near = nearMatches(target, byName.keys())[0];
        const remedy = near === undefined ? `write one of: ${[...byName.keys()].join(', ')}` : `write ${near}`;
        problems.push(
          problemAt(places, path, `channel ${channel.name} promotes to ${target}, which is not a channel`, remedy),
        );
      } else if (channel.promotesTo.indexOf(target) !== j) {
        problems.push(problemAt(places, path, `channel ${channel.name} promotes to ${target} twice`, 'name it once'));
      }
    });
  });
  const cycle = findCycle(channels, byName);
  if (cycle !== undefined) {
    const at = channels.findIndex((channel) => channel.name === cycle[0]);
    const message = `channels promote in a circle: ${[...cycle, cycle[0]].join(' → ')}`;
    problems.push(problemAt(places, ['channels', at, 'promotesTo'], message, 'remove one of these promotions'));
  }
  return problems;
}

/** What only says something of versions that come from another channel, on one to which nothing promotes. */
function idleProblems(document: PipelineDocument, channels: ChannelPolicy[], places: YamlPlaces): Problem[] {
  const targets = new Set(channels.flatMap((channel) => channel.promotesTo));
  return document.channels.flatMap((channel, i) =>
    Object.entries({ needs: 'all', promotion: 'pull-request', unprovenHeads: 'adopt' }).flatMap(([field, value]) => {
      const written = channel[field as 'needs' | 'promotion' | 'unprovenHeads'];
      if (written !== value || targets.has(channel.name)) return [];
      const message = `nothing promotes to channel ${channel.name}, so that ${field}: ${value} would have no effect`;
      return [problemAt(places, ['channels', i, field], message, `leave it out, or promote to ${channel.name}`)];
    }),
  );
}

function zoneProblems({ zone }: PipelineDocument, places: YamlPlaces): Problem[] {
  if (zone === undefined || isTimeZone(zone)) return [];
  return [problemAt(places, ['zone'], `${zone} is no time zone`, 'write an IANA name like Europe/Berlin')];
}

/** The first circle of two or more channels, in order of promotion. */
function findCycle(channels: ChannelPolicy[], byName: Map<string, ChannelPolicy>): string[] | undefined {
  const done = new Set<string>();
  const visit = (name: string, trail: string[]): string[] | undefined => {
    const seenAt = trail.indexOf(name);
    if (seenAt !== -1) return trail.length - seenAt > 1 ? trail.slice(seenAt) : undefined;
    if (done.has(name)) return undefined;
    for (const target of byName.get(name)?.promotesTo ?? []) {
      const cycle = target === name ? undefined : visit(target, [...trail, name]);
      if (cycle !== undefined) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const channel of channels) {
    const cycle = visit(channel.name, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
