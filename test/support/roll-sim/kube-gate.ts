/** The way of a daemon to a simulated API server, on which calls get lost, are refused, or come late. */
import type { KubeCall } from '../../../src/providers/kube/kube-exchange.ts';
import type { SimulatedKubeApi } from '../../../src/providers/simulated/simulated-exchange.ts';
import type { KubeAnswer, KubeRequest } from '../../../src/simulator/model/kube/api-request.ts';
import type { KubeWatchEvent } from '../../../src/simulator/model/kube/watch-hub.ts';
import type { VirtualClock } from '../../../src/support/clock.ts';
import type { Random } from '../../../src/support/random.ts';

export class KubeGate {
  /** Shares of calls that are hit, each 0 unless a fault is on. */
  lostBefore = 0;
  lostAfter = 0;
  throttled = 0;
  failing = 0;
  conflicting = 0;
  /** Watch events come up to this much late, in their order. */
  watchDelayMs = 0;
  readonly #random: Random;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  loses(_call: KubeCall): 'no' | 'before' | 'after' {
    if (this.lostBefore > 0 && this.#random.next() < this.lostBefore) return 'before';
    if (this.lostAfter > 0 && this.#random.next() < this.lostAfter) return 'after';
    return 'no';
  }

  apiOf(model: SimulatedKubeApi): SimulatedKubeApi {
    return {
      handle: (request) => this.#refusal(request) ?? model.handle(request),
      apiReachable: () => model.apiReachable(),
      watch: (request, sink) => {
        if (this.watchDelayMs === 0) return model.watch(request, sink);
        let last = 0;
        const late = (deliver: () => void): void => {
          last = Math.max(last, this.#clock.now() + this.#random.next() * this.watchDelayMs);
          this.#clock.at(last, deliver);
        };
        return model.watch(request, {
          event: (event: KubeWatchEvent) => late(() => sink.event(event)),
          closed: () => late(() => sink.closed()),
        });
      },
    };
  }

  #refusal(request: KubeRequest): KubeAnswer | undefined {
    if (this.throttled > 0 && this.#random.next() < this.throttled) {
      return status(429, 'TooManyRequests', 'The server has received too many requests.', { 'retry-after': '1' });
    }
    if (this.failing > 0 && this.#random.next() < this.failing) {
      return status(500, 'InternalError', 'etcdserver: request timed out');
    }
    if (this.conflicting > 0 && request.method === 'PATCH' && this.#random.next() < this.conflicting) {
      return status(409, 'Conflict', 'the object has been modified; please apply your changes to the latest version');
    }
    return undefined;
  }
}

function status(code: number, reason: string, message: string, headers?: Record<string, string>): KubeAnswer {
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason, message, code };
  return headers === undefined ? { status: code, body } : { status: code, body, headers };
}
