import type { Pod } from '../kube/kinds.ts';
import type { Process, Program } from '../kube/process.ts';
import { Addon, type AddonContext } from './addon.ts';
import { isDaemonPod } from './autoscaler/room.ts';

const noticeFile = '/var/run/debug-spot-termination-notice';
const lookEveryMs = 5_000;
const agent = 'spot-termination-handler';

/** Zalando's handler of spot notices: it empties its node in a hurry, and says so to every pod. A file stands for the notice. */
export class SpotHandler extends Addon {
  readonly name = 'spot-handler';
  readonly images = [agent];

  constructor(ctx: AddonContext) {
    super(ctx, 'spot-handler');
  }

  override program(): Program {
    const base = super.program();
    return {
      ...base,
      start: (process) => {
        base.start?.(process);
        this.#look(process);
      },
    };
  }

  protected watch(): void {
    // It looks at its own node.
  }

  protected resync(): void {
    // As above.
  }

  protected sync(): void {
    // As above.
  }

  #look(process: Process): void {
    process.after(lookEveryMs, () => {
      const noticed = this.state() !== 'off' && !('error' in process.files.read(noticeFile));
      if (noticed) this.#empty(process.node);
      else this.#look(process);
    });
  }

  /** Broken, it forgets to keep new pods away. */
  #empty(node: string): void {
    const { api, core } = this.ctx;
    const ask = (method: string, path: string, body?: object): void => {
      const more = body === undefined ? {} : { contentType: 'application/merge-patch+json', body };
      api({ method, path, query: new URLSearchParams(), userAgent: agent, ...more });
    };
    if (this.state() === 'on') ask('PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: true } });
    for (const pod of [...core.store.podsOn(node).values()] as Pod[]) {
      if (isDaemonPod(pod) || pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) continue;
      const text = { type: 'Normal', reason: 'ForceTerminatedSpot', message: 'Deleted for spot termination' } as const;
      core.events.record(agent, pod, text);
      const { namespace = '', name } = pod.metadata;
      ask('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`);
    }
  }
}
