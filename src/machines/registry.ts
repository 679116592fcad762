/** Every machine there is. The engine gets this list; a row of any other machine is quarantined. */
import { bisectModule } from './bisect/versions.ts';
import { channelModule } from './channel/versions.ts';
import { clusterUpdateModule } from './cluster-update/versions.ts';
import { decommissionModule } from './decommission/versions.ts';
import { e2eRunModule } from './e2e-run/versions.ts';
import type { MachineModule } from './events.ts';
import { nodePoolRollModule } from './node-pool-roll/versions.ts';
import { promotionModule } from './promotion/versions.ts';
import { rolloutModule } from './rollout/versions.ts';

export const machineModules: MachineModule[] = [
  channelModule,
  rolloutModule,
  clusterUpdateModule,
  nodePoolRollModule,
  promotionModule,
  e2eRunModule,
  decommissionModule,
  bisectModule,
];
