import type { Timer } from '../../../support/clock.ts';
import { ContainerProcess, type ProcessOwner, type ProcessState } from './container-process.ts';
import type { Container, Pod } from './kinds.ts';

/** A pod as its kubelet sees it. */
export interface RunningPod {
  uid: string;
  timers: Timer[];
  stopping: Timer | undefined;
  /** By container; empty until they have started. */
  processes: ContainerProcess[];
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
  return { uid, timers: [], stopping: undefined, processes: [], startedAt: 0, waitsForVolume: false };
}

/** Undefined when a program in one of them holds what only it can know. */
export function statesOf(pods: Iterable<RunningPod>): RunningState[] | undefined {
  const running: RunningState[] = [];
  for (const { uid, startedAt, waitsForVolume, processes } of pods) {
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
