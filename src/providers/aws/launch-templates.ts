import { FailureError, transient } from '../../domain/failure.ts';
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { AwsScope, ScopedCall } from './scoped-call.ts';

export function createLaunchTemplateCalls(call: ScopedCall, scope: AwsScope): Pick<CloudProvider, 'launchTemplate'> {
  return {
    async launchTemplate({ id, version }) {
      const input = { LaunchTemplateId: id, Versions: [version] };
      const answer = await call('DescribeLaunchTemplateVersions', input, `launch template ${id}:${version}`);
      const data = answer.LaunchTemplateVersions?.[0]?.LaunchTemplateData;
      if (data !== undefined) return { ...data };
      const message = `no version ${version} of launch template ${id} in account ${scope.account} ${scope.region}`;
      throw new FailureError(transient('aws-not-found', message));
    },
  };
}
