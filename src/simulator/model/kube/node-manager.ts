import type { Timer } from '../../../support/clock.ts';
import type { Random } from '../../../support/random.ts';
import type { InstanceListener, SimInstance } from '../seams.ts';
import type { ClusterCore } from './cluster-core.ts';
import type { ContainerProcess } from './container-process.ts';
import { nodeResources } from './instance-types.ts';
import {
  type Condition,
  isNodeReady,
  isTerminating,
  type Lease,
  mirrorAnnotation,
  type Node,
  notReadyTaint,
  type Pod,
} from './kinds.ts';
import { Kubelet } from './kubelet.ts';
import { microStamp, type SimObject, stamp } from './object.ts';
import type { ObjectWriter } from './object-writer.ts';
import { sampleMs } from './options.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import type { KubeletState } from './running-pod.ts';
import { livingNodesOf } from './truth.ts';
import { kubeletFlags } from './user-data.ts';

const heartbeatMs = 10_000;

interface Machine {
  instance: SimInstance;
  nodeName: string;
  timers: Timer[];
  kubelet: Kubelet | undefined;
  /** When its kubelet stopped. */
  stoppedAt: number | undefined;
  registeredAt: number | undefined;
}

/** A node's machine, with nothing under way. */
export interface MachineState {
  instance: SimInstance;
  nodeName: string;
  registeredAt: number;
  kubelet: KubeletState;
}

const staticPods = [
  { name: 'kube-apiserver', port: 443, readyAfterMs: 9_000 },
  { name: 'kube-controller-manager', port: 10_257, readyAfterMs: 5_000 },
  { name: 'kube-scheduler', port: 10_259, readyAfterMs: 5_000 },
];

