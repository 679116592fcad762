/** `node`: what disturbs the machine below: kills one of its programs, or starts it again. Needs its processes and all rights. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const lookEveryMs = 500;
/** The kernel keeps no more of a name. */
const longestName = 15;

const proc = () => process.env.CLM_PROBE_PROC || '/proc';

function pidsOf(name) {
  const found = [];
  for (const entry of readdirSync(proc())) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const comm = readFileSync(path.join(proc(), entry, 'comm'), 'utf8').trim();
      if (comm === name.slice(0, longestName)) found.push(Number(entry));
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

async function kill(name, waitMs) {
  const before = pidsOf(name);
  for (const pid of before) process.kill(pid, 'SIGKILL');
  const deadline = performance.now() + waitMs;
  let after = [];
  while (before.length > 0 && after.length === 0 && performance.now() < deadline) {
    await sleep(lookEveryMs);
    after = pidsOf(name).filter((pid) => !before.includes(pid));
  }
  return { ok: before.length > 0 && after.length > 0, before, after };
}

/** The document. A machine that starts again says nothing any more. */
export async function disturb(options) {
  const started = performance.now();
  const startedAt = new Date().toISOString();
  const result = options.reboot ? { ok: true } : await kill(options.kill, options.wait);
  if (options.reboot) {
    writeFileSync(path.join(proc(), 'sys', 'kernel', 'sysrq'), '1');
    writeFileSync(path.join(proc(), 'sysrq-trigger'), 'b');
  }
  return { probe: 'node', startedAt, durationMs: Math.round(performance.now() - started), ...result };
}
