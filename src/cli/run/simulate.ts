/** `clm simulate --ref`: what would become of a commit, on a model of the fleet, before it is merged. */
import { readStatus } from '../../api/read-model.ts';
import { loadDaemonConfig } from '../../daemon/config.ts';
import { type FleetLook, lookAtFleet } from '../../daemon/fleet-look.ts';
import { createLookupRecord, withEarlierAnswers } from '../../daemon/lookup-record.ts';
import { createRender } from '../../daemon/render.ts';
import type { Pipeline } from '../../domain/pipeline.ts';
import type { Problem } from '../../domain/problem.ts';
import { explainSubject } from '../../planning/explain/explain-subject.ts';
import type { Explanation } from '../../planning/explain/status-document.ts';
import { clockFromEnvironment } from '../../support/clock.ts';
import { silentLogger } from '../../support/logger.ts';
import type { CommandContext, ConnectionOptions, OutputFormat } from '../command.ts';
import { withProgress } from '../connection.ts';
import { badInput, exitCodes } from '../exit.ts';
import { colorsOf } from '../io.ts';
import { parseMoment } from '../moment.ts';
import { printDocument, tableColumns } from '../output.ts';
import { renderWhatIf } from '../view/what-if-view.ts';
import { parseApprovals } from '../what-if/approvals.ts';
import type { WhatIfDocument } from '../what-if/document.ts';
import { parseFaults } from '../what-if/faults.ts';
import { fleetModel } from '../what-if/fleet-model.ts';
import { modelLookups } from '../what-if/model-lookups.ts';
import { overlaySource } from '../what-if/overlay-source.ts';
import { type DrawInput, type DrawResult, runDraw } from '../what-if/run-draw.ts';
import { type ToldDraw, tellDraws } from '../what-if/tell-draws.ts';

export interface SimulateOptions extends ConnectionOptions {
  ref: string;
  policy?: string;
  faults: string[];
  approve: string[];
  at?: string;
  draws: number;
  /** Milliseconds. */
  limit: number;
  seed?: string;
  output: OutputFormat;
}

export async function runSimulate(options: SimulateOptions, context: CommandContext): Promise<void> {
  const { io } = context;
  const { config, problems } = loadDaemonConfig(options.config ?? 'clm.yaml', io.environment);
  if (config === undefined) throw badInput('nothing was simulated', problems);
  const now = Math.round(clockFromEnvironment(io.environment['CLM_CLOCK']).now());
  const at = options.at === undefined ? now : parseMoment(options.at);
  if (at === undefined) {
    const remedy = 'write a moment such as 2026-12-18T16:00, with Z or +01:00 when it is not in the zone of this shell';
    throw badInput('nothing was simulated', [{ file: '--at', message: `'${options.at ?? ''}' is no moment`, remedy }]);
  }
  const asked = options.policy === undefined ? config : { ...config, pipeline: { file: options.policy } };
  const look = lookAtFleet(asked, { ref: options.ref }, { log: silentLogger(), version: 'simulate' }, (found) =>
    simulate(found, { ...options, at, path: config.configRepository.path }, io.signal),
  );
  const result = await withProgress(io, 'simulating', look);
  const { document, problems: found } = 'answer' in result ? result.answer : { document: undefined, ...result };
  if (document === undefined) {
    const count = found.length === 1 ? '1 problem' : `${found.length} problems`;
    throw badInput(`${count}; nothing was simulated`, found);
  }
  const view = { columns: tableColumns(io) ?? 120, colors: colorsOf(io) };
  await printDocument(io, options.output, document, (wide) => renderWhatIf(document, { ...view, wide }));
  if (document.outcome !== 'promoted') context.exitWith(exitCodes.refused);
}

interface Asked extends Omit<SimulateOptions, 'at'> {
  at: number;
  /** Folder of the channel configuration. */
  path: string;
}

type Answer = { problems: Problem[]; document?: undefined } | { problems: []; document: WhatIfDocument };

