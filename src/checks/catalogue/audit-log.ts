import { FailureError } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, CheckInterrupted, CheckTimedOut, defineCheck } from '../contract.ts';
import { pods } from '../resources.ts';

const logPath = '/logs/kube-audit.log';
const withinMs = 5 * 60_000;
const everyMs = 30_000;
const freshMs = 60_000;
const mostReplacements = 8;
const wanted = ['create', 'update', 'patch', 'delete'] as const;

interface AuditEvent {
  verb?: string;
  stage?: string;
  user?: { username?: string };
  objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number };
  annotations?: Record<string, string>;
  stageTimestamp?: string;
}

/** Catalogue row 6. */
export const auditLog = defineCheck({
  id: 'api.audit-log',
  title: 'What is done to a pod is in the audit log: who, what, allowed, and at once',
  area: 'api',
  requires: ['audit-log'],
  withinMs: 8 * 60_000,
  expectedMs: 60_000,
  plan: async (context) => {
    const source = context.settings.get('audit_source');
    if (source === undefined || source === 'apiserver-logs') return undefined;
    return { code: 'CONFIG_MISSING', message: `e2e_audit_source '${source}' is not understood; apiserver-logs is` };
  },
  async run(context) {
    await context.sandbox();
    const name = `marker-${context.runKey}`;
    const actedAt = await act(context, name);
    const deadline = context.clock.now() + withinMs;
    for (;;) {
      const { found, newest } = await read(context, name);
      const missing = wanted.filter((verb) => !found.some((event) => event.verb === verb));
      if (missing.length === 0) return judged(context, found, actedAt);
      if (context.clock.now() >= deadline) {
        const age =
          newest === undefined
            ? 'it is empty'
            : `its newest entry is ${Math.round((context.clock.now() - newest) / 1000)} s old`;
        throw new CheckTimedOut(
          `${missing.join(', ')} of pod ${name} are not in the audit log within ${withinMs / 1000} s; ${age}`,
        );
      }
      await context.pause(everyMs);
    }
  },
});

/** Creates, changes and deletes a pod that asks for nothing; the time of the last one. */
async function act({ kube, namespace, settings, clock }: CheckContext, name: string): Promise<number> {
  const pod: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'server', image: settings.serverImage, resources: { requests: { cpu: '1m' } } }],
    },
  };
  await kube.create(pods, pod);
  await replace(kube, namespace, name);
  await kube.patch(pods, namespace, name, {
    type: 'merge',
    body: { metadata: { annotations: { 'clm.e2e/marker': '1' } } },
  });
  await kube.delete(pods, namespace, name);
  return clock.now();
}

/** The scheduler and the kubelet write to it, too: what was read is soon old. */
async function replace(kube: CheckContext['kube'], namespace: string, name: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const found = await kube.get(pods, namespace, name);
    if (found === undefined) throw new CheckInterrupted(`pod ${name} was deleted by somebody else`);
    const annotations = { ...found.metadata.annotations, 'clm.e2e/marker': '0' };
    try {
      await kube.update(pods, { ...found, metadata: { ...found.metadata, annotations } });
      return;
    } catch (error) {
      const stale = error instanceof FailureError && error.failure.code === 'kube-conflict';
      if (!stale || attempt === mostReplacements) throw error;
    }
  }
}

async function read(
  { kube, namespace }: CheckContext,
  name: string,
): Promise<{ found: AuditEvent[]; newest: number | undefined }> {
  const { status, body } = await kube.raw(logPath);
  if (status !== 200) throw new CheckFailed(`${logPath} answers ${status}`);
  const found: AuditEvent[] = [];
  let newest: number | undefined;
  for (const line of body.split('\n')) {
    const event = parsed(line);
    if (event === undefined) continue;
    const at = Date.parse(event.stageTimestamp ?? '');
    if (Number.isFinite(at)) newest = Math.max(newest ?? at, at);
    const { objectRef } = event;
    const ours = objectRef?.name === name && objectRef.namespace === namespace && objectRef.subresource === undefined;
    if (ours && event.stage === 'ResponseComplete') found.push(event);
  }
  return { found, newest };
}

/** Half a line may be there while it is written. */
function parsed(line: string): AuditEvent | undefined {
  if (line.trim() === '') return undefined;
  try {
    return JSON.parse(line) as AuditEvent;
  } catch {
    return undefined;
  }
}

const isDone = ({ responseStatus }: AuditEvent): boolean => Math.floor((responseStatus?.code ?? 0) / 100) === 2;

/** One event a verb: one that was done, where there is any. Refused tries, and what the kubelet does to the pod, stand beside it. */
function telling(found: AuditEvent[]): AuditEvent[] {
  return wanted.flatMap((verb) => {
    const all = found.filter((event) => event.verb === verb);
    return all.find(isDone) ?? all.at(-1) ?? [];
  });
}

function judged(context: CheckContext, found: AuditEvent[], actedAt: number): string {
  for (const event of telling(found)) {
    const said = `${event.verb} of ${event.objectRef?.name ?? ''}`;
    if (event.user?.username === undefined || event.user.username === '')
      throw new CheckFailed(`${said} names no user`);
    if (!isDone(event))
      throw new CheckFailed(`${said} is logged with code ${event.responseStatus?.code ?? 0}, and it was done`);
    const decision = event.annotations?.['authorization.k8s.io/decision'];
    if (decision !== 'allow') throw new CheckFailed(`${said} is logged with decision '${decision ?? ''}', not 'allow'`);
  }
  const last = Math.max(...found.map((event) => Date.parse(event.stageTimestamp ?? '')));
  const delay = Math.max(0, context.clock.now() - actedAt);
  context.measure('audit_delay_seconds', delay / 1000);
  if (actedAt - last > freshMs) throw new CheckFailed(`the log is ${Math.round((actedAt - last) / 1000)} s behind`);
  return `${wanted.join(', ')} by ${found[0]?.user?.username ?? ''} are in the log`;
}
