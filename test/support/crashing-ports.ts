/** Ports whose every change of the world may be a process's last: it happens or not, and nobody hears of it. */
import type { CloudProvider } from '../../src/ports/cloud-provider.ts';
import type { HttpClient } from '../../src/ports/http-client.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import type { CrashPoint } from './crashing-store.ts';

type Effect = 'reads' | 'changes';

/** Every method of the ports: one that is added does not compile before it is said here whether it changes anything. */
const cloudCalls: Record<keyof CloudProvider, Effect> = {
  callerIdentity: 'reads',
  describeStack: 'reads',
  listStacks: 'reads',
  stackTemplate: 'reads',
  stackEvents: 'reads',
  createStack: 'changes',
  createChangeSet: 'changes',
  describeChangeSet: 'reads',
  executeChangeSet: 'changes',
  deleteChangeSet: 'changes',
  continueRollback: 'changes',
  setTerminationProtection: 'changes',
  stackPolicy: 'reads',
  setStackPolicy: 'changes',
  deleteStack: 'changes',
  detectDrift: 'reads',
  stackDrift: 'reads',
  storeText: 'changes',
  storeArchive: 'changes',
  describeGroups: 'reads',
  instanceAddresses: 'reads',
  updateGroup: 'changes',
  launchTemplate: 'reads',
  setLaunchTemplate: 'changes',
  launchInstances: 'changes',
  raiseDesired: 'changes',
  terminateInstance: 'changes',
  endOfInstance: 'reads',
  setProtection: 'changes',
  suspendProcesses: 'changes',
  resumeProcesses: 'changes',
  tagGroup: 'changes',
  untagGroup: 'changes',
  loadBalancerHealth: 'reads',
  register: 'changes',
  deregister: 'changes',
  describeControlPlane: 'reads',
  ownedResources: 'reads',
  credentialsExpireAt: 'reads',
};

const kubeCalls: Record<keyof KubeCluster, Effect> = {
  get: 'reads',
  list: 'reads',
  watch: 'reads',
  create: 'changes',
  update: 'changes',
  patch: 'changes',
  apply: 'changes',
  delete: 'changes',
  evict: 'changes',
  raw: 'reads',
  resourceOf: 'reads',
  close: 'reads',
};

const effects = Object.entries({ ...cloudCalls, ...kubeCalls });

/** Names of the calls that change a cloud or a cluster. */
export const mutations: ReadonlySet<string> = new Set(
  effects.filter(([, effect]) => effect === 'changes').map(([name]) => name),
);

/** Names of all others. */
export const reads: ReadonlySet<string> = new Set(
  effects.filter(([, effect]) => effect === 'reads').map(([name]) => name),
);

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

/** What a member of etcd is told, or asked. */
export function crashingHttp(http: HttpClient, point: CrashPoint): HttpClient {
  return {
    send: async (request) => {
      if (!request.url.endsWith('/remove')) {
        if (point.dead) throw new Error('dead');
        return http.send(request);
      }
      point.pass('before remove-member');
      const answer = await http.send(request);
      point.pass('after remove-member');
      return answer;
    },
  };
}