async function simulate(look: FleetLook, { at, path, ...options }: Asked, signal: AbortSignal): Promise<Answer> {
  const { pipeline, registered, store } = look;
  const faults = parseFaults(options.faults, {
    clusters: registered,
    channels: pipeline.channels.map((one) => one.name),
  });
  const approvals = parseApprovals(options.approve, pipeline);
  const place = await placeOf(look);
  const problems = [...faults.problems, ...approvals.problems, ...('problem' in place ? [place.problem] : [])];
  if (problems.length > 0 || 'problem' in place) return { problems };
  const { heads, commit, first, last } = place;
  const base = overlaySource(look.source, heads);
  let guessed = 0;
  const record = await withEarlierAnswers(
    createLookupRecord(store, undefined, () => 0),
    store,
  );
  const lookups = modelLookups(() => {
    guessed += 1;
  });
  const render = createRender({
    source: base,
    further: look.further,
    path,
    accounts: () => look.accounts,
    clusters: () => look.registered,
    record,
    cloud: () => lookups,
  });
  const clusters = registered;
  const fleet = await fleetModel({ clusters, pipeline, source: base, heads, render, store, now: at });
  const { tree, subject } = await base.commitInfo(commit);
  const draw: Omit<DrawInput, 'source' | 'seed'> = {
    fleet,
    commit,
    tree,
    first,
    last,
    faults: faults.faults,
    approvals: approvals.rules,
    at,
    limitMs: options.limit,
    signal,
  };
  const told: ToldDraw[] = [];
  const seed = options.seed ?? 'what-if';
  for (let number = 1; number <= options.draws; number += 1) {
    const result = await runDraw({ ...draw, source: overlaySource(base, heads), seed: `${seed}/${number}` });
    try {
      told.push({ ...(await tell(result, pipeline, look, commit)), number, result });
    } finally {
      await result.store.close();
    }
  }
  const about = { ref: options.ref, commit, subject, at, tree, recorded: fleet.recorded, guessed };
  return { problems: [], document: tellDraws(told, { ...about, fleet }) };
}

/** What is left of a draw once its store is closed. */
async function tell(
  { store, promoted, endedAt }: DrawResult,
  pipeline: Pipeline,
  look: FleetLook,
  commit: string,
): Promise<Pick<ToldDraw, 'rollouts' | 'why'>> {
  const rows = (await store.rows({ machine: 'rollout' })).filter((row) => row.commit === commit);
  const why = promoted ? null : await explain(store, pipeline, look, { commit, endedAt });
  return { rollouts: rows.map(({ channel, context }) => ({ channel, context })), why };
}

async function explain(
  store: DrawResult['store'],
  pipeline: Pipeline,
  look: FleetLook,
  { commit, endedAt }: { commit: string; endedAt: number },
): Promise<Explanation | null> {
  const registry = { clusters: look.registered, problems: [] };
  const status = await readStatus(store, { pipeline, registry, problems: [], daemonRunning: true, now: endedAt });
  const answer = explainSubject(status, commit, []);
  return answer.found ? answer.explanation : null;
}

interface Place {
  heads: Map<string, string>;
  commit: string;
  /** Branch that it is merged to. */
  first: string;
  /** Channels at the end of the way. */
  last: string[];
}

/** Where the branches are, and whether the commit can come onto the first of them. */
async function placeOf({ source, pipeline, commitOf, registered }: FleetLook): Promise<Place | { problem: Problem }> {
  const problem = (message: string, remedy: string) => ({ problem: { file: '--ref', message, remedy } });
  const [cluster] = registered;
  const commit = cluster === undefined ? undefined : commitOf(cluster);
  if (commit === undefined) return problem('the registry has no cluster', 'describe one: clm init shows how');
  const first = pipeline.channels.find(
    (one) => !pipeline.channels.some((other) => other.promotesTo.includes(one.name)),
  );
  if (first === undefined) return problem('no channel is the first one', 'let one be promoted to by no other');
  const { heads: found } = await source.fetch([...new Set(pipeline.channels.map((one) => one.branch))], {});
  const heads = new Map(found.map((head) => [head.branch, head.commit]));
  const head = heads.get(first.branch);
  if (head === undefined) return problem(`branch ${first.branch} has no commit`, `push ${first.branch}`);
  const last = lastOf(pipeline, first.name);
  const place = { heads, commit, first: first.branch, last };
  if (await source.isAncestor(head, commit)) return place;
  const short = commit.slice(0, 12);
  if (await source.isAncestor(commit, head)) {
    return problem(
      `${short} is on ${first.branch} already, and newer commits are on top of it`,
      `name ${first.branch} itself: clm simulate --ref ${first.branch}`,
    );
  }
  return problem(
    `${short} is not on top of ${first.branch}, which is at ${head.slice(0, 12)}`,
    `rebase it onto ${first.branch}, or name the merge commit`,
  );
}

/** Channels that promote to none, on some way from the first. */
function lastOf({ channels }: Pipeline, first: string): string[] {
  const seen = new Set<string>();
  const open = [first];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    open.push(...(channels.find((one) => one.name === name)?.promotesTo ?? []));
  }
  return channels.flatMap(({ name, promotesTo }) => (seen.has(name) && promotesTo.length === 0 ? [name] : []));
}
