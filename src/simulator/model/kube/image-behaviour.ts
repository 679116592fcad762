import type { Random } from '../../../support/random.ts';
import type { Container, Pod } from './kinds.ts';
import { type KubeOptions, sampleMs } from './options.ts';

/** What one run of a container does. */
export interface ContainerRun {
  missing: boolean;
  pullMs: number;
  /** From its start; undefined: never ready. */
  readyAfterMs: number | undefined;
  exit: { afterMs: number; code: number } | undefined;
}

/**
 * A container does what the table of behaviours says of its image; else what its command plainly says (`sleep 5`, `exit 3`,
 * `false`); else a server runs for ever and a task ends well after a few seconds.
 */
export function containerRun(options: KubeOptions, random: Random, pod: Pod, container: Container): ContainerRun {
  const image = container.image ?? '';
  const rule = options.behaviours.find((each) => image.includes(each.image));
  const pullMs = sampleMs(random, options.imagePullMs);
  const probe = container.readinessProbe;
  const seeded = probe ? (probe.initialDelaySeconds ?? 0) * 1000 + sampleMs(random, options.readyMs) : 0;
  const readyAfterMs = rule?.neverReady ? undefined : (rule?.readyAfterMs ?? seeded);
  return {
    missing: rule?.missing === true,
    pullMs,
    readyAfterMs,
    exit: rule?.exit ?? commandExit(random, pod, container),
  };
}

function commandExit(random: Random, pod: Pod, container: Container): ContainerRun['exit'] {
  const words = [...(container.command ?? []), ...(container.args ?? [])].join(' ');
  const sleep = /\bsleep\s+(\d+(?:\.\d+)?|infinity)\b/.exec(words);
  const code = /\bexit\s+(\d+)\b/.exec(words);
  const isTask = pod.spec.restartPolicy !== 'Always';
  if (sleep?.[1] === 'infinity') return undefined;
  const sleepMs = sleep ? Number(sleep[1]) * 1000 : 0;
  if (code) return { afterMs: sleepMs + 200 + random.int(800), code: Number(code[1]) };
  if (/^(\/bin\/)?false$/.test(words.trim())) return { afterMs: 50 + random.int(200), code: 1 };
  if (sleep && !/\bwhile\b/.test(words)) return { afterMs: sleepMs + 50, code: 0 };
  return isTask ? { afterMs: 1000 + random.int(4000), code: 0 } : undefined;
}
