import { parseDuration } from '../../support/duration.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { type ProbeTarget, probe, troubleOf } from '../probe.ts';
import { ingresses, podDisruptionBudgets } from '../resources.ts';
import { serveWeb } from '../web-servers.ts';
import { addressOf, classOf, hostOf, ingressOf } from './ingress-endtoend.ts';

const name = 'one';
const body = 'loaded';
const replicas = 3;
const usual = { rps: 50, forMs: 2 * 60_000, badShare: 1e-6, outageMs: 5_000, p99Ms: 1_000 };
const settleMs = 10_000;

/** Catalogue row 46. */
export const loadSlo = defineCheck({
  id: 'rollout.load-slo',
  title: 'A service under steady load keeps its objective: before, while and after nodes are replaced',
  area: 'rollout',
  uses: [podDisruptionBudgets],
  withinMs: 25 * 60_000,
  cleanupMs: 10 * 60_000,
  expectedMs: usual.forMs + 60_000,
  minNodes: 1,
  // What nobody answered was lost: a second, quieter minute does not bring it back.
  retries: 0,
  async run(context) {
    const objective = objectiveOf(context);
    await context.sandbox({ pods: 12 });
    const { url, connect } = await context.step('there is something to ask', () => targetOf(context));
    const args = ['load', '--url', url, '--rps', String(objective.rps), '--for', `${objective.forMs}ms`];
    const seen = await probe(context, {
      name: 'load',
      args: [...args, '--timeout', '5s', ...(connect === undefined ? [] : ['--connect', connect])],
      withinMs: objective.forMs + 8 * 60_000,
    });
    const [target] = seen.targets as LoadTarget[];
    if (target === undefined) throw new CheckFailed('the load says nothing of its target');
    for (const [code, count] of Object.entries(target.statuses ?? {}))
      context.measure('load_requests_total', count, { code });
    context.measure('availability', target.succeeded / Math.max(1, target.attempts));
    context.measure('load_p99_seconds', (target.ms?.p99 ?? 0) / 1000);
    judge(target, objective);
    const p99 = Math.round(target.ms?.p99 ?? 0);
    return `${target.succeeded} of ${target.attempts} requests to ${url} were answered, 99 % within ${p99} ms`;
  },
});

type LoadTarget = ProbeTarget & { ms?: { p99?: number }; longestOutageMs?: number };
type Objective = typeof usual;

function objectiveOf({ settings }: CheckContext): Objective {
  const number = (value: string | undefined, otherwise: number): number => {
    const read = Number(value);
    return value !== undefined && Number.isFinite(read) && read >= 0 ? read : otherwise;
  };
  const span = (value: string | undefined, otherwise: number): number => parseDuration(value ?? '') ?? otherwise;
  return {
    rps: Math.min(1_000, Math.max(1, Math.round(number(settings.get('load_rps'), usual.rps)))),
    forMs: span(settings.get('load_for'), usual.forMs),
    badShare: number(settings.get('load_max_bad'), usual.badShare),
    outageMs: span(settings.get('load_max_outage'), usual.outageMs),
    p99Ms: span(settings.get('load_max_p99'), usual.p99Ms),
  };
}

/** What the setting names; else servers of the check's own: through an ingress where there is one, else by their service. */
async function targetOf(context: CheckContext): Promise<{ url: string; connect?: string }> {
  const set = context.settings.get('load_url');
  if (set !== undefined) return { url: set };
  await serveWeb(context, { name, replicas, body });
  // Whoever replaces nodes is held to it, as for anybody's service.
  await context.kube.create(podDisruptionBudgets, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace: context.namespace },
    spec: { maxUnavailable: 1, selector: { matchLabels: { app: name } } },
  });
  const byService = { url: `http://${name}.${context.namespace}/` };
  if (
    (await context.facts.lacks('ingress')) !== undefined ||
    (await context.facts.lacks('load-balancer')) !== undefined
  )
    return byService;
  const host = hostOf(context, 'load');
  const className = await classOf(context);
  await context.kube.create(ingresses, ingressOf(context, { className, host, paths: [['/', 'Prefix', name]] }));
  const connect = `${await addressOf(context)}:80`;
  const url = `http://${host}/`;
  const args = ['http', '--url', url, '--connect', connect, '--retry-for', '5m', '--count', '5'];
  const ready = await probe(context, { name: 'ready', args, withinMs: 7 * 60_000 });
  const trouble = ready.targets.map(troubleOf).find((text) => text !== undefined);
  if (trouble !== undefined) throw new CheckFailed(`before there was any load: ${trouble}`);
  await context.pause(settleMs);
  return { url, connect };
}

/** All that is wrong, at once. */
function judge(target: LoadTarget, objective: Objective): void {
  const { attempts, failed, statuses = {} } = target;
  const wrong: string[] = [];
  const expected = Math.floor((objective.rps * objective.forMs) / 1000);
  const refused = Object.entries(statuses).filter(([code]) => Number(code) >= 400 && Number(code) < 500);
  if (attempts < expected / 2) wrong.push(`only ${attempts} of ${expected} requests were made: the load is no load`);
  if (refused.length > 0)
    wrong.push(`answers with status ${refused.map(([code, count]) => `${code} (${count}×)`).join(', ')}`);
  if (failed > objective.badShare * attempts) {
    const why = (target.errors ?? []).map((one) => `${one.kind} ${one.count}×: ${one.message}`).join('; ');
    wrong.push(`${failed} of ${attempts} requests failed, at most ${objective.badShare} of them may: ${why}`);
  }
  const outage = target.longestOutageMs ?? 0;
  if (outage > objective.outageMs)
    wrong.push(`nobody answered for ${outage} ms, at most ${objective.outageMs} ms is agreed`);
  const p99 = target.ms?.p99 ?? 0;
  if (p99 > objective.p99Ms)
    wrong.push(`one answer in a hundred takes ${Math.round(p99)} ms or more, ${objective.p99Ms} ms is agreed`);
  if (wrong.length > 0) throw new CheckFailed(wrong.join('; '));
}
