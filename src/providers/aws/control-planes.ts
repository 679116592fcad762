import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { RecoveringCall } from './scoped-call.ts';
import { isServiceError } from './stack-request.ts';

const absent = (error: unknown): 'missing' | undefined =>
  isServiceError(error, /^ResourceNotFound/) ? 'missing' : undefined;

/** Control planes that EKS runs. */
export function createControlPlaneCalls(recovering: RecoveringCall): Pick<CloudProvider, 'describeControlPlane'> {
  return {
    async describeControlPlane(name) {
      const answer = await recovering('DescribeCluster', { name }, `EKS cluster ${name}`, absent);
      if (answer === 'missing') return undefined;
      const { status = '', version = '', endpoint, certificateAuthority, identity } = answer.cluster ?? {};
      const authority = certificateAuthority?.data;
      const oidcIssuer = identity?.oidc?.issuer;
      return {
        name,
        status,
        version,
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(authority === undefined ? {} : { certificateAuthority: authority }),
        ...(oidcIssuer === undefined ? {} : { oidcIssuer }),
      };
    },
  };
}
