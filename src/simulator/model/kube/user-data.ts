import type { Taint } from './kinds.ts';

/** What an instance's kubelet registers with. */
export interface KubeletFlags {
  labels: Record<string, string>;
  taints: Taint[];
  /** What the user data installs: the version behind a word that ends in `kubelet`. */
  version?: string;
}

function flagValue(userData: string, flag: string): string | undefined {
  const match = new RegExp(`--${flag}[=\\s]+(?:"([^"]*)"|'([^']*)'|([^\\s"'\\\\;]+))`).exec(userData);
  return match?.[1] ?? match?.[2] ?? match?.[3];
}

/** Reads `--node-labels`, `--register-with-taints` and the kubelet's version out of the user data of an instance. */
export function kubeletFlags(userData: string): KubeletFlags {
  const labels: Record<string, string> = {};
  for (const pair of (flagValue(userData, 'node-labels') ?? '').split(',')) {
    const at = pair.indexOf('=');
    if (at > 0) labels[pair.slice(0, at).trim()] = pair.slice(at + 1).trim();
  }
  const taints: Taint[] = [];
  for (const item of (flagValue(userData, 'register-with-taints') ?? '').split(',')) {
    const match = /^\s*([^=:\s]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)\s*$/.exec(item);
    if (!match) continue;
    const [, key, value, effect] = match;
    taints.push({ key: key as string, ...(value ? { value } : {}), effect: effect as string });
  }
  const version = /kubelet[ :=]+"?(v\d+\.\d+\.\d+)\b/.exec(userData)?.[1];
  return { labels, taints, ...(version === undefined ? {} : { version }) };
}
