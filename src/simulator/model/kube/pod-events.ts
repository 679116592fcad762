import type { ClusterCore } from './cluster-core.ts';
import type { EventText } from './event-notes.ts';
import { type ContainerStatus, isTerminating, type Pod } from './kinds.ts';

/** What the kubelets say about their pods, told by what changes in a pod's status. */
export function recordPodEvents(core: ClusterCore): void {
  core.store.onChange('pods', ({ object, old, type }) => {
    const pod = object as Pod;
    const host = pod.spec.nodeName;
    if (type !== 'MODIFIED' || host === undefined) return;
    const before = old as Pod;
    const say = (kind: EventText['type'], reason: string, message: string): void =>
      core.events.record('kubelet', pod, { type: kind, reason, message }, host);
    if (isTerminating(pod) && !isTerminating(before)) {
      for (const status of pod.status.containerStatuses ?? [])
        if (status.state['running'] !== undefined) say('Normal', 'Killing', `Stopping container ${status.name}`);
    }
    const told = (field: 'initContainerStatuses' | 'containerStatuses'): void => {
      if (pod.status[field] === before.status[field]) return;
      for (const [index, status] of (pod.status[field] ?? []).entries()) one(status, before.status[field]?.[index]);
    };
    const one = (status: ContainerStatus, was: ContainerStatus | undefined): void => {
      if (was === status || was === undefined) return;
      const running = status.state['running'] !== undefined;
      if (running && was.state['running'] === undefined) {
        say('Normal', 'Pulled', `Container image "${status.image}" already present on machine`);
        say('Normal', 'Created', `Created container ${status.name}`);
        say('Normal', 'Started', `Started container ${status.name}`);
      }
      if (running && was.ready && !status.ready && !isTerminating(pod))
        say('Warning', 'Unhealthy', 'Readiness probe failed');
      const waiting = status.state['waiting'] as { reason?: string; message?: string } | undefined;
      const waited = was.state['waiting'] as { reason?: string } | undefined;
      if (waiting?.reason === undefined || waiting.reason === waited?.reason) return;
      const { uid, namespace, name } = pod.metadata;
      if (waiting.reason === 'ErrImagePull') say('Warning', 'Failed', `Failed to pull image "${status.image}"`);
      else if (waiting.reason === 'ImagePullBackOff')
        say('Normal', 'BackOff', `Back-off pulling image "${status.image}"`);
      else if (waiting.reason === 'CrashLoopBackOff') {
        const message = `Back-off restarting failed container ${status.name} in pod ${name}_${namespace}(${uid})`;
        say('Warning', 'BackOff', message);
      }
    };
    told('initContainerStatuses');
    told('containerStatuses');
  });
}
