import { requestsOf } from '../kube/controllers/node-fit.ts';
import { type Pod, withCondition } from '../kube/kinds.ts';
import { type Fields, fieldsOf, listOf, type SimObject, sameJson, shownText, stamp } from '../kube/object.ts';
import { parseQuantity } from '../kube/quantity.ts';
import type { ResourceDefinition } from '../kube/resource-definition.ts';
import { selectorMatcher, workloadSelector } from '../kube/selectors.ts';
import { seededLag, WorkQueue } from '../kube/work-queue.ts';
import type { AddonContext } from './addon.ts';

const resource = 'horizontalpodautoscalers.autoscaling';
const everyMs = 15_000;
const tolerance = 0.1;
const defaultStabilizationMs = 300_000;

interface Reading {
  /** What is used, in parts of what is wanted: 1 = exactly. */
  ratio: number;
  status: Fields;
}

/** The controller of HorizontalPodAutoscalers: usage of processors, and metrics of pods that an adapter serves. */
export class PodAutoscaler {
  readonly #ctx: AddonContext;
  readonly #definition: ResourceDefinition;
  readonly #queue: WorkQueue;
  /** What was wanted lately, by uid: fewer pods only when nothing more was wanted for a while. */
  readonly #wanted = new Map<string, { at: number; replicas: number }[]>();

  constructor(ctx: AddonContext) {
    const { core } = ctx;
    this.#ctx = ctx;
    this.#definition = core.resources.find('autoscaling', 'v2', 'horizontalpodautoscalers') as ResourceDefinition;
    const lag = seededLag(core, 'horizontal-pod-autoscaler', core.options.lagMs.controllers);
    this.#queue = new WorkQueue(core, 'horizontal-pod-autoscaler', lag, (key) => this.#sync(key));
    core.store.onChange(resource, ({ object, type }) => {
      if (type === 'ADDED') this.#queue.add(`${object.metadata.namespace}/${object.metadata.name}`);
    });
  }

