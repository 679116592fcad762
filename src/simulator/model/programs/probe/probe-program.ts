import type { Process, Program } from '../../kube/process.ts';
import { commandWords } from '../container-words.ts';
import { durationMs, numberOf, type ProbeArguments, parseProbeArguments, textOf } from './arguments.ts';
import { attempt, type DnsAccess, targetsOf } from './asking.ts';
import { runLoad } from './load.ts';
import { disturb, type MachineControl } from './node.ts';
import { type Attempt, TargetRecord, terminationText } from './result.ts';
import { ProbeServer } from './serving.ts';

const bootMs = 120;
const retryMs = 1_000;
type Json = Record<string, unknown>;

/** The image `clm-probe`: asks the simulated network and files what its arguments say, and reports what it saw. */
export function probeProgram(dns: DnsAccess, machines: MachineControl): Program {
  return {
    start: (process) => process.after(bootMs, () => run(process, dns, machines)),
    keep: (remembers) => (remembers instanceof ProbeServer ? remembers.copy() : undefined),
    bootMs: () => bootMs,
    listens: (process, port, transport) => serverOf(process)?.listens(port, transport) ?? false,
    serve: (process, port, message, from) => serverOf(process)?.serve(process, port, message, from) ?? 'reset',
    nextChangeAt: (process) => serverOf(process)?.nextChangeAt(process),
    cores: ({ args = [] }) => {
      if (args[0] !== 'burn') return args[0] === 'sleep' ? 0.001 : undefined;
      const parsed = parseProbeArguments(args);
      return 'usage' in parsed ? undefined : numberOf(parsed, 'cpu', 1);
    },
    stopMs: () => 50,
    exec: (process, command) => {
      const parsed = parseProbeArguments(command.slice(1));
      if ('usage' in parsed || targetsOf(parsed).length === 0) return { code: 2, output: 'usage' };
      const failures = targetsOf(parsed)
        .map((target) => attempt(process, dns, parsed, target))
        .filter((each) => !each.ok);
      return { code: failures.length === 0 ? 0 : 1, output: failures[0]?.error?.message ?? '' };
    },
  };
}

function serverOf(process: Process): ProbeServer | undefined {
  return process.state instanceof ProbeServer ? process.state : undefined;
}

function run(process: Process, dns: DnsAccess, machines: MachineControl): void {
  const words = commandWords(process);
  const parsed = parseProbeArguments(words);
  if ('usage' in parsed) {
    finish(process, { probe: words[0] ?? '', version: 1, ok: false, usage: parsed.usage }, 2);
    return;
  }
  switch (parsed.probe) {
    case 'serve':
      process.state = new ProbeServer(process, parsed);
      process.healthChanged();
      return;
    case 'burn':
    case 'sleep':
    case 'log':
    case 'exit':
      doTask(process, parsed);
      return;
    case 'node':
      disturb(process, machines, parsed, (document) =>
        finish(process, { ...document, ...identity(process, parsed) }, document['ok'] === true ? 0 : 1),
      );
      return;
    case 'load':
      runLoad(process, dns, parsed, ({ ok, ...rest }) =>
        finish(process, { probe: 'load', version: 1, ...identity(process, parsed), ok, ...rest }, ok === true ? 0 : 1),
      );
      return;
    case 'batch':
      runBatch(process, dns, parsed);
      return;
    default:
      runSteps(process, dns, [parsed], ([only]) => {
        const { ok, ...rest } = only as Json & { ok: boolean };
        finish(process, { probe: parsed.probe, version: 1, ...identity(process, parsed), ok, ...rest }, ok ? 0 : 1);
      });
  }
}

function finish(process: Process, document: Json, code: number): void {
  process.log(JSON.stringify(document));
  process.exit(code, terminationText(document));
}

function identity(process: Process, args: ProbeArguments): Json {
  const environment = process.environment();
  const id = textOf(args, 'id', environment['CLM_PROBE_ID'] ?? '');
  const node = environment['CLM_PROBE_NODE'];
  return {
    ...(id === '' ? {} : { id }),
    pod: environment['CLM_PROBE_POD'] ?? environment['HOSTNAME'],
    ...(node === undefined ? {} : { node }),
  };
}

