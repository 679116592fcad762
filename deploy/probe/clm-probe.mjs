#!/usr/bin/env node
/** clm-probe: asks one thing of its surroundings and says what it saw. The contract is in README.md. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { durationOf, parseArguments } from './arguments.mjs';
import { load } from './load.mjs';
import { disturb } from './node.mjs';
import { ask, identity, report } from './result.mjs';
import { serve } from './serve.mjs';

const version = 1;
const longestSleepMs = 2 ** 31 - 1;

async function wait(ms) {
  if (ms === Number.POSITIVE_INFINITY) for (;;) await sleep(longestSleepMs);
  await sleep(Math.min(ms, longestSleepMs));
}

async function burn(options) {
  const held = Buffer.alloc(options.memory, 1);
  const workers = Array.from({ length: options.cpu }, () => new Worker('for (;;) Math.sqrt(2)', { eval: true }));
  await wait(options.for);
  await Promise.all(workers.map((worker) => worker.terminate()));
  return held.length;
}

/** The doing subcommands but `serve`; resolves with the exit code. */
async function act(name, options) {
  const started = performance.now();
  let code = 0;
  if (name === 'burn') await burn(options);
  else if (name === 'sleep') await wait(durationOf(options.for));
  else if (name === 'log') {
    for (let line = 0; line < options.lines; line++) {
      if (line > 0 && options.interval > 0) await sleep(options.interval);
      process.stdout.write(`${options.text}\n`);
    }
  } else {
    await wait(options.after);
    code = options.code;
  }
  report({ probe: name, version, ok: true, durationMs: Math.round(performance.now() - started) });
  return code;
}

async function batch(options) {
  const plan = options.plan ?? process.env.CLM_PROBE_PLAN;
  const started = performance.now();
  const startedAt = new Date().toISOString();
  const usage = [];
  let steps = [];
  try {
    steps = JSON.parse(plan ?? '');
    if (!Array.isArray(steps) || steps.length === 0) throw new Error('it must be a list of steps');
  } catch (error) {
    usage.push(`batch: the plan cannot be read: ${error.message}`);
  }
  const parsed = steps.map?.((step) => parseArguments(Array.isArray(step) ? step.map(String) : [])) ?? [];
  parsed.forEach((step, index) => {
    const asking = step.options && 'retryFor' in step.options && step.name !== 'batch';
    if (step.usage) usage.push(...step.usage.map((text) => `step ${index + 1}: ${text}`));
    else if (!asking) usage.push(`step ${index + 1}: ${step.name} is not an asking subcommand`);
  });
  if (usage.length > 0) return { usage };
  const results = [];
  for (const step of parsed) results.push(await ask(step.name, step.options));
  const sum = (key) => results.reduce((total, one) => total + one[key], 0);
  return {
    document: {
      ok: results.every((one) => one.ok),
      startedAt,
      durationMs: Math.round(performance.now() - started),
      attempts: sum('attempts'),
      succeeded: sum('succeeded'),
      failed: sum('failed'),
      results,
    },
  };
}

function documentOf(name, options) {
  if (name === 'load') return load(options);
  return name === 'node' ? disturb(options) : ask(name, options);
}

function refuse(name, usage) {
  report({ probe: name ?? '', version, ok: false, usage });
  for (const line of usage) process.stderr.write(`clm-probe: ${line}\n`);
  return 2;
}

async function main(args) {
  const parsed = parseArguments(args);
  if (parsed.usage) return refuse(args[0], parsed.usage);
  const { name, options } = parsed;
  if (name === 'serve') return serve(options);
  if (['burn', 'log', 'sleep', 'exit'].includes(name)) return act(name, options);
  const id = options.id ?? process.env.CLM_PROBE_ID;
  const { document, usage } = name === 'batch' ? await batch(options) : { document: await documentOf(name, options) };
  if (usage) return refuse(name, usage);
  const { probe: _probe, id: _id, ...seen } = document;
  report({ probe: name, version, ...(id === undefined ? {} : { id }), ...identity(), ...seen });
  return document.ok ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  report({ probe: process.argv[2] ?? '', version, ok: false, defect: String(error?.stack ?? error).slice(0, 1500) });
  process.exitCode = 3;
}
// Servers and sockets that still listen do not hold it up.
process.stdout.write('', () => process.exit());
