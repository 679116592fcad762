/** Wall-time limits: for the network and the lease, which do not follow the decision clock. */

export interface Deadline {
  /** Aborts when the time is up or the parent aborts. */
  readonly signal: AbortSignal;
  /** true once the time was up (and not merely the parent aborted). */
  expired(): boolean;
  /** Always call it when the work is done, or the timer lingers. */
  clear(): void;
}

/**
 * Starts a limit of `timeoutMs` wall time; `what` names the work in the abort reason. The signal is made when somebody asks for it: most
 * work that is limited ends long before, and never looks at it.
 */
export function startDeadline(
  timeoutMs: number,
  what: string,
  parent?: AbortSignal,
  onExpired: () => void = () => {},
): Deadline {
  let controller: AbortController | undefined;
  let expired = false;
  let cleared = false;
  const late = (): Error => new Error(`${what} took longer than ${timeoutMs} ms`);
  const follow = (): void => controller?.abort(parent?.reason);
  const timer = setTimeout(() => {
    expired = true;
    onExpired();
    controller?.abort(late());
  }, timeoutMs);
  timer.unref();
  const made = (): AbortController => {
    const own = new AbortController();
    controller = own;
    if (expired) own.abort(late());
    else if (cleared) return own;
    else if (parent?.aborted) follow();
    else parent?.addEventListener('abort', follow, { once: true });
    return own;
  };
  return {
    get signal() {
      return (controller ?? made()).signal;
    },
    expired: () => expired,
    clear: () => {
      cleared = true;
      clearTimeout(timer);
      if (controller !== undefined) parent?.removeEventListener('abort', follow);
    },
  };
}

/** Resolves after `ms` wall time, or at once when the signal aborts: `false` says that it was cut short. */
export function sleep(ms: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const finish = (): void => {
      signal?.removeEventListener('abort', cut);
      resolve(true);
    };
    const cut = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(finish, ms);
    signal?.addEventListener('abort', cut, { once: true });
  });
}

/** Lets sockets and timers have their turn during long runs of work that never waits. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Wall time in ms since an arbitrary start; for durations only. */
export function wallMs(): number {
  return performance.now();
}
