/** One small HTTP exchange with a system that gates ask. Throws FailureError (`http-unreachable`, `http-timeout`, `http-too-large`, `http-no-certificate`). */
export interface HttpRequest {
  method: 'GET' | 'POST';
  url: string;
  headers?: Record<string, string>;
  body?: string;
  /** Wall time. */
  timeoutMs: number;
  /** Environment variable with a bearer token; unset = no token is sent. */
  tokenEnv?: string;
  /** Directory with ca.crt, client.crt and client.key: what an https server has to be signed by, and what this side shows it. */
  tlsDirectory?: string;
}

export interface HttpAnswer {
  status: number;
  body: string;
  /** The server asks to wait so long before the next request. */
  retryAfterMs?: number;
}

export interface HttpClient {
  /** Any status is an answer; redirects are not followed. The body is bounded. */
  send(request: HttpRequest): Promise<HttpAnswer>;
}
