/** Header Retry-After in seconds; a date is not used by API servers. */
export function retryAfterOf(header: string | undefined): number | undefined {
  const seconds = Number(header);
  return header !== undefined && Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
}

/** JSON when it is JSON; else the text, as proxies and broken servers send it. */
export function parseBody(text: string, asText: boolean): unknown {
  if (asText) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Rejects once the signal is aborted; for races with work that takes no signal. */
export function rejectWhenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const cut = (): void => {
      const reason: unknown = signal.reason;
      reject(reason instanceof Error ? reason : new Error('aborted'));
    };
    if (signal.aborted) cut();
    else signal.addEventListener('abort', cut, { once: true });
  });
}
