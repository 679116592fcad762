/** Whether the control plane that EKS runs is what the configuration wants, so that nodes may follow it. Pure. */
import { minorName, minorsBetween, parseKubernetesVersion } from './version.ts';

export type ManagedPlaneState =
  | { state: 'ready' }
  /** It will be, by itself. */
  | { state: 'changing'; code: string; message: string }
  | { state: 'refused'; code: string; message: string };

/** `wanted`: the config item kubernetes_version; undefined = any will do. */
export function judgeManagedPlane(
  name: string,
  plane: { status: string; version: string } | undefined,
  wanted: string | undefined,
): ManagedPlaneState {
  if (plane === undefined) {
    const message = `EKS has no cluster ${name}: the cluster stack has to make one of this name`;
    return { state: 'refused', code: 'control-plane-missing', message };
  }
  const { status, version } = plane;
  if (status === 'CREATING' || status === 'UPDATING' || status === 'PENDING') {
    const message = `EKS is at work on ${name}, which runs ${version}: it is ${status}`;
    return { state: 'changing', code: 'control-plane-updating', message };
  }
  if (status !== 'ACTIVE') {
    return { state: 'refused', code: 'control-plane-not-active', message: `the EKS cluster ${name} is ${status}` };
  }
  const target = wanted === undefined ? undefined : parseKubernetesVersion(wanted);
  const running = parseKubernetesVersion(version);
  if (target === undefined) return { state: 'ready' };
  if (running !== undefined && minorsBetween(running, target) <= 0) return { state: 'ready' };
  const message =
    `EKS runs ${version} for ${name} after its stack was applied, and the configuration wants ${minorName(target)}: ` +
    'no node is changed before the control plane is; let Version of the AWS::EKS::Cluster follow kubernetes_version';
  return { state: 'refused', code: 'control-plane-behind', message };
}
