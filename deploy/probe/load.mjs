/** `load`: a steady stream of requests, whatever becomes of the ones before. */
import { errorOf, request } from './ask.mjs';

const tickMs = 20;
/** Requests that wait for their answers at once; more would be our own trouble, not the server's. */
const mostOpen = 500;

function percentile(sorted, share) {
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

/** The document: an attempt succeeds with any status below 500. */
export async function load(options) {
  const { url, rps, timeout: timeoutMs, connect } = options;
  const startedAt = new Date().toISOString();
  const started = performance.now();
  const end = started + options.for;
  const times = [];
  const statuses = {};
  const errors = new Map();
  const open = new Set();
  let sent = 0;
  let failed = 0;
  let outageFrom;
  let longestOutageMs = 0;
  const good = (ms) => {
    times.push(ms);
    outageFrom = undefined;
  };
  const bad = (kind, message, since) => {
    failed += 1;
    const known = errors.get(kind);
    if (known) known.count += 1;
    else errors.set(kind, { kind, message, count: 1 });
    outageFrom ??= since;
    longestOutageMs = Math.max(longestOutageMs, performance.now() - outageFrom);
  };
  const one = async () => {
    const from = performance.now();
    try {
      const answer = await request(url, { connect, timeoutMs });
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      if (answer.status < 500) good(performance.now() - from);
      else bad(`status-${answer.status}`, `answered with status ${answer.status}`, from);
    } catch (error) {
      const { kind, message } = errorOf(error);
      bad(kind, message, from);
    }
  };
  while (performance.now() < end) {
    const due = Math.floor(((performance.now() - started) * rps) / 1000) + 1;
    while (sent < due) {
      sent += 1;
      if (open.size >= mostOpen) {
        bad('overrun', `${mostOpen} requests wait for an answer`, performance.now());
        continue;
      }
      const work = one().finally(() => open.delete(work));
      open.add(work);
    }
    await new Promise((resolve) => setTimeout(resolve, tickMs));
  }
  await Promise.all(open);
  times.sort((a, b) => a - b);
  const rounded = (ms) => Math.round(ms * 10) / 10;
  const target = {
    target: url,
    attempts: sent,
    succeeded: sent - failed,
    failed,
    ms: {
      min: rounded(times[0] ?? 0),
      mean: rounded(times.reduce((a, b) => a + b, 0) / Math.max(1, times.length)),
      max: rounded(times.at(-1) ?? 0),
      p50: rounded(percentile(times, 0.5)),
      p99: rounded(percentile(times, 0.99)),
    },
    longestOutageMs: Math.round(longestOutageMs),
    statuses,
    ...(errors.size > 0 ? { errors: [...errors.values()] } : {}),
  };
  return {
    probe: 'load',
    ok: failed === 0,
    startedAt,
    durationMs: Math.round(performance.now() - started),
    attempts: sent,
    succeeded: sent - failed,
    failed,
    targets: [target],
  };
}
