/** One call of the upstream suite in the cluster: a Job whose second container hands out what the first one writes. */
import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckInterrupted } from '../contract.ts';
import { Reporter, reporterContainer, reporterPort } from '../reporter.ts';
import { jobs, pods } from '../resources.ts';
import { explained, mustNotBeTaken, whyPodNotReady } from '../workload.ts';
import { mergeProgress, readLog } from './e2e-log.ts';
import type { ConformancePass } from './profiles.ts';

const results = '/tmp/results';
const lookEveryMs = 15_000;
/** An autoscaler may have to make room first, and the image is large. */
const startWithinMs = 20 * 60_000;
/** How long the results of a container that has ended may be asked for in vain. */
const collectWithinMs = 3 * 60_000;

export interface PassInput {
  pass: ConformancePass;
  image: string;
  serviceAccount: string;
  flakeAttempts: number;
  args: string[];
  withinMs: number;
  /** Tests that earlier passes have run. */
  before: { completed: number; failed: number };
}

export interface PassResult {
  exitCode: number;
  log: string;
  /** Absent when the suite ended without its results. */
  junit?: string;
  /** Why its results could not be asked for. */
  unfetched?: string;
}

/** Runs it to its end and fetches what it wrote. Throws CheckInterrupted when its pod cannot start, or is taken away. */
export async function runPass(context: CheckContext, input: PassInput): Promise<PassResult> {
  const name = `conformance-${input.pass.name}`;
  await context.kube.create(jobs, jobOf(context, input, name));
  const pod = await started(context, name);
  const reader = new Reporter(context, pod.metadata.name);
  const exitCode = await followed(context, name, reader, input);
  const keep = (file: string, content: Uint8Array): Promise<void> =>
    context.artifact(`${input.pass.name}/${file}`, content);
  const deadline = context.clock.now() + collectWithinMs;
  try {
    const log = await reader.restOfLog(deadline);
    await keep('e2e.log', log);
    const text = log.toString('utf8');
    // Written last: without it the suite was killed on its way, and its report may be half a one.
    if ((await reader.file('done', deadline)) === undefined) return { exitCode, log: text };
    const junit = await reader.file('junit_01.xml', deadline);
    if (junit !== undefined) await keep('junit_01.xml', junit);
    const archive = await reader.file('e2e.tar.gz', deadline);
    if (archive !== undefined) await keep('e2e.tar.gz', archive);
    return { exitCode, log: text, ...(junit === undefined ? {} : { junit: junit.toString('utf8') }) };
  } catch (error) {
    if (!(error instanceof CheckInterrupted)) throw error;
    // The kubelet hands out what was written to stdout, whatever the network of pods is like.
    const path = `/api/v1/namespaces/${context.namespace}/pods/${pod.metadata.name}/log?container=conformance`;
    const { status, body } = await context.kube.raw(path);
    if (status !== 200) throw error;
    await keep('e2e.log', Buffer.from(body));
    return { exitCode, log: body, unfetched: error.message };
  }
}

