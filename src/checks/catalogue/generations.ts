import type { KubeObject } from '../../domain/kube-object.ts';
import { judgeGenerations, type NodeCell } from '../../planning/e2e/generations.ts';
import {
  type CheckContext,
  CheckFailed,
  CheckInterrupted,
  CheckSkipped,
  CheckTimedOut,
  defineCheck,
} from '../contract.ts';
import { probe, troubleOf } from '../probe.ts';
import { nodes, services } from '../resources.ts';

/** Of each generation. */
const mostNodes = 3;
const rollAnnotation = 'clm/roll';
/** In the order of the probe's plan. */
const questions = ['DNS', 'the API by its service'] as const;

/** Runs while nodes are replaced: the new ones do what the old ones do. */
export const generations = defineCheck({
  id: 'rollout.generations',
  title: 'While nodes are replaced, the new ones run pods, resolve names and reach services as the old ones do',
  area: 'rollout',
  withinMs: 6 * 60_000,
  cost: 'small',
  async run(context) {
    const { fresh, old } = await split(context);
    const missing = context.newNodes.filter((node) => !fresh.includes(node));
    if (missing.length > 0) {
      throw new CheckInterrupted(`${missing.join(', ')}: a first new node that is not ready, or takes no pods, yet`);
    }
    if (fresh.length === 0) {
      const message = 'no new node is ready yet';
      throw new CheckSkipped({ code: 'NOT_ENOUGH_NODES', message });
    }
    await context.sandbox({ podSecurity: 'restricted' });
    const api = await context.kube.get(services, 'default', 'kubernetes');
    const domain = context.settings.get('cluster_domain') ?? 'cluster.local';
    const plan = [
      ['dns', '--name', `kubernetes.default.svc.${domain}.`, '--count', '3'],
      [
        'http',
        '--insecure',
        '--timeout',
        '5s',
        '--count',
        '3',
        '--url',
        `https://${String(api?.spec?.clusterIP)}/livez`,
      ],
    ];
    const asked = [
      ...fresh.map((node) => ({ node, generation: 'new' as const })),
      ...old.map((node) => ({ node, generation: 'old' as const })),
    ];
    const cells = (
      await Promise.all(asked.map(({ node, generation }, i) => look(context, { node, generation, plan, i })))
    ).flat();
    for (const { node, generation, question, state, message } of cells) {
      context.note(
        `${question} from ${generation} node ${node}`,
        state === 'ok' ? 'pass' : state === 'fail' ? 'fail' : 'skipped',
        message,
      );
      context.measure('generation_ok', state === 'ok' ? 1 : 0, { node, generation, question });
    }
    const verdict = judgeGenerations(cells);
    if (verdict.kind === 'stop') throw new CheckFailed(verdict.reason);
    if (verdict.kind === 'no-verdict') throw new CheckInterrupted(verdict.reason);
    return verdict.reason;
  },
});

/** New: made since the roll began, and not marked as outdated. Old: marked, and still at work. */
async function split(context: CheckContext): Promise<{ fresh: string[]; old: string[] }> {
  const since = context.newSince;
  if (since === undefined) {
    throw new CheckSkipped({
      code: 'CONFIG_MISSING',
      message: 'no roll is under way: there are no generations to compare',
    });
  }
  const ready = (await context.kube.list(nodes)).items.filter(isReady);
  const marked = (node: KubeObject): boolean => node.metadata.annotations?.[rollAnnotation] !== undefined;
  const made = (node: KubeObject): number => Date.parse(node.metadata.creationTimestamp ?? '');
  const names = (found: KubeObject[]): string[] => found.map((node) => node.metadata.name).sort();
  const open = ready.filter((node) => !marked(node) && !node.spec?.unschedulable);
  const firsts = names(open.filter((node) => context.newNodes.includes(node.metadata.name)));
  // A second is the API's own precision.
  const others = names(open.filter((node) => made(node) >= since - 1_000)).filter((name) => !firsts.includes(name));
  return {
    fresh: [...firsts, ...others].slice(0, Math.max(mostNodes, firsts.length)),
    old: names(ready.filter((node) => marked(node) && !node.spec?.unschedulable)).slice(0, mostNodes),
  };
}

function isReady(node: KubeObject): boolean {
  const conditions: { type: string; status: string }[] = node.status?.conditions ?? [];
  return conditions.some((one) => one.type === 'Ready' && one.status === 'True');
}

async function look(
  context: CheckContext,
  { node, generation, plan, i }: { node: string; generation: 'old' | 'new'; plan: string[][]; i: number },
): Promise<NodeCell[]> {
  const cell = (question: string, state: NodeCell['state'], message: string): NodeCell => ({
    node,
    generation,
    question,
    state,
    message,
    ...(context.newNodes.includes(node) ? { first: true } : {}),
  });
  try {
    const { results = [] } = await probe(context, { name: `from-${i}`, node, plan, withinMs: 3 * 60_000 });
    return questions.map((question, index) => {
      const targets = results[index]?.targets ?? [];
      const trouble = targets.map(troubleOf).find((text) => text !== undefined);
      if (targets.length === 0) return cell(question, 'unknown', 'the probe says nothing of it');
      return cell(question, trouble === undefined ? 'ok' : 'fail', trouble ?? '');
    });
  } catch (error) {
    context.signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    // A pod that never ran is the node's; anything else says nothing of it.
    const state = error instanceof CheckTimedOut ? 'fail' : 'unknown';
    return questions.map((question) => cell(question, state, message));
  }
}
