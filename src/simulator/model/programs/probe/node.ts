import { fieldsOf } from '../../kube/object.ts';
import type { Process } from '../../kube/process.ts';
import { numberOf, type ProbeArguments, switchOf, textOf } from './arguments.ts';

/** What a program with all rights can do to the machine that it runs on. */
export interface MachineControl {
  /** The kubelet's process is killed; after how long another one is there, undefined: it stays away. */
  killKubelet(node: string): number | undefined;
  reboot(node: string): void;
}

/** `clm-probe node`: only who shares the machine's processes and is privileged sees, kills or restarts anything. */
export function disturb(
  process: Process,
  machines: MachineControl,
  args: ProbeArguments,
  done: (document: Record<string, unknown>) => void,
): void {
  const startedAt = process.now();
  const spec = process.pod()?.spec;
  const mighty = spec?.['hostPID'] === true && fieldsOf(process.container['securityContext'])['privileged'] === true;
  const end = (ok: boolean, more: Record<string, unknown>): void =>
    done({
      probe: 'node',
      version: 1,
      ok,
      startedAt: new Date(startedAt).toISOString(),
      durationMs: process.now() - startedAt,
      ...more,
    });
  if (switchOf(args, 'reboot')) {
    if (!mighty) end(false, { defect: 'EROFS: read-only file system, open /proc/sys/kernel/sysrq' });
    else machines.reboot(process.node);
    return;
  }
  const known = mighty && textOf(args, 'kill') === 'kubelet';
  if (!known) {
    end(false, { before: [], after: [] });
    return;
  }
  const before = [800 + process.random.int(200)];
  const waitMs = numberOf(args, 'wait', 60_000);
  const backAfterMs = machines.killKubelet(process.node);
  if (backAfterMs === undefined || backAfterMs > waitMs) process.after(waitMs, () => end(false, { before, after: [] }));
  else process.after(backAfterMs, () => end(true, { before, after: [2_000 + process.random.int(2_000)] }));
}