/** Turns instances into nodes: boot, registration, readiness, static pods, heartbeats, and the end of them. */
export class NodeManager implements InstanceListener {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #nodes: ResourceDefinition;
  readonly #pods: ResourceDefinition;
  readonly #leases: ResourceDefinition;
  readonly #random: Random;
  readonly #machines = new Map<string, Machine>();
  readonly #byNode = new Map<string, Machine>();
  #nextPodIp = 1;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#nodes = core.resources.find('', 'v1', 'nodes') as ResourceDefinition;
    this.#pods = core.resources.find('', 'v1', 'pods') as ResourceDefinition;
    this.#leases = core.resources.find('coordination.k8s.io', 'v1', 'leases') as ResourceDefinition;
    this.#random = core.random.fork('machines');
    core.readView = (key, object) => this.#view(key, object);
    core.store.onChange('pods', (change) => {
      const pod = change.object as Pod;
      const kubelet = pod.spec.nodeName === undefined ? undefined : this.#byNode.get(pod.spec.nodeName)?.kubelet;
      if (change.type === 'DELETED') {
        kubelet?.podRemoved(pod);
        this.#keepMirror(pod);
      } else kubelet?.podChanged(pod);
    });
    core.store.onChange('volumeattachments.storage.k8s.io', ({ object, type }) => {
      const node = (object['spec'] as { nodeName?: string } | undefined)?.nodeName ?? '';
      if (type !== 'DELETED') this.#byNode.get(node)?.kubelet?.volumesChanged();
    });
    core.store.onChange('persistentvolumeclaims', ({ type }) => {
      if (type === 'MODIFIED') for (const machine of this.#byNode.values()) machine.kubelet?.volumesChanged();
    });
    core.runtime.faults.onChange(() => {
      for (const machine of this.#byNode.values()) machine.kubelet?.recheck();
    });
  }

  /** The number of the next pod's address. */
  get nextPodIp(): number {
    return this.#nextPodIp;
  }

  /** Machines of nodes in the order of their registration; undefined while one of them is at work. */
  resumable(): MachineState[] | undefined {
    const states: MachineState[] = [];
    for (const { instance, nodeName, registeredAt, stoppedAt, kubelet } of this.#byNode.values()) {
      const state = kubelet?.resumable();
      if (!state || registeredAt === undefined || stoppedAt !== undefined) return undefined;
      states.push({ instance, nodeName, registeredAt, kubelet: state });
    }
    return states;
  }

  /** Goes on with these machines; their nodes and pods are stored already. */
  resume(machines: Iterable<MachineState>, nextPodIp: number): void {
    this.#nextPodIp = nextPodIp;
    for (const { instance, nodeName, registeredAt, kubelet } of machines) {
      const machine: Machine = {
        instance,
        nodeName,
        timers: [],
        kubelet: this.#newKubelet(instance, nodeName, kubelet.images),
        stoppedAt: undefined,
        registeredAt,
      };
      this.#machines.set(instance.id, machine);
      this.#byNode.set(nodeName, machine);
      livingNodesOf(this.#core).add(nodeName);
      machine.kubelet?.resume(kubelet.running);
    }
  }

  #newKubelet(instance: SimInstance, nodeName: string, images: readonly string[] = []): Kubelet {
    const nextIp = (): string => this.#podIp();
    return new Kubelet(this.#core, this.#writer, { nodeName, hostIp: instance.privateIp, nextIp, images });
  }

  instanceRunning(instance: SimInstance): void {
    const nodeName = nodeNameOf(instance);
    const machine: Machine = {
      instance,
      nodeName,
      timers: [],
      kubelet: undefined,
      stoppedAt: undefined,
      registeredAt: undefined,
    };
    this.#machines.set(instance.id, machine);
    if (instance.neverReady && this.#core.faults.badBoot === 'never-registers') return;
    this.#later(machine, sampleMs(this.#random, this.#core.options.bootMs), () => this.#register(machine));
  }

  instanceStopping(instanceId: string): void {
    const machine = this.#machines.get(instanceId);
    if (!machine || machine.stoppedAt !== undefined) return;
    machine.stoppedAt = this.#core.clock.now();
    for (const timer of machine.timers) timer.cancel();
    machine.timers = [];
    machine.kubelet?.die();
    livingNodesOf(this.#core).delete(machine.nodeName);
    this.onSilent(machine.nodeName, machine.stoppedAt - (machine.stoppedAt % heartbeatMs));
  }

  instanceGone(instanceId: string): void {
    this.instanceStopping(instanceId);
    const machine = this.#machines.get(instanceId);
    if (!machine) return;
    this.#machines.delete(instanceId);
    // The cloud's node controller looks for vanished instances every few seconds.
    this.#core.clock.at(this.#core.clock.now() + 1_000 + this.#random.int(4_000), () => {
      if (this.#byNode.get(machine.nodeName) !== machine) return;
      this.#byNode.delete(machine.nodeName);
      const node = this.#node(machine.nodeName);
      if (node)
        this.#core.as({ kind: 'world', name: 'cloud-node-controller' }, () => this.#writer.remove(this.#nodes, node));
    });
  }

  /** Told when a kubelet falls silent, with the time of its last heartbeat. Set by the node lifecycle controller. */
  onSilent: (nodeName: string, lastHeartbeat: number) => void = () => undefined;

  /** The node of an instance, once it has registered. */
  nodeOf(instanceId: string): Node | undefined {
    const machine = this.#machines.get(instanceId);
    return machine?.registeredAt === undefined ? undefined : this.#node(machine.nodeName);
  }

  /** The containers of the pod on its node, ended ones too. */
  processesOf(pod: Pod): readonly ContainerProcess[] {
    return this.#byNode.get(pod.spec.nodeName ?? '')?.kubelet?.processesOf(pod.metadata.uid) ?? [];
  }

  instanceOf(nodeName: string): SimInstance | undefined {
    return this.#byNode.get(nodeName)?.instance;
  }

  isAlive(nodeName: string): boolean {
    return livingNodesOf(this.#core).has(nodeName);
  }

  /** There is an instance behind this node. */
  hasInstance(nodeName: string): boolean {
    return this.#byNode.has(nodeName);
  }

  #node(name: string): Node | undefined {
    return this.#core.store.typed<Node>('nodes').get(undefined, name);
  }

  #later(machine: Machine, delayMs: number, run: () => void): void {
    const timer = this.#core.clock.at(this.#core.clock.now() + delayMs, () => {
      machine.timers = machine.timers.filter((each) => each !== timer);
      if (machine.stoppedAt === undefined) this.#core.as({ kind: 'world', name: 'kubelet' }, run);
    });
    machine.timers.push(timer);
  }