function jobOf(context: CheckContext, input: PassInput, name: string): KubeObject {
  const { pass, flakeAttempts, withinMs } = input;
  const parallel = pass.procs > 1;
  const ginkgo = [
    ...(parallel ? [`--procs=${pass.procs}`] : []),
    `--timeout=${Math.ceil(withinMs / 60_000)}m`,
    ...(flakeAttempts > 1 ? [`--flake-attempts=${flakeAttempts}`] : []),
  ];
  const repository = context.settings.get('conformance_repository');
  const env: Record<string, string> = {
    E2E_PROVIDER: 'skeleton',
    E2E_FOCUS: pass.focus,
    // An empty one would be replaced by the suite's own.
    E2E_SKIP: pass.skip === '' ? 'nothing-is-skipped' : pass.skip,
    E2E_EXTRA_GINKGO_ARGS: ginkgo.join(' '),
    E2E_EXTRA_ARGS: [...input.args, `--progress-report-url=http://localhost:${reporterPort}/progress`].join(' '),
    RESULTS_DIR: results,
    ...(parallel ? { E2E_PARALLEL: 'true' } : {}),
    ...(repository === undefined ? {} : { KUBE_TEST_REPO: repository }),
  };
  const volumeMounts = [{ name: 'results', mountPath: results }];
  const confined = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    runAsNonRoot: true,
    runAsUser: 65534,
    seccompProfile: { type: 'RuntimeDefault' },
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: context.namespace },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: Math.ceil((withinMs + startWithinMs) / 1000),
      template: {
        metadata: {
          labels: { ...context.labels, 'clm.e2e/pass': name },
          annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' },
        },
        spec: {
          restartPolicy: 'Never',
          serviceAccountName: input.serviceAccount,
          terminationGracePeriodSeconds: 30,
          securityContext: { fsGroup: 65534 },
          volumes: [{ name: 'results', emptyDir: {} }],
          containers: [
            {
              name: 'conformance',
              image: input.image,
              env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
              resources: { requests: { cpu: '500m', memory: '1Gi' } },
              securityContext: confined,
              volumeMounts,
            },
            reporterContainer(context, results, volumeMounts),
          ],
        },
      },
    },
  };
}

const selectorOf = (context: CheckContext, name: string) => ({
  namespace: context.namespace,
  labelSelector: `clm.e2e/pass=${name}`,
});

interface ContainerState {
  name: string;
  state?: { running?: object; terminated?: { exitCode: number; reason?: string } };
}

function containerOf(pod: KubeObject, name: string): ContainerState | undefined {
  return ((pod.status?.containerStatuses ?? []) as ContainerState[]).find((one) => one.name === name);
}

/** Unschedulable is no failure before the time is up: room may be on its way. */
async function started(context: CheckContext, name: string): Promise<KubeObject> {
  const [pod] = await explained(context, () =>
    context.until('the suite to start', pods, selectorOf(context, name), startWithinMs, (items) => {
      mustNotBeTaken(items);
      const [first] = items;
      if (first === undefined) return 'its pod is not there';
      const suite = containerOf(first, 'conformance')?.state;
      const reporter = containerOf(first, 'reporter')?.state;
      if ((suite?.running || suite?.terminated) && reporter?.running) return undefined;
      return `it is ${String(first.status?.phase)}; ${whyPodNotReady(first) ?? ''}`;
    }),
  ).catch((error: unknown) => {
    // That the suite could not start says nothing of what it tests.
    throw new CheckInterrupted(error instanceof Error ? error.message : String(error));
  });
  return pod as KubeObject;
}

/** Looks every few seconds until the suite's container has ended; its exit code. An API that is away is waited for. */
async function followed(context: CheckContext, name: string, reader: Reporter, input: PassInput): Promise<number> {
  const deadline = context.clock.now() + input.withinMs;
  for (;;) {
    let items: KubeObject[] | undefined;
    try {
      ({ items } = await context.kube.list(pods, selectorOf(context, name)));
    } catch {
      // It goes on without us.
    }
    if (items !== undefined) {
      mustNotBeTaken(items);
      const [pod] = items;
      if (pod === undefined) throw new CheckInterrupted('the pod of the suite was deleted by somebody else');
      const ended = containerOf(pod, 'conformance')?.state?.terminated;
      if (ended) return ended.exitCode;
      await reader.moreOfLog();
      const { completed, total, failed } = mergeProgress(readLog(reader.text()), await reader.posted('progress'));
      const { before } = input;
      context.progress({
        completed: before.completed + completed,
        total: total === 0 ? 0 : before.completed + total,
        failed: before.failed + failed,
      });
    }
    if (context.clock.now() >= deadline) {
      await context.artifact(`${input.pass.name}/e2e.log`, reader.text());
      throw new CheckInterrupted(`the suite has not ended within ${Math.round(input.withinMs / 60_000)} min`);
    }
    await context.pause(lookEveryMs);
  }
}
