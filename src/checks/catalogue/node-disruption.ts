/** What is done to single nodes: their kubelet is killed, they are started again, they are told to leave. */
import type { KubeObject } from '../../domain/kube-object.ts';
import {
  type CheckContext,
  CheckFailed,
  CheckInterrupted,
  CheckSkipped,
  CheckTimedOut,
  defineCheck,
} from '../contract.ts';
import { probe } from '../probe.ts';
import { events, jobs, nodes, pods } from '../resources.ts';
import { isReady, samplePodSpec, whyPodNotReady } from '../workload.ts';
import { poolsOf, tolerationsOf } from './node-pools.ts';

const minute = 60_000;
const settleMs = 60_000;
const pools = { test: 'node-tests', reboot: 'node-reboot-tests' };
const defaultNotice = '/var/run/debug-spot-termination-notice';
/** The whole machine lies open to such a pod. */
const mighty = { securityContext: { privileged: true, runAsUser: 0, runAsNonRoot: false } };

const common = { area: 'node' as const, disruptive: true, serial: true, retries: 0 };

/** Catalogue row 40. */
export const kubeletRestart = defineCheck({
  ...common,
  id: 'node.kubelet-restart',
  title: 'A kubelet that is killed comes back, and its node goes on running pods',
  withinMs: 12 * minute,
  expectedMs: 3 * minute,
  async run(context) {
    const node = await victim(context, 'node_test_pool', pools.test);
    await context.sandbox({ podSecurity: 'privileged' });
    const pod = await bystander(context, node);
    await context.step('another kubelet is there within a minute', async () => {
      const seen = (await probe(context, {
        name: 'kill',
        node: node.name,
        args: ['node', '--kill', 'kubelet', '--wait', '60s'],
        pod: { hostPID: true },
        container: mighty,
        withinMs: 4 * minute,
      }).catch((error: unknown) => {
        // A kubelet that is gone tells nobody that its pod has ended.
        if (error instanceof CheckTimedOut)
          throw new CheckFailed(`nothing is heard of ${node.name} after its kubelet was killed: ${error.message}`);
        throw error;
      })) as unknown as { before?: number[]; after?: number[] };
      if ((seen.before ?? []).length === 0)
        throw new CheckInterrupted('no process called kubelet is on the node: does a pod with hostPID see it?');
      if ((seen.after ?? []).length === 0)
        throw new CheckFailed(`the kubelet of ${node.name} was killed, and none came back within 60 s`);
    });
    await context.pause(settleMs);
    await context.step('the node is Ready', () => mustBeReady(context, node.name));
    await context.step('the pod has not noticed', () => mustRunOn(context, pod, node.name));
    await context.step('a new pod runs there', () => runsThere(context, node, 'after'));
    return `the kubelet of ${node.name} was killed and came back`;
  },
});

/** Catalogue row 41. */
export const nodeReboot = defineCheck({
  ...common,
  id: 'node.reboot',
  title: 'A machine that is started again comes back as a new one, or is replaced',
  withinMs: 30 * minute,
  expectedMs: 5 * minute,
  async run(context) {
    const node = await victim(context, 'reboot_test_pool', pools.reboot);
    await context.sandbox({ podSecurity: 'privileged' });
    await bystander(context, node);
    const before = bootOf((await context.kube.get(nodes, undefined, node.name)) as KubeObject);
    const from = context.clock.now();
    // It takes its own pod with it: nobody waits for an answer.
    const reboot = probe(context, {
      name: 'reboot',
      node: node.name,
      args: ['node', '--reboot'],
      pod: { hostPID: true, terminationGracePeriodSeconds: 0 },
      container: mighty,
      withinMs: 20 * minute,
    }).then(
      (seen) => {
        throw new CheckInterrupted(`the machine was not started again: ${JSON.stringify(seen).slice(0, 200)}`);
      },
      () => undefined,
    );
    const wanted = context.settings.get('reboot_expect') ?? 'either';
    const outcome = await context.step('it comes back as a new one, or is replaced', () =>
      Promise.race([reboot.then(() => new Promise<never>(() => {})), cameBack(context, node.name, before, wanted)]),
    );
    context.measure('replace_seconds', (context.clock.now() - from) / 1000);
    if (outcome === 'returned') await context.step('a new pod runs there', () => runsThere(context, node, 'after'));
    return `${node.name} was started again and ${outcome === 'returned' ? 'came back' : 'was replaced'}`;
  },
});