function doTask(process: Process, args: ProbeArguments): void {
  const done = (after: number, code = 0): void =>
    process.after(after, () => finish(process, { probe: args.probe, version: 1, ok: true, durationMs: after }, code));
  switch (args.probe) {
    case 'sleep': {
      const time = textOf(args, 'for', 'forever');
      if (time === 'forever') return;
      const ms = durationMs(time);
      if (ms === undefined)
        finish(process, { probe: 'sleep', version: 1, ok: false, usage: [`--for: '${time}' is no duration`] }, 2);
      else done(ms);
      return;
    }
    case 'log': {
      const lines = numberOf(args, 'lines', 1);
      const interval = numberOf(args, 'interval', 0);
      for (let n = 0; n < lines; n++) process.after(n * interval, () => process.log(textOf(args, 'text')));
      done(Math.max(1, (lines - 1) * interval + 1));
      return;
    }
    case 'exit':
      done(numberOf(args, 'after', 0), numberOf(args, 'code', 0));
      return;
    default:
      done(numberOf(args, 'for', 0));
  }
}

function runBatch(process: Process, dns: DnsAccess, args: ProbeArguments): void {
  const plan = readPlan(textOf(args, 'plan', process.environment()['CLM_PROBE_PLAN'] ?? ''));
  if ('usage' in plan) {
    finish(process, { probe: 'batch', version: 1, ok: false, usage: plan.usage }, 2);
    return;
  }
  const startedAt = process.now();
  runSteps(process, dns, plan.steps, (results) => {
    const sum = (field: string): number => results.reduce((all, each) => all + Number(each[field] ?? 0), 0);
    const ok = results.every((each) => each['ok'] === true);
    const document = {
      probe: 'batch',
      version: 1,
      ...identity(process, args),
      ok,
      startedAt: new Date(startedAt).toISOString(),
      durationMs: process.now() - startedAt,
      attempts: sum('attempts'),
      succeeded: sum('succeeded'),
      failed: sum('failed'),
      results: results.map((each, index) => {
        const id = textOf(plan.steps[index] as ProbeArguments, 'id');
        return { probe: plan.steps[index]?.probe, ...(id === '' ? {} : { id }), ...each };
      }),
    };
    finish(process, document, ok ? 0 : 1);
  });
}

function readPlan(text: string): { steps: ProbeArguments[] } | { usage: string[] } {
  let plan: unknown;
  try {
    plan = JSON.parse(text);
  } catch {
    return { usage: ['--plan is no JSON'] };
  }
  if (!Array.isArray(plan) || !plan.every((step) => Array.isArray(step)))
    return { usage: ['--plan must be a list of lists of words'] };
  const usage: string[] = [];
  const steps: ProbeArguments[] = [];
  plan.forEach((words: unknown[], index) => {
    const parsed = parseProbeArguments(words.map(String));
    if ('usage' in parsed) usage.push(...parsed.usage.map((each) => `step ${index + 1}: ${each}`));
    else if (targetsOf(parsed).length === 0) usage.push(`step ${index + 1}: ${parsed.probe} asks nothing`);
    else steps.push(parsed);
  });
  return usage.length > 0 ? { usage } : { steps };
}

/** Asks step by step, target by target, attempt by attempt, each when the one before it has ended. */
function runSteps(
  process: Process,
  dns: DnsAccess,
  steps: readonly ProbeArguments[],
  done: (results: Json[]) => void,
): void {
  const results: Json[] = [];
  const nextStep = (): void => {
    const step = steps[results.length];
    if (!step) {
      done(results);
      return;
    }
    const startedAt = process.now();
    const records = targetsOf(step).map((target) => new TargetRecord(target));
    runTargets(process, dns, step, records, () => {
      const attempts = records.reduce((sum, each) => sum + each.attempts, 0);
      const failed = records.reduce((sum, each) => sum + each.failed, 0);
      results.push({
        ok: failed === 0,
        startedAt: new Date(startedAt).toISOString(),
        durationMs: process.now() - startedAt,
        attempts,
        succeeded: attempts - failed,
        failed,
        targets: records.map((each) => each.toJson()),
      });
      nextStep();
    });
  };
  nextStep();
}

function runTargets(
  process: Process,
  dns: DnsAccess,
  args: ProbeArguments,
  records: readonly TargetRecord[],
  done: () => void,
): void {
  const count = numberOf(args, 'count', 1);
  const interval = numberOf(args, 'interval', 0);
  const patience = numberOf(args, 'retry-for', 0);
  const askTarget = (index: number): void => {
    const record = records[index];
    if (!record) {
      done();
      return;
    }
    const giveUpAt = process.now() + patience;
    const again = (): void => {
      const outcome = attempt(process, dns, args, record.target);
      process.after(Math.max(1, outcome.latencyMs), () => judge(outcome));
    };
    const judge = (outcome: Attempt): void => {
      if (!outcome.ok && record.attempts === 0 && process.now() + retryMs <= giveUpAt) {
        process.after(retryMs, again);
        return;
      }
      record.add(outcome);
      if (record.attempts < count) process.after(interval, again);
      else askTarget(index + 1);
    };
    again();
  };
  askTarget(0);
}
