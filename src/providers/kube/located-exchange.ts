/** A cluster whose address is asked for when it is first needed, and again when nothing answers there any more. */
import { FailureError } from '../../domain/failure.ts';
import type { WatchHandle } from '../../ports/kube-cluster.ts';
import { wallMs } from '../../support/deadline.ts';
import type { KubeCall, KubeExchange, StreamHandlers } from './kube-exchange.ts';

/** Where an API server is. */
export interface KubeAddress {
  /** `https://host` */
  server: string;
  /** PEM in base64; the system's authorities unless given. */
  caData?: string;
}

/** An address that did not answer is asked for again, but not more often than this. Wall time. */
const locateAtMostEveryMs = 30_000;

/**
 * `locate` rejects with FailureError `kube-unreachable` while there is no address. A cluster that was made anew has another one;
 * what was begun at the old one ends there as it may.
 */
export function createLocatedExchange(
  locate: () => Promise<KubeAddress>,
  connect: (address: KubeAddress) => KubeExchange,
): KubeExchange {
  const connections = new Map<string, KubeExchange>();
  let located: { exchange: Promise<KubeExchange>; at: number } | undefined;
  let closed = false;

  async function connection(): Promise<KubeExchange> {
    const address = await locate();
    const key = JSON.stringify(address);
    const known = connections.get(key);
    if (known !== undefined) return known;
    const made = connect(address);
    connections.set(key, made);
    if (closed) made.close();
    return made;
  }

  function exchange(): Promise<KubeExchange> {
    if (located !== undefined) return located.exchange;
    const next = { exchange: connection(), at: wallMs() };
    located = next;
    next.exchange.catch(() => {
      if (located === next) located = undefined;
    });
    return next.exchange;
  }

  async function send(call: KubeCall) {
    try {
      return await (await exchange()).send(call);
    } catch (error) {
      const unreachable = error instanceof FailureError && error.failure.code === 'kube-unreachable';
      if (unreachable && located !== undefined && wallMs() - located.at >= locateAtMostEveryMs) located = undefined;
      throw error;
    }
  }

  function stream(call: KubeCall, handlers: StreamHandlers): WatchHandle {
    let stopped = false;
    let handle: WatchHandle | undefined;
    exchange().then(
      (used) => {
        if (!stopped) handle = used.stream(call, handlers);
      },
      (error: unknown) => {
        if (!stopped) handlers.ended(error instanceof Error ? error.message : 'the cluster has no address');
      },
    );
    return {
      stop: () => {
        stopped = true;
        handle?.stop();
      },
    };
  }

  return {
    send,
    stream,
    close: () => {
      closed = true;
      for (const one of connections.values()) one.close();
    },
  };
}
