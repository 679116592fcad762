/** Ports whose every change of the world may be a process's last: it happens or not, and nobody hears of it. */
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import type { CrashPoint } from './crashing-store.ts';

/** Calls that change a cloud or a cluster. */
export const mutations: ReadonlySet<string> = new Set([
  'updateGroup',
  'launchInstances',
  'raiseDesired',
  'terminateInstance',
  'setProtection',
  'suspendProcesses',
  'resumeProcesses',
  'tagGroup',
  'untagGroup',
  'deregister',
  'setLaunchTemplate',
  'patch',
  'evict',
  'create',
  'apply',
  'delete',
]);

export function crashing<T extends object>(target: T, point: CrashPoint): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        if (!mutations.has(String(name))) {
          if (point.dead && name !== 'close') throw new Error('dead');
          return Reflect.apply(value as (...all: unknown[]) => unknown, object, args);
        }
        point.pass(`before ${String(name)}`);
        const answer: unknown = await Reflect.apply(value as (...all: unknown[]) => unknown, object, args);
        point.pass(`after ${String(name)}`);
        return answer;
      };
    },
  });
}

/** `watch` answers at once and not with a promise. */
export function crashingKube(kube: KubeCluster, point: CrashPoint): KubeCluster {
  const wrapped = crashing(kube, point);
  return new Proxy(wrapped, {
    get(object, name) {
      if (name === 'watch') return kube.watch.bind(kube);
      if (name === 'close') return kube.close.bind(kube);
      return Reflect.get(object, name) as unknown;
    },
  });
}
