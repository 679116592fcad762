/** Has an object arrived at what its spec says? Rules by kind, as people who wait for a rollout see it; others by their conditions. */
import type { KubeObject } from '../../domain/kube-object.ts';

export type Readiness =
  | { state: 'ready' }
  /** It may get there by itself. */
  | { state: 'progressing'; message: string }
  /** It will not get there by itself. */
  | { state: 'failed'; message: string };

type Fields = Record<string, unknown>;

interface Condition {
  type?: string;
  status?: string;
  reason?: string;
  message?: string;
}

const ready: Readiness = { state: 'ready' };
const progressing = (message: string): Readiness => ({ state: 'progressing', message });
const failed = (message: string): Readiness => ({ state: 'failed', message });
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/** Kinds that run pods: they are waited for on every update, as nodes were replaced under them. */
export const workloadKinds = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;

const rules: Readonly<Record<string, (object: KubeObject) => Readiness>> = {
  'apps/Deployment': deployment,
  'apps/StatefulSet': statefulSet,
  'apps/DaemonSet': daemonSet,
  'apps/ReplicaSet': (object) => replicas(object, ['availableReplicas', 'available']),
  '/ReplicationController': (object) => replicas(object, ['availableReplicas', 'available']),
  'batch/Job': job,
  'batch/CronJob': () => ready,
  '/Pod': pod,
  '/PersistentVolumeClaim': claim,
  '/Service': service,
  '/Namespace': ({ status }) => {
    const { phase } = fields(status);
    return phase === undefined || phase === 'Active' ? ready : progressing('it is not active');
  },
  'policy/PodDisruptionBudget': observed,
  'autoscaling/HorizontalPodAutoscaler': () => ready,
  'apiextensions.k8s.io/CustomResourceDefinition': definition,
  'apiregistration.k8s.io/APIService': (object) => mustHold(object, 'Available'),
};

/** A live object, with its kind. */
export function readinessOf(object: KubeObject): Readiness {
  if (object.metadata.deletionTimestamp !== undefined) return progressing('it is being deleted');
  const { apiVersion, kind } = object;
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return (rules[`${group}/${kind}`] ?? byConditions)(object);
}

function conditionOf(object: KubeObject, type: string): Condition | undefined {
  const { conditions } = fields(object['status']);
  return Array.isArray(conditions) ? (conditions as Condition[]).find((each) => each.type === type) : undefined;
}

function said(condition: Condition): string {
  const { reason, message } = condition;
  return [reason, message].filter((part) => part !== undefined && part !== '').join(': ');
}

/** Its controller has seen the spec of now. */
function observed(object: KubeObject): Readiness {
  const { observedGeneration } = fields(object['status']);
  return number(observedGeneration) < number(object.metadata.generation)
    ? progressing('its controller has not seen it yet')
    : ready;
}

function deployment(object: KubeObject): Readiness {
  const late = conditionOf(object, 'Progressing');
  const found = replicas(object, ['availableReplicas', 'available']);
  // nodes that were replaced make a rollout late which goes on all the same: said, but not given up
  if (found.state === 'progressing' && late?.reason === 'ProgressDeadlineExceeded') {
    return progressing(`${found.message}, longer than its progressDeadlineSeconds`);
  }
  return found;
}

function statefulSet(object: KubeObject): Readiness {
  const spec = fields(object['spec']);
  const status = fields(object['status']);
  const strategy = fields(spec['updateStrategy']);
  // pods of the old revision stay until somebody deletes them
  if (strategy['type'] === 'OnDelete') return replicas(object, ['readyReplicas', 'ready'], 0);
  const partition = number(fields(strategy['rollingUpdate'])['partition']);
  if (partition > 0) {
    const wanted = Math.max(0, wantedReplicas(spec) - partition);
    return replicas(object, ['readyReplicas', 'ready'], wanted);
  }
  const found = replicas(object, ['readyReplicas', 'ready']);
  if (found.state !== 'ready') return found;
  const { updateRevision, currentRevision } = status;
  return updateRevision !== undefined && currentRevision !== undefined && updateRevision !== currentRevision
    ? progressing('not all replicas are of the new revision')
    : ready;
}

function wantedReplicas(spec: Fields): number {
  return typeof spec['replicas'] === 'number' ? spec['replicas'] : 1;
}