  #register(machine: Machine): void {
    const { instance, nodeName } = machine;
    const now = stamp(this.#core.clock.now());
    const flags = kubeletFlags(instance.userData);
    const old = this.#node(nodeName);
    if (old) this.#writer.remove(this.#nodes, old);
    machine.registeredAt = this.#core.clock.now();
    this.#byNode.set(nodeName, machine);
    const { store } = this.#core;
    machine.kubelet = this.#newKubelet(instance, nodeName);
    livingNodesOf(this.#core).add(nodeName);
    const node: Node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: this.#writer.newMetadata(nodeName, undefined, {
        labels: {
          'beta.kubernetes.io/arch': 'amd64',
          'beta.kubernetes.io/os': 'linux',
          'kubernetes.io/arch': 'amd64',
          'kubernetes.io/os': 'linux',
          'kubernetes.io/hostname': nodeName,
          'node.kubernetes.io/instance-type': instance.instanceType,
          'topology.kubernetes.io/region': instance.region,
          'topology.kubernetes.io/zone': instance.zone,
          ...flags.labels,
        },
        annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
      }),
      spec: {
        providerID: `aws:///${instance.zone}/${instance.id}`,
        taints: [...flags.taints, { key: notReadyTaint, effect: 'NoSchedule', timeAdded: now }],
      },
      status: {
        ...nodeResources(instance.instanceType),
        conditions: conditionsOf(false, now),
        addresses: [
          { type: 'InternalIP', address: instance.privateIp },
          { type: 'Hostname', address: nodeName },
          { type: 'InternalDNS', address: nodeName },
        ],
        daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
        nodeInfo: this.#nodeInfo(instance, flags.version),
      },
    };
    this.#writer.create(this.#nodes, node);
    this.#createLease(machine, node);
    for (const pod of store.podsOn(nodeName).values()) machine.kubelet.podChanged(pod);
    if (instance.neverReady) return;
    this.#later(machine, sampleMs(this.#random, this.#core.options.cniMs), () => this.#becomeReady(machine));
    if (
      flags.labels['node.kubernetes.io/role'] === 'master' ||
      flags.labels['node-role.kubernetes.io/control-plane'] !== undefined
    ) {
      for (const each of staticPods)
        this.#later(machine, 500 + this.#random.int(2_000), () => this.#mirror(machine, each));
    }
  }

  #becomeReady(machine: Machine): void {
    const node = this.#node(machine.nodeName);
    if (!node || isNodeReady(node)) return;
    this.#writer.setStatus(this.#nodes, node, {
      ...node.status,
      conditions: conditionsOf(true, stamp(this.#core.clock.now())),
    });
  }

  #nodeInfo(instance: SimInstance, installed: string | undefined): Record<string, string> {
    const image = this.#core.options.images[instance.imageId];
    return {
      architecture: 'amd64',
      bootID: this.#core.newUid(),
      containerRuntimeVersion: 'containerd://1.7.22',
      kernelVersion: image?.kernelVersion ?? '6.1.112-122.189.amzn2023.x86_64',
      kubeProxyVersion: '',
      kubeletVersion: image?.kubeletVersion ?? installed ?? this.#core.options.kubernetesVersion,
      machineID: this.#core.newUid().replaceAll('-', ''),
      operatingSystem: 'linux',
      osImage: image?.osImage ?? `Simulated Linux (${instance.imageId})`,
      systemUUID: this.#core.newUid(),
    };
  }

  #createLease(machine: Machine, node: Node): void {
    const leases = this.#core.store.table(this.#leases.key);
    const old = leases.get('kube-node-lease', machine.nodeName);
    if (old) this.#writer.remove(this.#leases, old);
    const owner = { apiVersion: 'v1', kind: 'Node', name: machine.nodeName, uid: node.metadata.uid };
    this.#writer.create<Lease>(this.#leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: this.#writer.newMetadata(machine.nodeName, 'kube-node-lease', { ownerReferences: [owner] }),
      spec: {
        holderIdentity: machine.nodeName,
        leaseDurationSeconds: 40,
        renewTime: microStamp(this.#core.clock.now()),
      },
    });
  }

  /** Heartbeats are not written: a reader sees when the last one was due. */
  #view(key: string, object: SimObject): SimObject {
    if (key !== this.#leases.key || object.metadata.namespace !== 'kube-node-lease') return object;
    const machine = this.#byNode.get(object.metadata.name);
    if (!machine || machine.registeredAt === undefined) return object;
    const until = machine.stoppedAt ?? this.#core.clock.now();
    const beats = Math.max(0, Math.floor((until - machine.registeredAt) / heartbeatMs));
    const lease = object as Lease;
    return { ...lease, spec: { ...lease.spec, renewTime: microStamp(machine.registeredAt + beats * heartbeatMs) } };
  }

  #podIp(): string {
    const n = this.#nextPodIp++;
    return `100.64.${(n >> 8) & 255}.${n & 255}`;
  }

  /** The API's picture of a pod that the kubelet runs from a file. */
  #mirror(machine: Machine, { name, port }: (typeof staticPods)[number]): void {
    const node = this.#node(machine.nodeName);
    const podName = `${name}-${machine.nodeName}`;
    if (!node || this.#core.store.pods.get('kube-system', podName)) return;
    const owner = { apiVersion: 'v1', kind: 'Node', name: machine.nodeName, uid: node.metadata.uid, controller: true };
    const version = node.status.nodeInfo?.['kubeletVersion'] ?? this.#core.options.kubernetesVersion;
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: this.#writer.newMetadata(podName, 'kube-system', {
        labels: { component: name, tier: 'control-plane', application: 'kubernetes' },
        annotations: { [mirrorAnnotation]: `${name}-config`, 'kubernetes.io/config.source': 'file' },
        ownerReferences: [owner],
      }),
      spec: {
        nodeName: machine.nodeName,
        hostNetwork: true,
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        dnsPolicy: 'ClusterFirst',
        schedulerName: 'default-scheduler',
        priority: 2_000_001_000,
        priorityClassName: 'system-node-critical',
        tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
        containers: [
          {
            name,
            image: `${name}:${version}`,
            ports: [{ containerPort: port, hostPort: port, protocol: 'TCP' }],
            readinessProbe: { initialDelaySeconds: 3, periodSeconds: 5 },
            resources: { requests: { cpu: '100m', memory: '100Mi' } },
          },
        ],
      },
      status: { phase: 'Pending', qosClass: 'Burstable', conditions: [{ type: 'PodScheduled', status: 'True' }] },
    };
    this.#writer.create(this.#pods, pod);
  }

  /** A mirror pod that somebody deleted comes back while its kubelet runs the file. */
  #keepMirror(pod: Pod): void {
    if (pod.metadata.annotations?.[mirrorAnnotation] === undefined) return;
    const machine = this.#byNode.get(pod.spec.nodeName ?? '');
    const kind = staticPods.find((each) => pod.metadata.name === `${each.name}-${pod.spec.nodeName}`);
    if (!machine || !kind || machine.stoppedAt !== undefined) return;
    this.#later(machine, 1_000, () => this.#mirror(machine, kind));
  }

  /** Some master's API server is ready. */
  apiServerReady(): boolean {
    for (const pod of this.#core.store.pods.inNamespace('kube-system').values()) {
      if (pod.metadata.labels?.['component'] !== 'kube-apiserver' || isTerminating(pod)) continue;
      if (
        pod.status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') &&
        this.isAlive(pod.spec.nodeName ?? '')
      )
        return true;
    }
    return false;
  }
}

/** The name that the cloud gives to an instance's node. */
export function nodeNameOf({ privateIp, region }: SimInstance): string {
  return `ip-${privateIp.replaceAll('.', '-')}.${region}.compute.internal`;
}

/** A kubelet's own report of its node. */
export function conditionsOf(ready: boolean, now: string): Condition[] {
  const fine = (type: string, reason: string, message: string): Condition => ({
    type,
    status: 'False',
    reason,
    message,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  return [
    fine('MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    fine('DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    fine('PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    {
      type: 'Ready',
      status: ready ? 'True' : 'False',
      reason: ready ? 'KubeletReady' : 'KubeletNotReady',
      message: ready
        ? 'kubelet is posting ready status'
        : 'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    },
  ];
}
