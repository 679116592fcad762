import type { Timer } from '../../../support/clock.ts';
import type { Random } from '../../../support/random.ts';
import type { ClusterCore } from './cluster-core.ts';
import { type ContainerRun, containerRun } from './image-behaviour.ts';
import {
  type ContainerStatus,
  isPodFinished,
  isTerminating,
  mirrorAnnotation,
  type Pod,
  type PodStatus,
  withCondition,
} from './kinds.ts';
import { type Fields, fieldsOf, stamp } from './object.ts';
import type { ObjectWriter } from './object-writer.ts';
import { sampleMs } from './options.ts';
import type { ResourceDefinition } from './resource-definition.ts';

interface RunningPod {
  uid: string;
  timers: Timer[];
  stopping: Timer | undefined;
  runs: ContainerRun[];
  startedAt: number;
}

const longestBackoffMs = 300_000;

/** Runs the pods of one node: pulls, starts, readiness, exits, restarts, and stops within the grace period. */
export class Kubelet {
  readonly nodeName: string;
  readonly #hostIp: string;
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #pods: ResourceDefinition;
  readonly #random: Random;
  readonly #running = new Map<string, RunningPod>();
  readonly #images = new Set<string>();
  readonly #nextIp: () => string;
  #alive = true;

  constructor(
    core: ClusterCore,
    writer: ObjectWriter,
    input: { nodeName: string; hostIp: string; nextIp: () => string },
  ) {
    this.#core = core;
    this.#writer = writer;
    this.#pods = core.resources.find('', 'v1', 'pods') as ResourceDefinition;
    this.nodeName = input.nodeName;
    this.#hostIp = input.hostIp;
    this.#nextIp = input.nextIp;
    this.#random = core.random.fork(`kubelet/${input.nodeName}`);
  }

  /** The machine is gone: nothing that runs here changes any more. */
  die(): void {
    this.#alive = false;
    for (const pod of this.#running.values()) this.#forget(pod);
    this.#running.clear();
  }

  /** Told about every change of a pod that is assigned to this node. */
  podChanged(pod: Pod): void {
    if (!this.#alive) return;
    const known = this.#running.get(pod.metadata.uid);
    if (isTerminating(pod)) {
      this.#stop(pod, known);
      return;
    }
    if (known || isPodFinished(pod)) return;
    const entry: RunningPod = { uid: pod.metadata.uid, timers: [], stopping: undefined, runs: [], startedAt: 0 };
    this.#running.set(entry.uid, entry);
    this.#after(entry, 5 + this.#random.int(60), () => this.#accept(entry));
  }

  podRemoved(pod: Pod): void {
    const known = this.#running.get(pod.metadata.uid);
    if (!known) return;
    this.#forget(known);
    this.#running.delete(pod.metadata.uid);
  }

  /** Whether this kubelet runs the pod's containers now. */
  runs(uid: string): boolean {
    return (this.#running.get(uid)?.startedAt ?? 0) > 0;
  }

  #forget(entry: RunningPod): void {
    for (const timer of entry.timers) timer.cancel();
    entry.timers = [];
    entry.stopping?.cancel();
  }

  #after(entry: RunningPod, delayMs: number, run: () => void): void {
    const guarded = (): void => {
      entry.timers = entry.timers.filter((each) => each !== timer);
      if (!this.#alive || this.#running.get(entry.uid) !== entry) return;
      this.#core.as({ kind: 'world', name: 'kubelet' }, () => {
        try {
          run();
        } catch (error) {
          this.#core.internalError(`kubelet ${this.nodeName}`, error);
        }
      });
    };
    const timer = this.#core.clock.at(this.#core.clock.now() + delayMs, guarded);
    entry.timers.push(timer);
  }

