/** Versions of Kubernetes as components report them: `v1.34.3`, `v1.34.3-eks-1a2b3c`. */
export interface KubernetesVersion {
  major: number;
  minor: number;
  patch: number;
}

/** undefined when the text is none; the patch may be left out. */
export function parseKubernetesVersion(text: string): KubernetesVersion | undefined {
  const match = /^v?(\d{1,2})\.(\d{1,3})(?:\.(\d{1,4}))?(?:[-+].*)?$/.exec(text.trim());
  if (match === null) return undefined;
  return { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3] ?? 0) };
}

/** Minors between two versions; negative when the second is older. Another major is further than any minor. */
export function minorsBetween(from: KubernetesVersion, to: KubernetesVersion): number {
  return (to.major - from.major) * 1_000 + to.minor - from.minor;
}

export function minorName({ major, minor }: KubernetesVersion): string {
  return `${major}.${minor}`;
}
