import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { ScopedCall } from './scoped-call.ts';

type GroupSettingCalls = Pick<
  CloudProvider,
  'setProtection' | 'suspendProcesses' | 'resumeProcesses' | 'tagGroup' | 'untagGroup'
>;

/** SetInstanceProtection takes this many ids a call. */
const mostProtected = 50;

function groupTag(group: string, key: string): { ResourceId: string; ResourceType: string; Key: string } {
  return { ResourceId: group, ResourceType: 'auto-scaling-group', Key: key };
}

/** What surrounds a group's instances: protection, processes and tags. */
export function createGroupSettingCalls(call: ScopedCall): GroupSettingCalls {
  return {
    async setProtection(name, instanceIds, protect) {
      for (let from = 0; from < instanceIds.length; from += mostProtected) {
        const InstanceIds = instanceIds.slice(from, from + mostProtected);
        const input = { AutoScalingGroupName: name, InstanceIds, ProtectedFromScaleIn: protect };
        await call('SetInstanceProtection', input, `group ${name}`);
      }
    },

    async suspendProcesses(name, processes) {
      // Without a list the service would suspend all of them.
      if (processes.length === 0) return;
      await call('SuspendProcesses', { AutoScalingGroupName: name, ScalingProcesses: processes }, `group ${name}`);
    },

    async resumeProcesses(name, processes) {
      if (processes.length === 0) return;
      await call('ResumeProcesses', { AutoScalingGroupName: name, ScalingProcesses: processes }, `group ${name}`);
    },

    async tagGroup(name, tags) {
      const Tags = Object.entries(tags).map(([Key, Value]) => ({
        ...groupTag(name, Key),
        Value,
        PropagateAtLaunch: false,
      }));
      if (Tags.length > 0) await call('CreateOrUpdateTags', { Tags }, `group ${name}`);
    },

    async untagGroup(name, keys) {
      if (keys.length > 0) await call('DeleteTags', { Tags: keys.map((key) => groupTag(name, key)) }, `group ${name}`);
    },
  };
}