/** Catalogue row 42. */
export const spotTermination = defineCheck({
  ...common,
  id: 'node.spot-termination',
  title: 'A node that is told that it has to go is emptied at once, and its pods are told why',
  requires: ['spot-handler'],
  withinMs: 10 * minute,
  expectedMs: minute,
  async run(context) {
    const node = await victim(context, 'node_test_pool', pools.test);
    await context.sandbox({ podSecurity: 'privileged' });
    const pod = await bystander(context, node);
    const file = context.settings.get('spot_notice_file') ?? defaultNotice;
    const folder = file.slice(0, file.lastIndexOf('/')) || '/';
    // Whatever the handler does to the node is taken back, whoever ends this run.
    await context.borrow({
      resource: nodes,
      name: node.name,
      patch: { type: 'merge', body: { metadata: { annotations: { 'clm.e2e/told-to-go': context.runKey } } } },
      undo: {
        type: 'merge',
        body: { metadata: { annotations: { 'clm.e2e/told-to-go': null } }, spec: { unschedulable: null } },
      },
      note: 'told that it has to go, for a test',
    });
    const from = context.clock.now();
    await context.kube.create(jobs, noticeJob(context, node, folder, file));
    const reason = context.settings.get('spot_event_reason') as string;
    await context.step('its pod is deleted', () =>
      context.until('the pod deleted', pods, selectorOf(context, pod), 2 * minute, ([found]) =>
        found === undefined || found.metadata.deletionTimestamp || found.metadata.uid !== pod.metadata.uid
          ? undefined
          : 'it runs on',
      ),
    );
    context.measure('spot_reaction_seconds', (context.clock.now() - from) / 1000);
    await context.step(`the pod is told why (${reason})`, () =>
      context.until(`an event ${reason}`, events, { namespace: context.namespace }, 30_000, (items) =>
        items.some(
          (event) =>
            event.reason === reason &&
            (event.involvedObject as { name?: string } | undefined)?.name === pod.metadata.name,
        )
          ? undefined
          : `events of the pod are ${items.map((event) => String(event.reason)).join(', ') || 'none'}`,
      ),
    );
    await context.step('the node takes no new pods', async () => {
      const found = await context.kube.get(nodes, undefined, node.name);
      if (found !== undefined && found.spec?.unschedulable !== true)
        throw new CheckFailed(`${node.name} has to go, and takes new pods`);
    });
    return `${node.name} was emptied within ${Math.round((context.clock.now() - from) / 1000)} s`;
  },
});

interface Victim {
  name: string;
  tolerations: object[];
}

/** A ready node of the pool that is there to be disturbed; no other node is ever touched. */
async function victim(
  context: CheckContext,
  setting: 'node_test_pool' | 'reboot_test_pool',
  usual: string,
): Promise<Victim> {
  const wanted = context.settings.get(setting) ?? usual;
  const all = (await context.kube.list(nodes)).items;
  const pool = poolsOf(all, context.settings.get('pool_label')).get(wanted);
  const found = all.find(
    (node) =>
      pool !== undefined && node.metadata.labels?.[pool.label] === wanted && isReady(node) && !node.spec?.unschedulable,
  );
  if (pool === undefined || found === undefined) {
    const message = `no ready node of pool ${wanted} is there, and others are not disturbed (e2e_${setting})`;
    throw new CheckSkipped({ code: 'NOT_ENOUGH_NODES', message });
  }
  return { name: found.metadata.name, tolerations: tolerationsOf(pool) };
}