  #sync(key: string): void {
    const { core } = this.#ctx;
    const scaler = core.store.table(resource).byKey.get(key);
    if (!scaler) return;
    this.#queue.addAt(key, core.clock.now() + everyMs);
    if (core.faults.workloads === 'broken') return;
    const spec = fieldsOf(scaler['spec']);
    const reference = fieldsOf(spec['scaleTargetRef']);
    const table = `${shownText(reference['kind'] ?? '').toLowerCase()}s.apps`;
    const target = core.store.table(table).get(scaler.metadata.namespace, shownText(reference['name'] ?? ''));
    if (!target) {
      this.#say(scaler, 'AbleToScale', 'False', 'FailedGetScale', 'the target is not there', {});
      return;
    }
    const replicas = Number(fieldsOf(target['spec'])['replicas'] ?? 1);
    const [least, most] = [Number(spec['minReplicas'] ?? 1), Number(spec['maxReplicas'])];
    if (replicas === 0) return;
    if (replicas < least || replicas > most) {
      this.#scale(
        scaler,
        target,
        table,
        Math.min(most, Math.max(least, replicas)),
        'Current number of replicas is out of bounds',
      );
      return;
    }
    const matches = selectorMatcher(workloadSelector(target));
    const pods = core.store.pods.sorted(scaler.metadata.namespace).filter((pod) => matches(pod.metadata.labels));
    const readings = listOf(spec['metrics']).map((metric) => this.#read(scaler, fieldsOf(metric), pods));
    const known = readings.filter((each): each is Reading => each !== undefined);
    if (known.length === 0) {
      const type = shownText(fieldsOf(listOf(spec['metrics'])[0])['type'] ?? 'Resource');
      this.#say(scaler, 'ScalingActive', 'False', `FailedGet${type}Metric`, 'unable to get metrics', {
        currentReplicas: replicas,
      });
      return;
    }
    const ratio = Math.max(...known.map((each) => each.ratio));
    const asked = Math.abs(ratio - 1) <= tolerance ? replicas : Math.ceil(replicas * ratio);
    const bounded = Math.min(most, Math.max(least, asked));
    const desired =
      known.length < readings.length ? Math.max(bounded, replicas) : this.#steady(scaler, replicas, bounded);
    const status = {
      currentReplicas: replicas,
      desiredReplicas: desired,
      currentMetrics: known.map((each) => each.status),
    };
    this.#say(
      scaler,
      'ScalingActive',
      'True',
      'ValidMetricFound',
      'the HPA was able to compute the replica count',
      status,
    );
    if (desired !== replicas)
      this.#scale(scaler, target, table, desired, `metric ${desired > replicas ? 'above' : 'below'} target`);
  }

  #scale(scaler: SimObject, target: SimObject, table: string, desired: number, reason: string): void {
    const { core, api } = this.#ctx;
    const path = `/apis/apps/v1/namespaces/${target.metadata.namespace}/${table.split('.')[0]}/${target.metadata.name}/scale`;
    api({
      method: 'PATCH',
      path,
      query: new URLSearchParams(),
      contentType: 'application/merge-patch+json',
      body: { spec: { replicas: desired } },
      userAgent: 'kube-controller-manager/horizontal-pod-autoscaler',
    });
    core.events.record('horizontal-pod-autoscaler', scaler, {
      type: 'Normal',
      reason: 'SuccessfulRescale',
      message: `New size: ${desired}; reason: ${reason}`,
    });
  }

  /** More at once; fewer when the window holds nothing higher. */
  #steady(scaler: SimObject, replicas: number, asked: number): number {
    const behavior = fieldsOf(fieldsOf(fieldsOf(scaler['spec'])['behavior'])['scaleDown']);
    const seconds = behavior['stabilizationWindowSeconds'];
    const windowMs = typeof seconds === 'number' ? seconds * 1000 : defaultStabilizationMs;
    const now = this.#ctx.core.clock.now();
    const history = (this.#wanted.get(scaler.metadata.uid) ?? []).filter((each) => each.at > now - windowMs);
    history.push({ at: now, replicas: asked });
    this.#wanted.set(scaler.metadata.uid, history);
    return asked >= replicas ? asked : Math.min(replicas, Math.max(...history.map((each) => each.replicas)));
  }

  #read(scaler: SimObject, metric: Fields, pods: readonly Pod[]): Reading | undefined {
    if (metric['type'] === 'Resource') return this.#processor(scaler, fieldsOf(metric['resource']), pods);
    if (metric['type'] === 'Pods') return this.#ofPods(scaler, fieldsOf(metric['pods']), pods);
    if (metric['type'] === 'Object') return this.#ofObject(scaler, fieldsOf(metric['object']));
    if (metric['type'] === 'External') return this.#ofOutside(scaler, fieldsOf(metric['external']));
    return undefined;
  }

  #ofObject(scaler: SimObject, wanted: Fields): Reading | undefined {
    const described = fieldsOf(wanted['describedObject']);
    const name = shownText(fieldsOf(wanted['metric'])['name'] ?? '');
    const plural = `${shownText(described['kind'] ?? '').toLowerCase()}s`;
    const path = `/apis/custom.metrics.k8s.io/v1beta1/namespaces/${scaler.metadata.namespace}/${plural}/${shownText(described['name'] ?? '')}/${name}`;
    return this.#whole(path, wanted, (current) => ({
      type: 'Object',
      object: { metric: { name }, describedObject: described, current },
    }));
  }

  #ofOutside(scaler: SimObject, wanted: Fields): Reading | undefined {
    const name = shownText(fieldsOf(wanted['metric'])['name'] ?? '');
    const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${scaler.metadata.namespace}/${name}`;
    return this.#whole(path, wanted, (current) => ({ type: 'External', external: { metric: { name }, current } }));
  }

  /** One value for all pods together. */
  #whole(path: string, wanted: Fields, status: (current: Fields) => Fields): Reading | undefined {
    const target = parseQuantity(fieldsOf(wanted['target'])['value']);
    const items = this.#ask(path);
    if (!items || items.length === 0 || target === undefined || target <= 0) return undefined;
    const value = items.reduce((sum, each) => sum + (parseQuantity(each['value']) ?? 0), 0);
    return { ratio: value / target, status: status({ value: String(value) }) };
  }

  #ask(path: string): Fields[] | undefined {
    const answer = this.#ctx.api({
      method: 'GET',
      path,
      query: new URLSearchParams(),
      userAgent: 'kube-controller-manager',
    });
    return answer.status === 200 ? listOf(fieldsOf(answer.body)['items']).map(fieldsOf) : undefined;
  }

  #processor(scaler: SimObject, wanted: Fields, pods: readonly Pod[]): Reading | undefined {
    const utilization = Number(fieldsOf(wanted['target'])['averageUtilization']);
    const items = this.#ask(`/apis/metrics.k8s.io/v1beta1/namespaces/${scaler.metadata.namespace}/pods`);
    if (wanted['name'] !== 'cpu' || !items || !(utilization > 0)) return undefined;
    let [used, requested] = [0, 0];
    for (const pod of pods) {
      const found = items.find((each) => fieldsOf(each['metadata'])['name'] === pod.metadata.name);
      if (!found) continue;
      requested += requestsOf(pod.spec).cpu;
      for (const container of listOf(found['containers']).map(fieldsOf))
        used += parseQuantity(fieldsOf(container['usage'])['cpu']) ?? 0;
    }
    if (requested === 0) return undefined;
    const current = Math.round((100 * used) / requested);
    return {
      ratio: current / utilization,
      status: { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } },
    };
  }

  #ofPods(scaler: SimObject, wanted: Fields, pods: readonly Pod[]): Reading | undefined {
    const name = shownText(fieldsOf(wanted['metric'])['name'] ?? '');
    const average = parseQuantity(fieldsOf(wanted['target'])['averageValue']);
    const items = this.#ask(
      `/apis/custom.metrics.k8s.io/v1beta1/namespaces/${scaler.metadata.namespace}/pods/*/${name}`,
    );
    if (!items || average === undefined || average <= 0) return undefined;
    const values = items
      .filter((each) => pods.some((pod) => pod.metadata.name === fieldsOf(each['describedObject'])['name']))
      .map((each) => parseQuantity(each['value']) ?? 0);
    if (values.length === 0) return undefined;
    const current = values.reduce((sum, value) => sum + value, 0) / values.length;
    return {
      ratio: current / average,
      status: { type: 'Pods', pods: { metric: { name }, current: { averageValue: String(current) } } },
    };
  }

  #say(scaler: SimObject, type: string, status: 'True' | 'False', reason: string, message: string, more: Fields): void {
    const before = fieldsOf(scaler['status']);
    const now = stamp(this.#ctx.core.clock.now());
    const conditions = withCondition(before['conditions'] as never, { type, status, reason, message }, now);
    const next = { ...before, ...more, conditions };
    if (!sameJson(before, next)) this.#ctx.writer.setStatus(this.#definition, scaler, next);
  }
}
