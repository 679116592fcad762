import { type Container, type ContainerStatus, isSidecar, type Pod, type PodStatus, withCondition } from './kinds.ts';
import { stamp } from './object.ts';

/** The status that a kubelet gives a pod when it takes it. */
export function acceptedStatus(pod: Pod, nowMs: number, hostIp: string, ip: string): PodStatus {
  const now = stamp(nowMs);
  const first = pod.spec.initContainers ?? [];
  const reason = first.length > 0 ? 'PodInitializing' : 'ContainerCreating';
  const waiting = (container: Container): ContainerStatus => ({
    name: container.name,
    state: { waiting: { reason } },
    lastState: {},
    ready: false,
    restartCount: 0,
    started: false,
    image: container.image ?? '',
    imageID: '',
  });
  const notReady = {
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${pod.spec.containers.map((each) => each.name).join(' ')}]`,
  };
  const incomplete = {
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${first.map((each) => each.name).join(' ')}]`,
  };
  let conditions = withCondition(
    pod.status.conditions,
    first.length > 0
      ? { type: 'Initialized', status: 'False', ...incomplete }
      : { type: 'Initialized', status: 'True' },
    now,
  );
  conditions = withCondition(conditions, { type: 'Ready', status: 'False', ...notReady }, now);
  conditions = withCondition(conditions, { type: 'ContainersReady', status: 'False', ...notReady }, now);
  return {
    ...pod.status,
    phase: 'Pending',
    conditions,
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    podIP: ip,
    podIPs: [{ ip }],
    startTime: now,
    ...(first.length > 0 ? { initContainerStatuses: first.map(waiting) } : {}),
    containerStatuses: pod.spec.containers.map(waiting),
  };
}

/** The status with the conditions Ready and ContainersReady as its containers and readiness gates say. */
export function withReadiness(pod: Pod, status: PodStatus, nowMs: number): PodStatus {
  const sidecars = (status.initContainerStatuses ?? []).filter((_, index) =>
    isSidecar(pod.spec.initContainers?.[index]),
  );
  const unready = [...sidecars, ...(status.containerStatuses ?? [])]
    .filter((each) => !each.ready)
    .map((each) => each.name);
  const finished = status.phase === 'Succeeded' || status.phase === 'Failed';
  const now = stamp(nowMs);
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
