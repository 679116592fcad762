/**
 * `npm run soak -- roll [--seeds N]`: ten thousand seeds of drawn rolls, or as many as said.
 * `npm run soak -- deep [--seeds N]`: twenty seeds of a pipeline on clusters of the simulator's model, or as many as said.
 * `npm run soak [-- --kills N --clusters N --speed X --seed S]`: the full fleet with the daemon killed again and again. It takes many
 * minutes, prints what it finds, and ends with 1 when anything is wrong.
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { adoptFleet, mergeChange, nodesAndIngress } from '../../src/cli/demo/stage.ts';
import { wallMs } from '../../src/support/deadline.ts';
import { InstanceLedger } from '../support/system/instance-ledger.ts';
import { headsOf, judgeStage } from '../support/system/judge-stage.ts';
import { killAtSeededMoments } from '../support/system/kill-schedule.ts';
import { followCommit, withStage } from '../support/system/with-stage.ts';

const seedsOf: Record<string, string> = { roll: '10000', deep: '20' };
const [simulation = '', ...more] = process.argv.slice(2);
const seeds = seedsOf[simulation];
if (seeds !== undefined) {
  const { main } = await import('../simulation/main.ts');
  process.exit(
    await main([simulation, ...(more.some((one) => /^--seeds?\b/.test(one)) ? [] : ['--seeds', seeds]), ...more]),
  );
}

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '40' },
    clusters: { type: 'string', default: '84' },
    speed: { type: 'string', default: '60' },
    seed: { type: 'string', default: process.env['SEED'] ?? randomBytes(4).toString('hex') },
    timeout: { type: 'string', default: '3600' },
    output: { type: 'string', short: 'o', default: 'text' },
  },
});
const [kills, clusters, speed, timeoutSeconds] = [values.kills, values.clusters, values.speed, values.timeout].map(
  Number,
) as [number, number, number, number];

const startedAt = wallMs();
const say = (message: string): void => {
  process.stderr.write(`${((wallMs() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${message}\n`);
};

say(`${clusters} clusters at ${speed} simulated seconds a second, ${kills} kills, SEED=${values.seed}`);
const wrong = await withStage({ clusters, speed, seed: 'soak' }, async (stage) => {
  const ledger = new InstanceLedger(stage.world);
  const complaints: string[] = [];
  const require = (right: boolean, complaint: string): void => {
    if (!right) complaints.push(complaint);
  };
  stage.daemon.start();
  await adoptFleet(stage, new AbortController().signal);
  const commit = await mergeChange(stage, nodesAndIngress);
  say(`merged ${commit.slice(0, 12)}; ${ledger.originals.size} nodes are to be replaced`);
  const over = new AbortController();
  const killing = killAtSeededMoments(stage, { seed: values.seed, kills, longestWaitMs: 20_000, signal: over.signal });
  killing.catch(() => over.abort());
  let last = '';
  const result = await followCommit(stage, commit, {
    timeoutSeconds,
    onStatus: ({ channels }) => {
      const line = channels
        .map(({ name, state, counts }) => `${name} ${state} ${counts.updated}/${counts.total}`)
        .join(' · ');
      if (line !== last) say(`${line}; killed ${stage.daemon.restarts} times`);
      last = line;
    },
  });
  over.abort();
  const { moments } = await killing;
  stage.meter.finish();
  const heads = await headsOf(stage);
  const verdict = judgeStage(stage);
  require(result.outcome === 'promoted', `${result.outcome}: ${result.reason}`);
  require(Object.values(heads).every((head) => head === commit), `branches stand at ${JSON.stringify(heads)}`);
  require(ledger.endedByGroups.length === 0, `${ledger.endedByGroups.length} nodes were ended by their groups`);
  const once = new Set(ledger.terminated).size === ledger.terminated.length;
  require(once &&
    ledger.terminated.length ===
      ledger.originals.size, `${ledger.terminated.length} terminations of ${ledger.originals.size} nodes`);
  require(ledger.launched.length ===
    ledger.originals.size, `${ledger.launched.length} launches for ${ledger.originals.size} nodes`);
  complaints.push(
    ...stage.meter.violations.map(({ invariant, cluster, message }) => `${invariant} ${cluster}: ${message}`),
  );
  complaints.push(...verdict.violations);
  await stage.daemon.samplePeakMemory();
  say(
    `killed ${moments.length} times; ${stage.meter.checked} judgements on nodes, ${Object.values(verdict.checked).reduce((a, b) => a + b, 0)} on the pipeline`,
  );
  if (values.output === 'json') {
    const report = {
      outcome: result.outcome,
      clusters,
      kills: moments.length,
      seed: values.seed,
      nodesReplaced: stage.meter.nodesReplaced,
      wallSeconds: Math.round((wallMs() - startedAt) / 1000),
      peakRssMiB: stage.daemon.peakRssMiB,
      wrong: complaints,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  }
  return complaints;
});
for (const complaint of wrong.slice(0, 100)) process.stderr.write(`wrong: ${complaint}\n`);
say(wrong.length === 0 ? 'nothing is wrong' : `${wrong.length} things are wrong; replay with --seed ${values.seed}`);
process.exitCode = wrong.length === 0 ? 0 : 1;