  #pod(entry: RunningPod): Pod | undefined {
    const pod = this.#core.store.byUid(entry.uid) as Pod | undefined;
    return pod && !isTerminating(pod) ? pod : undefined;
  }

  #accept(entry: RunningPod): void {
    const pod = this.#pod(entry);
    if (!pod) return;
    const now = stamp(this.#core.clock.now());
    const waiting = pod.spec.containers.map(
      (container): ContainerStatus => ({
        name: container.name,
        state: { waiting: { reason: 'ContainerCreating' } },
        lastState: {},
        ready: false,
        restartCount: 0,
        started: false,
        image: container.image ?? '',
        imageID: '',
      }),
    );
    const notReady = {
      reason: 'ContainersNotReady',
      message: `containers with unready status: [${pod.spec.containers.map((each) => each.name).join(' ')}]`,
    };
    let conditions = withCondition(pod.status.conditions, { type: 'Initialized', status: 'True' }, now);
    conditions = withCondition(conditions, { type: 'Ready', status: 'False', ...notReady }, now);
    conditions = withCondition(conditions, { type: 'ContainersReady', status: 'False', ...notReady }, now);
    const ip = pod.spec.hostNetwork ? this.#hostIp : this.#nextIp();
    this.#write(pod, {
      ...pod.status,
      phase: 'Pending',
      conditions,
      hostIP: this.#hostIp,
      hostIPs: [{ ip: this.#hostIp }],
      podIP: ip,
      podIPs: [{ ip }],
      startTime: now,
      containerStatuses: waiting,
    });
    entry.runs = pod.spec.containers.map((container) => containerRun(this.#core.options, this.#random, pod, container));
    this.#pull(entry, 0);
  }

  #pull(entry: RunningPod, attempt: number): void {
    const pod = this.#pod(entry);
    if (!pod) return;
    const isMirror = pod.metadata.annotations?.[mirrorAnnotation] !== undefined;
    const broken = !isMirror && (this.#core.faults.imagePull === 'broken' || entry.runs.some((run) => run.missing));
    let pullMs = 0;
    pod.spec.containers.forEach((container, index) => {
      const image = container.image ?? '';
      if (!this.#images.has(image)) pullMs += (entry.runs[index]?.pullMs ?? 0) + 0;
    });
    if (broken) {
      this.#setWaiting(pod, attempt === 0 ? 'ErrImagePull' : 'ImagePullBackOff');
      this.#after(entry, Math.min(longestBackoffMs, 10_000 * 2 ** attempt), () =>
        this.#pull(entry, Math.min(attempt + 1, 5)),
      );
      return;
    }
    this.#after(entry, pullMs + 150 + this.#random.int(350), () => this.#start(entry));
  }

  #start(entry: RunningPod): void {
    const pod = this.#pod(entry);
    if (!pod) return;
    for (const container of pod.spec.containers) if (container.image) this.#images.add(container.image);
    const now = this.#core.clock.now();
    entry.startedAt = now;
    const statuses = (pod.status.containerStatuses ?? []).map((status, index) =>
      this.#startedStatus(status, entry.runs[index], now),
    );
    this.#write(pod, this.#withReadiness(pod, { ...pod.status, phase: 'Running', containerStatuses: statuses }));
    entry.runs.forEach((run, index) => {
      if (run.readyAfterMs !== undefined && run.readyAfterMs > 0)
        this.#after(entry, run.readyAfterMs, () => this.#becomeReady(entry, index));
      if (run.exit) this.#after(entry, run.exit.afterMs, () => this.#exit(entry, index));
    });
  }

  #startedStatus(status: ContainerStatus, run: ContainerRun | undefined, now: number): ContainerStatus {
    const hash = Math.abs(status.image.length * 2_654_435_761).toString(16);
    return {
      ...status,
      state: { running: { startedAt: stamp(now) } },
      started: true,
      ready: run?.readyAfterMs === 0 && !this.#core.faults.unreadyNodes.has(this.nodeName),
      imageID: `${status.image}@sha256:${hash.padEnd(64, '0')}`,
      containerID: `containerd://${this.#core.newUid().replaceAll('-', '').repeat(2)}`,
    };
  }

  #becomeReady(entry: RunningPod, index: number): void {
    const pod = this.#pod(entry);
    if (!pod) return;
    if (this.#core.faults.unreadyNodes.has(this.nodeName)) {
      this.#after(entry, 10_000, () => this.#becomeReady(entry, index));
      return;
    }
    const status = pod.status.containerStatuses?.[index];
    if (!status || status.state['running'] === undefined || status.ready) return;
    this.#setContainer(pod, index, { ...status, ready: true });
  }

  #exit(entry: RunningPod, index: number): void {
    const pod = this.#pod(entry);
    const status = pod?.status.containerStatuses?.[index];
    const run = entry.runs[index];
    if (!pod || !status || !run?.exit || status.state['running'] === undefined) return;
    const { code } = run.exit;
    const now = stamp(this.#core.clock.now());
    const terminated = {
      exitCode: code,
      reason: code === 0 ? 'Completed' : 'Error',
      startedAt: fieldsOf(status.state['running'])['startedAt'],
      finishedAt: now,
      containerID: status.containerID,
    };
    const policy = pod.spec.restartPolicy;
    const restarts = policy === 'Always' || (policy === 'OnFailure' && code !== 0);
    if (!restarts) {
      this.#setContainer(pod, index, { ...status, ready: false, started: false, state: { terminated } });
      this.#finishPod(entry);
      return;
    }
    const state: Fields = {
      waiting: { reason: 'CrashLoopBackOff', message: `back-off restarting failed container=${status.name}` },
    };
    this.#setContainer(pod, index, { ...status, ready: false, started: false, state, lastState: { terminated } });
    const backoff = Math.min(longestBackoffMs, 10_000 * 2 ** Math.min(status.restartCount, 5));
    this.#after(entry, status.restartCount === 0 ? 500 : backoff, () => this.#restart(entry, index));
  }

  #restart(entry: RunningPod, index: number): void {
    const pod = this.#pod(entry);
    const status = pod?.status.containerStatuses?.[index];
    const run = entry.runs[index];
    if (!pod || !status || !run) return;
    const started = this.#startedStatus(
      { ...status, restartCount: status.restartCount + 1 },
      run,
      this.#core.clock.now(),
    );
    this.#setContainer(pod, index, started);
    if (run.readyAfterMs !== undefined && run.readyAfterMs > 0)
      this.#after(entry, run.readyAfterMs, () => this.#becomeReady(entry, index));
    if (run.exit) this.#after(entry, run.exit.afterMs, () => this.#exit(entry, index));
  }

  /** All containers ended and none restarts: the pod is done. */
  #finishPod(entry: RunningPod): void {
    const pod = this.#pod(entry);
    const ends = pod?.status.containerStatuses?.map((status) => fieldsOf(status.state['terminated'])['exitCode']) ?? [];
    if (!pod || ends.some((code) => typeof code !== 'number')) return;
    const phase = ends.every((code) => code === 0) ? 'Succeeded' : 'Failed';
    this.#write(pod, this.#withReadiness(pod, { ...pod.status, phase }));
    this.#forget(entry);
  }

  #setWaiting(pod: Pod, reason: string): void {
    const message = `Back-off pulling image "${pod.spec.containers[0]?.image ?? ''}"`;
    const statuses = (pod.status.containerStatuses ?? []).map((status) => ({
      ...status,
      state: { waiting: { reason, message } },
    }));
    this.#write(pod, { ...pod.status, containerStatuses: statuses });
  }

  #setContainer(pod: Pod, index: number, status: ContainerStatus): void {
    const statuses = [...(pod.status.containerStatuses ?? [])];
    statuses[index] = status;
    this.#write(pod, this.#withReadiness(pod, { ...pod.status, containerStatuses: statuses }));
  }

  #withReadiness(pod: Pod, status: PodStatus): PodStatus {
    const unready = (status.containerStatuses ?? []).filter((each) => !each.ready).map((each) => each.name);
    const finished = status.phase === 'Succeeded' || status.phase === 'Failed';
    const now = stamp(this.#core.clock.now());
    const ready = !finished && unready.length === 0;
    const why = ready
      ? {}
      : status.phase === 'Succeeded'
        ? { reason: 'PodCompleted' }
        : status.phase === 'Failed'
          ? { reason: 'PodFailed' }
          : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
    const value = ready ? 'True' : 'False';
    let conditions = withCondition(
      status.conditions ?? pod.status.conditions,
      { type: 'Ready', status: value, ...why },
      now,
    );
    conditions = withCondition(conditions, { type: 'ContainersReady', status: value, ...why }, now);
    return { ...status, conditions };
  }

  #write(pod: Pod, status: PodStatus): void {
    this.#writer.setStatus(this.#pods, pod, status);
  }

  #stop(pod: Pod, known: RunningPod | undefined): void {
    const entry = known ?? { uid: pod.metadata.uid, timers: [], stopping: undefined, runs: [], startedAt: 0 };
    if (!known) this.#running.set(entry.uid, entry);
    const deadline = Date.parse(pod.metadata.deletionTimestamp as string);
    const graceMs = Math.max(0, deadline - this.#core.clock.now());
    const first = entry.stopping === undefined;
    for (const timer of entry.timers) timer.cancel();
    entry.timers = [];
    if (!first) {
      // A second deletion may only shorten what is left.
      this.#after(entry, graceMs, () => this.#gone(entry));
      return;
    }
    const rule = this.#core.options.behaviours.find((each) =>
      pod.spec.containers.some((container) => container.image?.includes(each.image)),
    );
    const wantsMs =
      entry.startedAt === 0 ? 50 : (rule?.stopAfterMs ?? sampleMs(this.#random, this.#core.options.stopMs));
    entry.stopping = this.#core.clock.at(this.#core.clock.now() + Math.min(graceMs, wantsMs), () => {
      if (this.#alive && this.#running.get(entry.uid) === entry) {
        this.#core.as({ kind: 'world', name: 'kubelet' }, () => this.#gone(entry));
      }
    });
  }

  /** The containers have stopped: the pod object goes, or waits for its finalizers. */
  #gone(entry: RunningPod): void {
    const pod = this.#core.store.byUid(entry.uid) as Pod | undefined;
    this.#forget(entry);
    this.#running.delete(entry.uid);
    if (!pod) return;
    if (pod.metadata.finalizers === undefined) {
      this.#writer.remove(this.#pods, pod);
      return;
    }
    const metadata = { ...pod.metadata, deletionGracePeriodSeconds: 0 };
    const statuses = (pod.status.containerStatuses ?? []).map((status) => ({
      ...status,
      ready: false,
      state: { terminated: { exitCode: 0, reason: 'Completed', finishedAt: stamp(this.#core.clock.now()) } },
    }));
    const status = this.#withReadiness(pod, {
      ...pod.status,
      phase: isPodFinished(pod) ? pod.status.phase : 'Failed',
      containerStatuses: statuses,
    });
    this.#core.store.put(this.#pods, { ...pod, metadata, status });
  }
}
