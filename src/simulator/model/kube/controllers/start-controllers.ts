import type { ClusterCore } from '../cluster-core.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { AttachDetachController } from './attach-detach-controller.ts';
import { CronJobController } from './cron-job-controller.ts';
import { DaemonSetController } from './daemon-set-controller.ts';
import { DeploymentController } from './deployment-controller.ts';
import { DisruptionController } from './disruption-controller.ts';
import { EndpointSliceController } from './endpoint-slice-controller.ts';
import { EndpointsController } from './endpoints-controller.ts';
import { GarbageCollector } from './garbage-collector.ts';
import { JobController } from './job-controller.ts';
import { NamespaceController } from './namespace-controller.ts';
import { keepQuotas } from './quota-controller.ts';
import { ReplicaSetController } from './replica-set-controller.ts';
import { Scheduler } from './scheduler.ts';
import { StatefulSetController } from './stateful-set-controller.ts';
import { VolumeController } from './volume-controller.ts';
import type { WorkloadPods } from './workload-pods.ts';

/** What kube-controller-manager and kube-scheduler do; the nodes' own controller comes with the nodes. */
export function startControllers(core: ClusterCore, writer: ObjectWriter, pods: WorkloadPods): void {
  new NamespaceController(core, writer);
  new GarbageCollector(core, writer);
  new DeploymentController(core, writer, pods);
  for (const [group, plural] of [
    ['apps', 'replicasets'],
    ['', 'replicationcontrollers'],
  ] as const)
    new ReplicaSetController(core, writer, pods, core.resources.find(group, 'v1', plural) as ResourceDefinition);
  new StatefulSetController(core, writer, pods);
  new DaemonSetController(core, writer, pods);
  new JobController(core, writer, pods);
  new CronJobController(core, writer);
  keepQuotas(core, writer);
  new EndpointSliceController(core, writer);
  new EndpointsController(core, writer);
  new DisruptionController(core, writer);
  new Scheduler(core, writer, new VolumeController(core, writer));
  new AttachDetachController(core, writer);
}
