import type { Timer } from '../../../support/clock.ts';
import type { Random } from '../../../support/random.ts';
import type { ClusterCore } from './cluster-core.ts';
import { ContainerProbes, type ProbedBy, staysUp } from './container-probes.ts';
import { ContainerProcess, type ProcessOwner } from './container-process.ts';
import {
  type ContainerStatus,
  isPodFinished,
  isSidecar,
  isTerminating,
  mirrorAnnotation,
  type Pod,
  type PodStatus,
  withCondition,
} from './kinds.ts';
import { NodeImages } from './node-images.ts';
import { type Fields, fieldsOf, stamp } from './object.ts';
import type { ObjectWriter } from './object-writer.ts';
import { sampleMs } from './options.ts';
import { acceptedStatus, withReadiness } from './pod-status.ts';
import { missingVolume } from './pod-volumes.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import {
  all,
  cancelTimers,
  type KubeletState,
  newEntry,
  type RunningPod,
  type RunningState,
  restarts,
  resumed,
  statesOf,
  statusField,
  statusOf,
  stopWatching,
  withSidecarsEnded,
} from './running-pod.ts';

const longestBackoffMs = 300_000;

/** Runs the pods of one node: volumes, pulls, starts, probes, exits, restarts, and stops within the grace period. */
export class Kubelet implements ProcessOwner, ProbedBy {
  readonly nodeName: string;
  readonly core: ClusterCore;
  readonly random: Random;
  readonly #hostIp: string;
  readonly #writer: ObjectWriter;
  readonly #pods: ResourceDefinition;
  readonly #running = new Map<string, RunningPod>();
  readonly #images: NodeImages;
  readonly #nextIp: () => string;
  readonly #probes: ContainerProbes;
  #alive = true;

  constructor(
    core: ClusterCore,
    writer: ObjectWriter,
    input: { nodeName: string; hostIp: string; nextIp: () => string; images?: readonly string[] },
  ) {
    this.core = core;
    this.#writer = writer;
    this.#pods = core.resources.find('', 'v1', 'pods') as ResourceDefinition;
    this.nodeName = input.nodeName;
    this.#hostIp = input.hostIp;
    this.#nextIp = input.nextIp;
    this.#probes = new ContainerProbes(this);
    this.random = core.random.fork(`kubelet/${input.nodeName}`);
    this.#images = new NodeImages(core.runtime.images, input.images);
  }

  /** The machine is gone: nothing that runs here changes any more. */
  die(): void {
    this.#alive = false;
    this.#images.stop();
    for (const pod of this.#running.values()) this.#forget(pod);
    this.#running.clear();
  }

  /** What a kubelet like it goes on from; undefined while it pulls, or runs what only it can know. No timer may be pending. */
  resumable(): KubeletState | undefined {
    const running = this.#images.isPulling ? undefined : statesOf(this.#running.values());
    return running && { images: [...this.#images.kept], running };
  }

  /** Goes on with these pods, which are stored already. */
  resume(running: Iterable<RunningState>): void {
    for (const state of running) this.#running.set(state.uid, resumed(this, state));
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
    const entry = newEntry(pod.metadata.uid);
    this.#running.set(entry.uid, entry);
    this.#after(entry, 5 + this.random.int(60), () => this.#accept(entry));
  }

  podRemoved(pod: Pod): void {
    const known = this.#running.get(pod.metadata.uid);
    if (known) this.#forget(known);
    this.#running.delete(pod.metadata.uid);
  }

  /** The pod's containers that were started, ended ones too. */
  processesOf(uid: string): readonly ContainerProcess[] {
    const entry = this.#running.get(uid);
    return entry ? all(entry) : [];
  }

  /** Something that probes depend on has changed. */
  recheck(): void {
    for (const entry of this.#running.values())
      for (const process of all(entry)) if (!process.ended) this.observe(process);
  }

  /** A volume was attached here or a claim was bound. */
  volumesChanged(): void {
    for (const entry of this.#running.values()) {
      if (!entry.waitsForVolume) continue;
      entry.waitsForVolume = false;
      this.#after(entry, 100 + this.random.int(400), () => this.#prepare(entry));
    }
  }

  #forget(entry: RunningPod): void {
    cancelTimers(entry);
    entry.stopping?.cancel();
    for (const process of all(entry)) process.ended = true;
  }

  #after(entry: RunningPod, delayMs: number, run: () => void): Timer {
    const guarded = (): void => {
      entry.timers.delete(timer);
      if (this.#alive && this.#running.get(entry.uid) === entry) this.#guarded(run);
    };
    const timer = this.core.clock.at(this.core.clock.now() + delayMs, guarded);
    entry.timers.add(timer);
    return timer;
  }

  #guarded(run: () => void): void {
    this.core.as({ kind: 'world', name: 'kubelet' }, () => {
      try {
        run();
      } catch (error) {
        this.core.internalError(`kubelet ${this.nodeName}`, error);
      }
    });
  }

  #pod(entry: RunningPod): Pod | undefined {
    const pod = this.core.store.byUid(entry.uid) as Pod | undefined;
    return pod && !isTerminating(pod) ? pod : undefined;
  }

  #accept(entry: RunningPod): void {
    const pod = this.#pod(entry);
    if (!pod) return;
    const ip = pod.spec.hostNetwork ? this.#hostIp : this.#nextIp();
    this.#write(pod, acceptedStatus(pod, this.core.clock.now(), this.#hostIp, ip));
    this.#prepare(entry);
  }

