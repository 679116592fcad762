import type { ClusterCore } from './cluster-core.ts';
import type { Pod } from './kinds.ts';
import { fieldsOf, shownText } from './object.ts';

/**
 * A container's log: what its program wrote; else what the table of behaviours says of its image, what an `echo` in its command
 * prints, or a start line. `lines`: of its current run, or of the one before.
 */
export function podLog(core: ClusterCore, pod: Pod, name: string, lines: readonly string[] | undefined): string {
  const container = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find((each) => each.name === name);
  const rule = core.options.behaviours.find((each) => container?.image?.includes(each.image));
  if (rule?.log) return rule.log.join('\n');
  const words = [...(container?.command ?? []), ...(container?.args ?? [])].join(' ');
  const printed = [...words.matchAll(/\becho\s+(?:-n\s+)?(?:"([^"]*)"|'([^']*)'|([^;&|"']+))/g)].map((match) =>
    (match[1] ?? match[2] ?? match[3] ?? '').trim(),
  );
  if (lines !== undefined && lines.length > 0) return lines.join('\n');
  if (printed.length > 0) return printed.join('\n');
  const statuses = [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])];
  const status = statuses.find((each) => each.name === name);
  const started =
    fieldsOf(status?.state['running'])['startedAt'] ??
    fieldsOf(status?.state['terminated'])['startedAt'] ??
    pod.status.startTime;
  return `${shownText(started)} ${container?.image ?? name} started`;
}
