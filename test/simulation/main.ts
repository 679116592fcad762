/**
 * `npm run sim -- roll --seeds N [--from S] [--workers N] [-o json]` runs N seeds (fresh ones unless --from says where to begin);
 * `npm run sim -- roll --seed S` replays one and prints its history. Ends with 1 when an invariant is violated.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { wallMs } from '../../src/support/deadline.ts';
import { runSeed, type SeedResult } from '../support/roll-sim/run-seed.ts';
import { runSeeds } from '../support/roll-sim/run-seeds.ts';
import { drawScenario } from '../support/roll-sim/scenario.ts';

const usage = `Usage: npm run sim -- roll [--seeds N] [--from FIRST] [--workers N] [--seed S] [-o json]
  --seeds N    run N seeds, 100 unless given; fresh ones unless --from says where to begin
  --seed S     replay one seed and print what happened
  --workers N  processes, as many as processors unless given
Examples:
  npm run sim -- roll --seeds 1000
  npm run sim -- roll --seed 4711
`;

interface SimOptions {
  seeds: number;
  from: number | undefined;
  seed: string | undefined;
  workers: number;
  json: boolean;
}

const failuresShown = 20;

export async function main(args: string[]): Promise<number> {
  const options = optionsOf(args);
  if (options === undefined) return 2;
  return options.seed === undefined ? many(options) : one(options.seed, options.json);
}

function optionsOf(args: string[]): SimOptions | undefined {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        seeds: { type: 'string', default: '100' },
        from: { type: 'string' },
        seed: { type: 'string' },
        workers: { type: 'string', default: String(availableParallelism()) },
        output: { type: 'string', short: 'o', default: 'text' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const wrong = [
      ...(positionals.length === 1 && positionals[0] === 'roll' ? [] : ['say what to simulate: roll']),
      ...(/^[1-9]\d*$/.test(values.seeds) ? [] : ['--seeds must be a whole number above 0']),
      ...(/^[1-9]\d*$/.test(values.workers) ? [] : ['--workers must be a whole number above 0']),
      ...(values.from === undefined || /^\d+$/.test(values.from) ? [] : ['--from must be a whole number']),
      ...(['text', 'json'].includes(values.output) ? [] : ['-o must be text or json']),
    ];
    if (values.help || wrong.length > 0) {
      process.stderr.write(`${wrong.map((line) => `${line}\n`).join('')}${usage}`);
      return undefined;
    }
    return {
      seeds: Number(values.seeds),
      from: values.from === undefined ? undefined : Number(values.from),
      seed: values.seed,
      workers: Number(values.workers),
      json: values.output === 'json',
    };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return undefined;
  }
}

async function one(seed: string, json: boolean): Promise<number> {
  const startedAt = wallMs();
  const { pools, rolled, surge, workloads, blockers, faults } = drawScenario(seed);
  const say = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };
  say(
    `seed ${seed}: ${pools.map((pool) => `${pool.name} (${pool.nodes} nodes${pool.balancer ? `, ${pool.balancer}` : ''})`).join(', ')}`,
  );
  say(`  rolled: ${rolled.join(', ')}, surge ${surge}`);
  say(
    `  runs: ${[...workloads, ...blockers].map((one) => `${one.kind} ${one.name} (${one.pods})`).join(', ')}${blockers.length > 0 ? '; the last never lets a pod go' : ''}`,
  );
  say(`  goes wrong: ${faults.join(', ') || 'nothing'}`);
  const result = await runSeed(seed, { history: true });
  for (const line of result.history) say(line);
  for (const violation of result.violations) say(`VIOLATED ${violation}`);
  say(
    `${result.violations.length === 0 ? 'all invariants held' : `${result.violations.length} violations`}: ${result.checked} judgements, ${result.replaced} nodes ended, ${result.evictions} evictions, ${result.kills} kills in ${result.simulatedSeconds} simulated s (digest ${result.digest})`,
  );
  if (json) report([result], startedAt);
  return result.violations.length === 0 ? 0 : 1;
}

async function many(options: SimOptions): Promise<number> {
  const startedAt = wallMs();
  const first = options.from ?? randomInt(1_000_000_000);
  const seeds = Array.from({ length: options.seeds }, (_, index) => String(first + index));
  process.stderr.write(`seeds ${first} to ${first + options.seeds - 1} on ${options.workers} processes\n`);
  const results: SeedResult[] = [];
  let failed = 0;
  let saidAt = startedAt;
  const show = (result: SeedResult): void => {
    results.push({ ...result, history: [] });
    if (result.violations.length > 0) {
      failed += 1;
      if (failed <= failuresShown) {
        process.stderr.write(
          `seed ${result.seed} (${result.faults.join(', ')}):\n${result.violations
            .slice(0, 5)
            .map((line) => `  ${line}\n`)
            .join('')}`,
        );
      }
    }
    if (wallMs() - saidAt < 5_000) return;
    saidAt = wallMs();
    process.stderr.write(`${results.length} of ${options.seeds} seeds, ${failed} failed\n`);
  };
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  await runSeeds(seeds, options.workers, show, stop.signal);
  const seconds = Math.round((wallMs() - startedAt) / 1000);
  const judged = results.reduce((sum, one) => sum + one.checked, 0);
  const replaced = results.reduce((sum, one) => sum + one.replaced, 0);
  const kills = results.reduce((sum, one) => sum + one.kills, 0);
  process.stdout.write(
    `${results.length} seeds, ${failed} failed; ${judged} judgements, ${replaced} nodes ended, ${kills} kills in ${seconds} s\n`,
  );
  if (failed > 0) process.stdout.write(`replay one: npm run sim -- roll --seed ${failing(results)}\n`);
  if (options.json) report(results, startedAt);
  return failed > 0 || results.length < options.seeds ? 1 : 0;
}

const failing = (results: SeedResult[]): string | null =>
  results
    .filter((one) => one.violations.length > 0)
    .map((one) => one.seed)
    .sort((a, b) => Number(a) - Number(b))[0] ?? null;

function report(results: SeedResult[], startedAt: number): void {
  const document = {
    seeds: results.length,
    violations: results.reduce((sum, one) => sum + one.violations.length, 0),
    simulatedSeconds: results.reduce((sum, one) => sum + one.simulatedSeconds, 0),
    wallSeconds: Math.round((wallMs() - startedAt) / 100) / 10,
    firstFailingSeed: failing(results),
  };
  process.stdout.write(`${JSON.stringify(document)}\n`);
}

if (process.argv[1]?.endsWith('main.ts')) process.exitCode = await main(process.argv.slice(2));
