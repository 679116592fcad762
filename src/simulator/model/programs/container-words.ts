import type { Process } from '../kube/process.ts';

/** Arguments after the entrypoint, `$(NAME)` replaced from the environment. A command of the pod's own replaces the entrypoint. */
export function commandWords(process: Process): string[] {
  const { command, args } = process.container;
  const words = command && command.length > 0 ? [...command.slice(1), ...(args ?? [])] : [...(args ?? [])];
  if (!words.some((word) => word.includes('$('))) return words;
  const environment = process.environment();
  return words.map((word) =>
    word.replace(/\$\$|\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (whole, name: string | undefined) =>
      name === undefined ? '$' : (environment[name] ?? whole),
    ),
  );
}