  /** Volumes first, then images. */
  #prepare(entry: RunningPod): void {
    const pod = this.#pod(entry);
    if (!pod || all(entry).length > 0) return;
    if (missingVolume(this.core, pod, this.nodeName) === undefined) this.#pull(entry, 0);
    else entry.waitsForVolume = true;
  }

  #pull(entry: RunningPod, attempt: number): void {
    const pod = this.#pod(entry);
    if (!pod) return;
    const images = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map((each) => each.image ?? '');
    const isMirror = pod.metadata.annotations?.[mirrorAnnotation] !== undefined;
    const missing = images.find((image) =>
      this.core.options.behaviours.some((rule) => rule.missing && image.includes(rule.image)),
    );
    if (missing !== undefined) this.#pullFailed(entry, attempt, missing, 'not found');
    else if (!isMirror && this.core.faults.imagePull === 'broken')
      this.#pullFailed(entry, attempt, images[0] ?? '', 'connection refused');
    else this.#fetch(entry, attempt, images);
  }

  #fetch(entry: RunningPod, attempt: number, images: readonly string[]): void {
    let left = images.length;
    let failed: { image: string; problem: string } | undefined;
    for (const image of images) {
      this.#images.need(image, (problem) => {
        left -= 1;
        if (problem !== undefined) failed ??= { image, problem };
        if (left > 0 || !this.#alive || this.#running.get(entry.uid) !== entry) return;
        const { image: bad, problem: why } = failed ?? {};
        if (bad !== undefined && why !== undefined) this.#guarded(() => this.#pullFailed(entry, attempt, bad, why));
        else this.#after(entry, 150 + this.random.int(350), () => this.#initialise(entry, 0));
      });
    }
  }

  #pullFailed(entry: RunningPod, attempt: number, image: string, problem: string): void {
    const pod = this.#pod(entry);
    if (!pod) return;
    const reason = attempt === 0 ? 'ErrImagePull' : 'ImagePullBackOff';
    const message =
      attempt === 0
        ? `failed to pull and unpack image "${image}": ${problem}`
        : `Back-off pulling image "${image}": ErrImagePull: ${problem}`;
    const failed = (status: ContainerStatus): ContainerStatus =>
      status.image === image ? { ...status, state: { waiting: { reason, message } } } : status;
    const { initContainerStatuses, containerStatuses } = pod.status;
    this.#write(pod, {
      ...pod.status,
      ...(initContainerStatuses ? { initContainerStatuses: initContainerStatuses.map(failed) } : {}),
      containerStatuses: (containerStatuses ?? []).map(failed),
    });
    this.#after(entry, Math.min(longestBackoffMs, 10_000 * 2 ** attempt), () =>
      this.#pull(entry, Math.min(attempt + 1, 5)),
    );
  }

  /** Starts the init container of this index, or the containers when there are no more. A sidecar holds nobody up once it is up. */
  #initialise(entry: RunningPod, index: number): void {
    const pod = this.#pod(entry);
    if (!pod) return;
    const container = pod.spec.initContainers?.[index];
    const status = pod.status.initContainerStatuses?.[index];
    if (!container || !status) {
      this.#start(entry);
      return;
    }
    const process = new ContainerProcess(this, { podUid: entry.uid, index, container, init: true });
    entry.inits[index] = process;
    this.#setContainer(pod, process, this.#startedStatus(status, process));
    this.#begin(process);
    if (!isSidecar(container)) return;
    const upAt = process.upAt ?? this.core.clock.now() + longestBackoffMs;
    this.#after(entry, Math.max(100, upAt - this.core.clock.now()), () => this.#initialise(entry, index + 1));
  }

  #start(entry: RunningPod): void {
    const pod = this.#pod(entry);
    if (!pod) return;
    entry.startedAt = this.core.clock.now();
    entry.processes = pod.spec.containers.map(
      (container, index) => new ContainerProcess(this, { podUid: entry.uid, index, container }),
    );
    const statuses = (pod.status.containerStatuses ?? []).map((status, index) =>
      this.#startedStatus(status, entry.processes[index]),
    );
    const initialised = withCondition(
      pod.status.conditions,
      { type: 'Initialized', status: 'True' },
      stamp(this.core.clock.now()),
    );
    const status = { ...pod.status, phase: 'Running' as const, conditions: initialised, containerStatuses: statuses };
    this.#write(pod, this.#withReadiness(pod, status));
    for (const process of entry.processes) this.#begin(process);
  }

  #begin(process: ContainerProcess): void {
    process.program.start?.(process);
    if (!process.ended) this.observe(process);
  }

  #startedStatus(status: ContainerStatus, process: ContainerProcess | undefined): ContainerStatus {
    const hash = Math.abs(status.image.length * 2_654_435_761).toString(16);
    const ready =
      process?.container.readinessProbe === undefined &&
      process?.upAt !== undefined &&
      staysUp(process) &&
      !this.core.faults.unreadyNodes.has(this.nodeName);
    if (process) process.ready = ready;
    return {
      ...status,
      state: { running: { startedAt: stamp(this.core.clock.now()) } },
      started: true,
      ready,
      imageID: `${status.image}@sha256:${hash.padEnd(64, '0')}`,
      containerID: `containerd://${this.core.newUid().replaceAll('-', '').repeat(2)}`,
    };
  }

  later(process: ContainerProcess, delayMs: number, run: () => void): void {
    const entry = this.#running.get(process.podUid);
    if (!entry) return;
    this.#after(entry, delayMs, () => {
      if (!process.ended) run();
    });
  }

  /** Looks at the container's probes now, and arranges to look again when something may have changed. */
  observe(process: ContainerProcess): void {
    if (process.ended) return;
    const next = this.#probes.observe(process);
    const entry = this.#running.get(process.podUid);
    stopWatching(entry, process);
    process.watch =
      next === undefined || process.ended || !entry
        ? undefined
        : this.#after(entry, next - this.core.clock.now(), () => this.observe(process));
  }

  setReady(process: ContainerProcess, ready: boolean): void {
    const entry = this.#running.get(process.podUid);
    const pod = entry && this.#pod(entry);
    const status = pod && statusOf(pod, process);
    process.ready = ready;
    if (!pod || !status || status.state['running'] === undefined || status.ready === ready) return;
    this.#setContainer(pod, process, { ...status, ready });
  }

  exited(process: ContainerProcess, code: number, message: string | undefined): void {
    const entry = this.#running.get(process.podUid);
    process.ended = true;
    stopWatching(entry, process);
    const pod = entry && this.#pod(entry);
    const status = pod && statusOf(pod, process);
    if (!entry || !pod || !status || status.state['running'] === undefined) return;
    const terminated = {
      exitCode: code,
      reason: code === 0 ? 'Completed' : 'Error',
      ...(message === undefined ? {} : { message }),
      startedAt: fieldsOf(status.state['running'])['startedAt'],
      finishedAt: stamp(this.core.clock.now()),
      containerID: status.containerID,
    };
    if (!restarts(pod, process, code)) {
      const done = process.init && code === 0;
      this.#setContainer(pod, process, { ...status, ready: done, started: false, state: { terminated } });
      if (done) this.#after(entry, 50 + this.random.int(150), () => this.#initialise(entry, process.index + 1));
      else if (process.init) this.#fail(entry);
      else this.#finishPod(entry);
      return;
    }
    const state: Fields = {
      waiting: { reason: 'CrashLoopBackOff', message: `back-off restarting failed container=${status.name}` },
    };
    this.#setContainer(pod, process, {
      ...status,
      ready: false,
      started: false,
      state,
      lastState: { terminated },
    });
    const backoff = Math.min(longestBackoffMs, 10_000 * 2 ** Math.min(status.restartCount, 5));
    this.#after(entry, status.restartCount === 0 ? 500 : backoff, () => this.#restart(entry, process));
  }

  #restart(entry: RunningPod, before: ContainerProcess): void {
    const pod = this.#pod(entry);
    const status = pod && statusOf(pod, before);
    if (!pod || !status) return;
    const { index, container, init } = before;
    const process = new ContainerProcess(this, { podUid: entry.uid, index, container, init });
    process.previousLines = before.lines;
    (init ? entry.inits : entry.processes)[index] = process;
    this.#setContainer(
      pod,
      process,
      this.#startedStatus({ ...status, restartCount: status.restartCount + 1 }, process),
    );
    this.#begin(process);
  }

  /** All containers ended and none restarts: the pod is done. */
  #finishPod(entry: RunningPod): void {
    const pod = this.#pod(entry);
    const ends = pod?.status.containerStatuses?.map((status) => fieldsOf(status.state['terminated'])['exitCode']) ?? [];
    if (!pod || ends.some((code) => typeof code !== 'number')) return;
    const phase = ends.every((code) => code === 0) ? 'Succeeded' : 'Failed';
    const ended = withSidecarsEnded(pod.status.initContainerStatuses, stamp(this.core.clock.now()));
    const status = { ...pod.status, phase, ...(ended ? { initContainerStatuses: ended } : {}) } as PodStatus;
    this.#write(pod, this.#withReadiness(pod, status));
    this.#forget(entry);
  }

  /** An init container has failed for good, and with it the pod. */
  #fail(entry: RunningPod): void {
    const pod = this.#pod(entry);
    if (pod) this.#write(pod, this.#withReadiness(pod, { ...pod.status, phase: 'Failed' }));
    this.#forget(entry);
  }

  #setContainer(pod: Pod, process: ContainerProcess, status: ContainerStatus): void {
    const field = statusField(process);
    const statuses = [...(pod.status[field] ?? [])];
    statuses[process.index] = status;
    this.#write(pod, this.#withReadiness(pod, { ...pod.status, [field]: statuses }));
  }

  #withReadiness(pod: Pod, status: PodStatus): PodStatus {
    return withReadiness(pod, status, this.core.clock.now());
  }

  #write(pod: Pod, status: PodStatus): void {
    this.#writer.setStatus(this.#pods, pod, status);
  }

  #stop(pod: Pod, known: RunningPod | undefined): void {
    // Its containers are gone already: the object waits for its finalizers alone.
    if (!known && pod.metadata.deletionGracePeriodSeconds === 0) return;
    const entry = known ?? newEntry(pod.metadata.uid);
    if (!known) this.#running.set(entry.uid, entry);
    const deadline = Date.parse(pod.metadata.deletionTimestamp as string);
    const graceMs = Math.max(0, deadline - this.core.clock.now());
    cancelTimers(entry);
    if (entry.stopping !== undefined) {
      // A second deletion may only shorten what is left.
      this.#after(entry, graceMs, () => this.#gone(entry));
      return;
    }
    const running = all(entry).filter((process) => !process.ended);
    const own = running.map(
      (process) => process.program.stopMs?.(process) ?? sampleMs(this.random, this.core.options.stopMs),
    );
    const wantsMs = Math.max(50, ...own);
    entry.stopping = this.core.clock.at(this.core.clock.now() + Math.min(graceMs, wantsMs), () => {
      if (this.#alive && this.#running.get(entry.uid) === entry) this.#guarded(() => this.#gone(entry));
    });
  }

  /** The containers have stopped: the pod object goes, or waits for its finalizers. */
  #gone(entry: RunningPod): void {
    const pod = this.core.store.byUid(entry.uid) as Pod | undefined;
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
      state: { terminated: { exitCode: 0, reason: 'Completed', finishedAt: stamp(this.core.clock.now()) } },
    }));
    const status = this.#withReadiness(pod, {
      ...pod.status,
      phase: isPodFinished(pod) ? pod.status.phase : 'Failed',
      containerStatuses: statuses,
    });
    this.core.store.put(this.#pods, { ...pod, metadata, status });
  }
}
