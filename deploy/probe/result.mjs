/** Runs attempts, counts them, and writes the result where a check reads it. */
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorOf, questionOf } from './ask.mjs';

const mostBytes = 4096;
const retryEveryMs = 1000;
const cutMessage = 80;

/** Who and where: the same for every document of this process. */
export function identity() {
  const node = process.env.CLM_PROBE_NODE;
  return { pod: process.env.CLM_PROBE_POD || hostname(), ...(node ? { node } : {}) };
}

function rounded(ms) {
  return Math.round(ms * 10) / 10;
}

async function askTarget(target, attempt, options) {
  const record = {};
  const errors = new Map();
  const times = [];
  let failed = 0;
  const from = performance.now();
  for (let done = 0; done < options.count; ) {
    const started = performance.now();
    try {
      await attempt(target, record);
      times.push(performance.now() - started);
    } catch (error) {
      const first = times.length === 0 && failed === 0;
      if (first && performance.now() - from < options.retryFor) {
        await sleep(retryEveryMs);
        continue;
      }
      failed += 1;
      const { kind, message } = errorOf(error);
      const known = errors.get(kind);
      if (known) known.count += 1;
      else errors.set(kind, { kind, message, count: 1 });
    }
    done += 1;
    if (done < options.count && options.interval > 0) await sleep(options.interval);
  }
  const ms =
    times.length === 0
      ? {}
      : {
          ms: {
            min: rounded(Math.min(...times)),
            mean: rounded(times.reduce((a, b) => a + b, 0) / times.length),
            max: rounded(Math.max(...times)),
          },
        };
  return {
    target,
    attempts: options.count,
    succeeded: times.length,
    failed,
    ...ms,
    ...(errors.size > 0 ? { errors: [...errors.values()] } : {}),
    ...record,
  };
}

/** The document of one asking subcommand. */
export async function ask(name, options) {
  const started = performance.now();
  const startedAt = new Date().toISOString();
  const { targets: wanted, attempt } = questionOf(name, options);
  const targets = [];
  for (const target of wanted) targets.push(await askTarget(target, attempt, options));
  const sum = (key) => targets.reduce((total, one) => total + one[key], 0);
  return {
    probe: name,
    ...(options.id === undefined ? {} : { id: options.id }),
    ok: sum('failed') === 0,
    startedAt,
    durationMs: Math.round(performance.now() - started),
    attempts: sum('attempts'),
    succeeded: sum('succeeded'),
    failed: sum('failed'),
    targets,
  };
}

/** The document, small enough for a termination message; what can be missed goes first. */
export function fitted(document) {
  const fits = (value) => Buffer.byteLength(JSON.stringify(value)) <= mostBytes;
  if (fits(document)) return document;
  const copy = { ...structuredClone(document), truncated: true };
  const parts = copy.results ?? [copy];
  const each = (change) => {
    for (const part of parts) for (const target of part.targets ?? []) change(target);
  };
  const cuts = [
    () =>
      each((target) =>
        target.errors?.forEach((error) => {
          error.message = error.message.slice(0, cutMessage);
        }),
      ),
    () =>
      each((target) => {
        delete target.ms;
      }),
    () =>
      each((target) => {
        delete target.bodies;
        delete target.headers;
      }),
    () => {
      for (const part of parts) if (part.targets) part.targets = part.targets.filter((target) => target.failed > 0);
    },
  ];
  for (const cut of cuts) {
    cut();
    if (fits(copy)) return copy;
  }
  while (!fits(copy)) {
    const longest = parts.filter((part) => (part.targets?.length ?? 0) > 0).at(-1);
    if (longest) longest.targets.pop();
    else if (copy.results?.length > 0) copy.results.pop();
    else break;
  }
  return copy;
}

/** Last line of stdout, and the file of the termination message. */
export function report(document) {
  process.stdout.write(`${JSON.stringify(document)}\n`);
  const file = process.env.CLM_PROBE_RESULT ?? '/dev/termination-log';
  try {
    writeFileSync(file, JSON.stringify(fitted(document)));
  } catch (error) {
    process.stderr.write(`the result could not be written to ${file}: ${error.message}\n`);
  }
}