/** `updated` = how many have to be of the new revision; all that are wanted unless given. */
function replicas(object: KubeObject, [field, word]: [string, string], updated?: number): Readiness {
  const seen = observed(object);
  if (seen.state !== 'ready') return seen;
  const spec = fields(object['spec']);
  const status = fields(object['status']);
  const wanted = wantedReplicas(spec);
  const current = number(status['updatedReplicas']);
  const revised = object.kind === 'ReplicaSet' || object.kind === 'ReplicationController' ? 0 : (updated ?? wanted);
  if (current < revised) return progressing(`${current} of ${revised} replicas are updated`);
  const surplus = number(status['replicas']) - wanted;
  const up = number(status[field]);
  if (up < wanted) return progressing(`${up} of ${wanted} replicas are ${word}`);
  return surplus > 0 && object.kind === 'Deployment' && current >= wanted
    ? progressing(`${surplus} old replicas are still there`)
    : ready;
}

function daemonSet(object: KubeObject): Readiness {
  const seen = observed(object);
  if (seen.state !== 'ready') return seen;
  const status = fields(object['status']);
  const wanted = number(status['desiredNumberScheduled']);
  const onDelete = fields(fields(object['spec'])['updateStrategy'])['type'] === 'OnDelete';
  const updated = number(status['updatedNumberScheduled']);
  if (!onDelete && updated < wanted) return progressing(`${updated} of ${wanted} pods are updated`);
  const up = number(status['numberAvailable']);
  return up < wanted ? progressing(`${up} of ${wanted} pods are available`) : ready;
}

function job(object: KubeObject): Readiness {
  const gaveUp = conditionOf(object, 'Failed');
  if (gaveUp?.status === 'True') return failed(`it failed: ${said(gaveUp)}`);
  if (conditionOf(object, 'Complete')?.status === 'True') return ready;
  if (fields(object['spec'])['suspend'] === true) return ready;
  return progressing('it has not completed');
}

function pod(object: KubeObject): Readiness {
  const { phase } = fields(object['status']);
  if (phase === 'Succeeded') return ready;
  if (phase === 'Failed') return failed('it failed');
  return mustHold(object, 'Ready');
}

/** A claim that waits for its first consumer is as ready as it can be. */
function claim(object: KubeObject): Readiness {
  const { phase } = fields(object['status']);
  if (phase === 'Bound') return ready;
  if (phase === 'Lost') return failed('its volume is lost');
  const annotations = object.metadata.annotations ?? {};
  const asked = ['volume.kubernetes.io/storage-provisioner', 'volume.beta.kubernetes.io/storage-provisioner'];
  return asked.some((name) => annotations[name] !== undefined) ? progressing('it is not bound') : ready;
}

function service(object: KubeObject): Readiness {
  if (fields(object['spec'])['type'] !== 'LoadBalancer') return ready;
  const { ingress } = fields(fields(object['status'])['loadBalancer']);
  return Array.isArray(ingress) && ingress.length > 0 ? ready : progressing('it has no load balancer yet');
}

function definition(object: KubeObject): Readiness {
  const names = conditionOf(object, 'NamesAccepted');
  if (names?.status === 'False') return failed(`its names are taken: ${said(names)}`);
  return mustHold(object, 'Established');
}

function mustHold(object: KubeObject, type: string): Readiness {
  const condition = conditionOf(object, type);
  if (condition?.status === 'True') return ready;
  const why = condition === undefined ? '' : said(condition);
  return progressing(why === '' ? `it is not ${type}` : `it is not ${type}: ${why}`);
}

/** What the conventions of conditions say about a kind that nobody here knows. One without status is ready when it is there. */
function byConditions(object: KubeObject): Readiness {
  const { observedGeneration } = fields(object['status']);
  if (typeof observedGeneration === 'number' && observedGeneration < number(object.metadata.generation)) {
    return progressing('its controller has not seen it yet');
  }
  const stalled = conditionOf(object, 'Stalled');
  if (stalled?.status === 'True') return failed(`it is stalled: ${said(stalled)}`);
  const reconciling = conditionOf(object, 'Reconciling');
  if (reconciling?.status === 'True') return progressing(`it is reconciled: ${said(reconciling)}`);
  return conditionOf(object, 'Ready') === undefined ? ready : mustHold(object, 'Ready');
}
