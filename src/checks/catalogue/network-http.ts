import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { type ProbeStepResult, probe } from '../probe.ts';
import { deployments, pods } from '../resources.ts';
import { clusterIp, mustAnswer, requestsInLogs, serveWeb, webContainer, webPods, webPort } from '../web-servers.ts';
import { explained, isReady, mustNotBeTaken } from '../workload.ts';

const replicas = 3;
/** So many that a fair choice misses no pod. */
const askedOfService = 30;
const askedOfPod = 4;
const name = 'web';
/** Short, so that a probe which nobody answers still comes to its end. */
const within = ['--timeout', '2s'];

async function ask(context: CheckContext, probeName: string, items: KubeObject[], body: string): Promise<void> {
  const ip = await clusterIp(context, name);
  const each = items.flatMap((pod) => ['--url', `http://${String(pod.status?.podIP)}:${webPort}/`]);
  const host = `${name}.${context.namespace}`;
  const document = await probe(context, {
    name: probeName,
    plan: [
      ['http', ...each, ...within, '--count', String(askedOfPod)],
      ['http', '--url', `http://${ip}/`, ...within, '--count', String(askedOfService)],
      ['http', '--url', `http://${host}/`, ...within, '--count', String(askedOfService)],
    ],
    withinMs: 4 * 60_000,
  });
  const [byPod, byAddress, byName] = (document.results ?? []) as [ProbeStepResult, ProbeStepResult, ProbeStepResult];
  await context.step('each pod answers on its own address', async () => {
    for (const target of byPod.targets) mustAnswer(context, target, body);
  });
  await context.step('the service answers on its address', async () => {
    for (const target of byAddress.targets) mustAnswer(context, target, body);
  });
  await context.step('and by its name', async () => {
    for (const target of byName.targets) mustAnswer(context, target, body);
  });
  await context.step('requests reach every pod', async () => {
    const servers = new Set([...byAddress.targets, ...byName.targets].flatMap((one) => Object.keys(one.servers ?? {})));
    const missed = items.map((pod) => pod.metadata.name).filter((pod) => !servers.has(pod));
    if (missed.length > 0)
      throw new CheckFailed(`${2 * askedOfService} requests to the service never reached ${missed.join(', ')}`);
  });
}

/** Catalogue row 24. */
export const networkHttp = defineCheck({
  id: 'network.http',
  title: 'Pods answer on their addresses, through their service and by its name; logs show the requests',
  area: 'network',
  withinMs: 8 * 60_000,
  minNodes: 1,
  cost: 'small',
  async run(context) {
    await context.sandbox();
    const body = `marker ${context.runKey}`;
    const items = await serveWeb(context, { name, replicas, body });
    await ask(context, 'http', items, body);
    await context.step('logs show every request', async () => {
      const logs = await requestsInLogs(context, items);
      const silent = [...logs].filter(([, count]) => count === 0).map(([pod]) => pod);
      if (silent.length > 0) throw new CheckFailed(`the log of ${silent.join(', ')} shows no request of the probe`);
      const total = [...logs.values()].reduce((sum, count) => sum + count, 0);
      const wanted = replicas * askedOfPod + 2 * askedOfService;
      if (total !== wanted) throw new CheckFailed(`logs show ${total} requests of the probe, it made ${wanted}`);
    });
    return `${replicas * askedOfPod + 2 * askedOfService} requests answered by ${replicas} pods, all of them in the logs`;
  },
});

/** Catalogue row 25. */
export const networkHttpAfterUpdate = defineCheck({
  id: 'network.http-after-update',
  title: 'After an update every answer is the new one',
  area: 'network',
  withinMs: 10 * 60_000,
  minNodes: 1,
  cost: 'small',
  async run(context) {
    await context.sandbox();
    const before = await serveWeb(context, { name, replicas, body: 'old' });
    const old = new Set(before.map((pod) => pod.metadata.uid));
    await context.kube.patch(deployments, context.namespace, name, {
      type: 'strategic',
      body: { spec: { template: { spec: { containers: [webContainer(context, 'new')] } } } },
    });
    await context.step('new pods replace the old ones', () =>
      explained(context, () =>
        context.until(
          `${replicas} new pods ready and no old one`,
          pods,
          { namespace: context.namespace, labelSelector: `app=${name}` },
          4 * 60_000,
          (items) => {
            mustNotBeTaken(items);
            const fresh = items.filter((pod) => !old.has(pod.metadata.uid));
            if (items.length === replicas && fresh.filter(isReady).length === replicas) return undefined;
            return `${fresh.filter(isReady).length} of ${fresh.length} new pods are ready, ${items.length - fresh.length} old ones are left`;
          },
        ),
      ),
    );
    await ask(context, 'after', await webPods(context, name), 'new');
    return `${replicas} pods updated; every answer is the new one`;
  },
});
