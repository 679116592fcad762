/**
 * `npm run sim -- roll|pipeline|deep --seeds N [--from S] [--workers N] [-o json]` runs N seeds (fresh ones unless --from says where to
 * begin); `--seed S` replays one and prints its history. Ends with 1 when an invariant is violated.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { wallMs } from '../../src/support/deadline.ts';
import { runSeeds } from '../support/roll-sim/run-seeds.ts';
import { type CommonResult, type Kind, kinds } from './kinds.ts';

const usage = `Usage: npm run sim -- roll|pipeline|deep [--seeds N] [--from FIRST] [--workers N] [--seed S] [-o json]
  --seeds N    run N seeds, 100 unless given; fresh ones unless --from says where to begin
  --seed S     replay one seed and print what happened
  --workers N  processes, as many as processors unless given
Examples:
  npm run sim -- roll --seeds 1000
  npm run sim -- roll --seed 4711
  npm run sim -- pipeline --seeds 100 -o json
  npm run sim -- deep --seeds 2
`;

interface SimOptions {
  name: string;
  kind: Kind;
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
  return options.seed === undefined ? many(options) : one(options, options.seed);
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
    const name = positionals.length === 1 ? (positionals[0] ?? '') : '';
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    const wrong = [
      ...(kind === undefined ? [`say what to simulate: ${Object.keys(kinds).join(' or ')}`] : []),
      ...(/^[1-9]\d*$/.test(values.seeds) ? [] : ['--seeds must be a whole number above 0']),
      ...(/^[1-9]\d*$/.test(values.workers) ? [] : ['--workers must be a whole number above 0']),
      ...(values.from === undefined || /^\d+$/.test(values.from) ? [] : ['--from must be a whole number']),
      ...(['text', 'json'].includes(values.output) ? [] : ['-o must be text or json']),
    ];
    if (values.help || kind === undefined || wrong.length > 0) {
      process.stderr.write(`${wrong.map((line) => `${line}\n`).join('')}${usage}`);
      return undefined;
    }
    return {
      name,
      kind,
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

async function one({ kind, json }: SimOptions, seed: string): Promise<number> {
  const startedAt = wallMs();
  const say = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };
  for (const line of kind.describe(seed)) say(line);
  const result = await kind.replay(seed);
  for (const line of result.history) say(line);
  for (const violation of result.violations) say(`VIOLATED ${violation}`);
  const verdict = result.violations.length === 0 ? 'all invariants held' : `${result.violations.length} violations`;
  say(`${verdict}: ${kind.figures([result])} in ${result.simulatedSeconds} simulated s`);
  if (json) report([result], startedAt);
  return result.violations.length === 0 ? 0 : 1;
}

async function many(options: SimOptions): Promise<number> {
  const startedAt = wallMs();
  const { kind } = options;
  const first = options.from ?? randomInt(1_000_000_000);
  const seeds = Array.from({ length: options.seeds }, (_, index) => String(first + index));
  process.stderr.write(`seeds ${first} to ${first + options.seeds - 1} on ${options.workers} processes\n`);
  const results: CommonResult[] = [];
  let failed = 0;
  let saidAt = startedAt;
  const show = (result: CommonResult): void => {
    results.push({ ...result, history: [] });
    if (result.violations.length > 0) {
      failed += 1;
      if (failed <= failuresShown) {
        const lines = result.violations.slice(0, 5).map((line) => `  ${line}\n`);
        process.stderr.write(`${kind.describe(result.seed).join('\n')}:\n${lines.join('')}`);
      }
    }
    if (wallMs() - saidAt < 5_000) return;
    saidAt = wallMs();
    process.stderr.write(`${results.length} of ${options.seeds} seeds, ${failed} failed\n`);
  };
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  await runSeeds(kind.runner, seeds, options.workers, show, stop.signal);
  const seconds = Math.round((wallMs() - startedAt) / 1000);
  process.stdout.write(`${results.length} seeds, ${failed} failed; ${kind.figures(results)} in ${seconds} s\n`);
  if (failed > 0) process.stdout.write(`replay one: npm run sim -- ${options.name} --seed ${failing(results)}\n`);
  if (options.json) report(results, startedAt);
  return failed > 0 || results.length < options.seeds ? 1 : 0;
}

const failing = (results: CommonResult[]): string | null =>
  results
    .filter((one) => one.violations.length > 0)
    .map((one) => one.seed)
    .sort((a, b) => Number(a) - Number(b))[0] ?? null;

function report(results: CommonResult[], startedAt: number): void {
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