const selectorOf = (context: CheckContext, pod: KubeObject): { namespace: string; fieldSelector: string } => ({
  namespace: context.namespace,
  fieldSelector: `metadata.name=${pod.metadata.name}`,
});

/** A pod of anybody on the node. */
async function bystander(context: CheckContext, node: Victim): Promise<KubeObject> {
  return runsThere(context, node, 'bystander');
}

async function runsThere(context: CheckContext, node: Victim, name: string): Promise<KubeObject> {
  const term = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node.name] }] };
  const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } } };
  await context.kube.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: context.namespace },
    spec: { ...samplePodSpec(context), affinity, tolerations: node.tolerations },
  });
  const selector = { namespace: context.namespace, fieldSelector: `metadata.name=${name}` };
  const [pod] = await context.until(`pod ${name} on ${node.name}`, pods, selector, 3 * minute, ([found]) =>
    found !== undefined && isReady(found) ? undefined : ((found && whyPodNotReady(found)) ?? 'it is not ready'),
  );
  return pod as KubeObject;
}

async function mustBeReady(context: CheckContext, name: string): Promise<void> {
  const found = await context.kube.get(nodes, undefined, name);
  if (found === undefined) throw new CheckFailed(`node ${name} is gone`);
  if (!isReady(found)) throw new CheckFailed(`node ${name} is not Ready a minute later`);
}

async function mustRunOn(context: CheckContext, pod: KubeObject, node: string): Promise<void> {
  const found = await context.kube.get(pods, context.namespace, pod.metadata.name);
  if (found?.metadata.uid !== pod.metadata.uid) throw new CheckFailed(`the pod on ${node} did not survive its kubelet`);
  const restarts = ((found?.status?.containerStatuses ?? []) as { restartCount: number }[])[0]?.restartCount ?? 0;
  if (restarts > 0) throw new CheckFailed(`the pod on ${node} was started again ${restarts} times`);
}

const bootOf = (node: KubeObject): string => String((node.status?.nodeInfo as { bootID?: string } | undefined)?.bootID);

/** Gone, or Ready with another boot id: which of the two. */
async function cameBack(
  context: CheckContext,
  name: string,
  before: string,
  wanted: string,
): Promise<'returned' | 'replaced'> {
  let outcome: 'returned' | 'replaced' | undefined;
  await context.until(
    `node ${name} to be new`,
    nodes,
    { fieldSelector: `metadata.name=${name}` },
    15 * minute,
    ([node]) => {
      if (node === undefined) {
        if (wanted === 'returned') throw new CheckFailed(`node ${name} is gone, and was expected to return`);
        outcome = 'replaced';
        return undefined;
      }
      if (bootOf(node) === before) return 'it has not booted again';
      if (!isReady(node)) return 'it has booted again and is not Ready';
      if (wanted === 'replaced') return 'it has come back, and was expected to be replaced';
      outcome = 'returned';
      return undefined;
    },
  );
  return outcome as 'returned' | 'replaced';
}

/** Leaves the notice where the handler looks. It stays there: nodes of such a pool come and go. */
function noticeJob(context: CheckContext, node: Victim, folder: string, file: string): KubeObject {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'notice', namespace: context.namespace },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: { labels: context.labels },
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          tolerations: [{ operator: 'Exists' }],
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node.name] }] }],
              },
            },
          },
          volumes: [{ name: 'run', hostPath: { path: folder, type: 'Directory' } }],
          containers: [
            {
              name: 'notice',
              image: context.settings.probeImage,
              args: ['file-write', '--path', file, '--content', 'test'],
              securityContext: { runAsUser: 0 },
              volumeMounts: [{ name: 'run', mountPath: folder }],
            },
          ],
        },
      },
    },
  };
}
