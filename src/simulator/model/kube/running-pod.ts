import type { Timer } from '../../../support/clock.ts';
import { ContainerProcess, type ProcessOwner, type ProcessState } from './container-process.ts';
import { type Container, type ContainerStatus, isSidecar, type Pod } from './kinds.ts';
import { fieldsOf } from './object.ts';

/** A pod as its kubelet sees it. */
export interface RunningPod {
  uid: string;
  timers: Set<Timer>;
  stopping: Timer | undefined;
  /** By container; empty until they have started. */
  processes: ContainerProcess[];
  /** By init container, as far as they have started. */
  inits: ContainerProcess[];
  startedAt: number;
  waitsForVolume: boolean;
}

/** One pod as its kubelet runs it, with nothing under way. */
export interface RunningState {
  uid: string;
  startedAt: number;
  waitsForVolume: boolean;
  processes: readonly ProcessState[];
}

/** What a kubelet has come to. */
export interface KubeletState {
  images: readonly string[];
  running: readonly RunningState[];
}

export function newEntry(uid: string): RunningPod {
  return { uid, timers: new Set(), stopping: undefined, processes: [], inits: [], startedAt: 0, waitsForVolume: false };
}

/** Undefined when a program in one of them holds what only it can know. */
export function statesOf(pods: Iterable<RunningPod>): RunningState[] | undefined {
  const running: RunningState[] = [];
  for (const { uid, startedAt, waitsForVolume, processes, inits } of pods) {
    if (inits.some((process) => !process.ended)) return undefined;
    const states: ProcessState[] = [];
    for (const process of processes) {
      const state = process.resumable();
      if (!state) return undefined;
      states.push(state);
    }
    running.push({ uid, startedAt, waitsForVolume, processes: states });
  }
  return running;
}

/** A pod that goes on from there. It is stored already. */
export function resumed(owner: ProcessOwner, { uid, startedAt, waitsForVolume, processes }: RunningState): RunningPod {
  const containers = (owner.core.store.byUid(uid) as Pod | undefined)?.spec.containers ?? [];
  const made = processes.map((state, index) => {
    return new ContainerProcess(owner, { podUid: uid, index, container: containers[index] as Container }, state);
  });
  return { ...newEntry(uid), startedAt, waitsForVolume, processes: made };
}

/** Sidecars and init containers first. */
export function all(entry: RunningPod): ContainerProcess[] {
  return entry.inits.length === 0 ? entry.processes : [...entry.inits, ...entry.processes];
}

export function statusField(process: ContainerProcess): 'initContainerStatuses' | 'containerStatuses' {
  return process.init ? 'initContainerStatuses' : 'containerStatuses';
}

export function statusOf(pod: Pod, process: ContainerProcess): ContainerStatus | undefined {
  return pod.status[statusField(process)]?.[process.index];
}

/** Whether a container that ended with this code is started again. */
export function restarts(pod: Pod, process: ContainerProcess, code: number): boolean {
  const policy = pod.spec.restartPolicy;
  if (process.init) return isSidecar(process.container) || (code !== 0 && policy !== 'Never');
  return policy === 'Always' || (policy === 'OnFailure' && code !== 0);
}

/** Sidecars are stopped when the others are done. */
export function withSidecarsEnded(
  statuses: readonly ContainerStatus[] | undefined,
  finishedAt: string,
): ContainerStatus[] | undefined {
  return statuses?.map((status) => {
    if (status.state['running'] === undefined) return status;
    const { startedAt } = fieldsOf(status.state['running']);
    const { containerID } = status;
    const terminated = { exitCode: 0, reason: 'Completed', startedAt, finishedAt, containerID };
    return { ...status, ready: false, started: false, state: { terminated } };
  });
}

/** Nobody looks at the container's probes by itself any more; the timer is kept nowhere. */
export function stopWatching(entry: RunningPod | undefined, process: ContainerProcess): void {
  if (!process.watch) return;
  process.watch.cancel();
  entry?.timers.delete(process.watch);
  process.watch = undefined;
}

export function cancelTimers({ timers }: RunningPod): void {
  for (const timer of timers) timer.cancel();
  timers.clear();
}
