/** Which commit of a batch is tried next, on which cluster, and what the trials come to. Pure. */
import type { BisectState, BisectTrial } from '../../domain/bisect.ts';

export type BisectView = Pick<BisectState, 'good' | 'clusters' | 'trials' | 'limits'> & {
  candidates: readonly { commit: string }[];
};

export type NextTrial =
  | { kind: 'wait'; reason: string }
  | { kind: 'try'; commit: string; cluster: string; reason: string }
  | { kind: 'culprit'; commit: string; before: string; reason: string }
  /** Nothing is vetoed on it. */
  | { kind: 'inconclusive'; code: string; reason: string };

/** So often the culprit has to fail before it is called one: once may be chance. */
const confirmations = 2;

export function nextTrial(view: BisectView): NextTrial {
  const { good, candidates, trials, limits } = view;
  const flying = trials.find((one) => one.result === 'inFlight');
  if (flying !== undefined) return { kind: 'wait', reason: `${short(flying.commit)} is tried on ${flying.cluster}` };
  if (good === null) return inconclusive('no-known-good', 'no earlier version is known that was proven on the channel');
  if (candidates.length === 0) return inconclusive('no-candidates', 'there is no commit that may be tried here');
  const next = onClusters(view, good.commit);
  if (next.kind === 'try' && trials.length >= limits.attempts) {
    return inconclusive('attempts-spent', `${trials.length} attempts were made, ${limits.attempts} allowed`);
  }
  return next;
}

function onClusters(view: BisectView, good: string): NextTrial {
  const said: string[] = [];
  for (const { id } of view.clusters.slice(0, view.limits.clusters)) {
    const found = onCluster(view, good, id);
    if (typeof found !== 'string') return found;
    said.push(`${id}: ${found}`);
  }
  const reason = said.length === 0 ? 'no cluster that failed is idle' : said.join('; ');
  return inconclusive('not-reproducible', reason);
}

/** What to do on this cluster; a text when it has nothing to say. */
function onCluster({ candidates, trials }: BisectView, good: string, cluster: string): NextTrial | string {
  const own = trials.filter((one) => one.cluster === cluster);
  const tryIt = (commit: string, reason: string): NextTrial => ({ kind: 'try', commit, cluster, reason });
  const last = candidates.at(-1)?.commit ?? '';
  const again = resultsOf(own, last);
  if (again.length === 0) return tryIt(last, 'does it fail again?');
  if (!again.includes('failed'))
    return again.includes('passed') ? 'it passes when tried again' : 'it could not be tried';
  const control = resultsOf(own, good);
  if (control.length === 0) return tryIt(good, 'does the version before the batch still pass?');
  if (!control.includes('passed'))
    return control.includes('failed')
      ? 'the version before the batch fails too'
      : 'the version before could not be tried';
  let passes = -1;
  let fails = candidates.length - 1;
  candidates.forEach(({ commit }, index) => {
    const results = resultsOf(own, commit);
    if (results.includes('failed')) fails = Math.min(fails, index);
    else if (results.includes('passed')) passes = Math.max(passes, index);
  });
  if (passes > fails) return 'an earlier commit fails and a later one passes: it is not one commit';
  const name = (index: number): string => candidates[index]?.commit ?? good;
  if (fails - passes > 1) {
    const middle = Math.floor((passes + fails) / 2);
    if (resultsOf(own, name(middle)).includes('none')) return `${short(name(middle))} could not be tried`;
    return tryIt(name(middle), `the culprit is one of ${fails - passes} commits`);
  }
  return confirmed(own, { culprit: name(fails), before: passes < 0 ? good : name(passes), last }, tryIt);
}

function confirmed(
  own: readonly BisectTrial[],
  { culprit, before, last }: { culprit: string; before: string; last: string },
  tryIt: (commit: string, reason: string) => NextTrial,
): NextTrial | string {
  const results = resultsOf(own, culprit);
  if (results.includes('passed')) return `${short(culprit)} fails once and passes once`;
  if (results.includes('none')) return `${short(culprit)} could not be tried`;
  // the halted version has failed in its rollout already
  const failures = results.length + (culprit === last ? 1 : 0);
  if (failures < confirmations) return tryIt(culprit, 'does it fail again?');
  const cluster = own[0]?.cluster ?? '';
  const reason = `on ${cluster} ${short(culprit)} fails each time, and ${short(before)} before it passes`;
  return { kind: 'culprit', commit: culprit, before, reason };
}

function resultsOf(trials: readonly BisectTrial[], commit: string): BisectTrial['result'][] {
  return trials.filter((one) => one.commit === commit).map((one) => one.result);
}

function inconclusive(code: string, reason: string): NextTrial {
  return { kind: 'inconclusive', code, reason };
}

function short(commit: string): string {
  return commit.slice(0, 12);
}

/** The newest commit before the culprit that may go on without it; undefined when it was the first of the batch. */
export function beforeCulprit<Candidate extends { commit: string }>(
  candidates: readonly Candidate[],
  culprit: string,
  isVetoed: (candidate: Candidate) => boolean,
): Candidate | undefined {
  const at = candidates.findIndex((one) => one.commit === culprit);
  return candidates.slice(0, Math.max(at, 0)).findLast((one) => !isVetoed(one));
}
