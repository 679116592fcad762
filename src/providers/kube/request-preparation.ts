/** Requests with address, credentials and agent, made through @kubernetes/client-node. */
import {
  type Configuration,
  createConfiguration,
  HttpMethod,
  type RequestContext,
  ServerConfiguration,
} from '@kubernetes/client-node';
import { FailureError, transient } from '../../domain/failure.ts';
import { wallMs } from '../../support/deadline.ts';
import { redactText } from '../../support/redact.ts';
import { createBoundedHttpLibrary } from './bounded-http-library.ts';
import { rejectWhenAborted } from './http-answer.ts';
import { type AgentOptions, createKeepAliveAgents } from './keep-alive-agents.ts';
import { type KubeAccess, loadAccess } from './kube-access.ts';
import type { KubeCall } from './kube-exchange.ts';

export interface RequestPreparationOptions {
  cluster: string;
  access: KubeAccess;
  agent: AgentOptions;
  userAgent: string;
}

export interface RequestPreparation {
  configuration: Configuration;
  /** Rejects with FailureError `kube-unauthorized` when no credentials can be had. */
  prepare(call: KubeCall, use: 'call' | 'watch', signal: AbortSignal): Promise<RequestContext>;
  /** Loads the access again after a 401; true when that was done. */
  reload(): boolean;
  close(): void;
}

const longestAnswer = 64 * 1024 * 1024;
/** Credentials are loaded again after a 401, but not more often than this. */
const reloadAtMostEveryMs = 10_000;

const methods: Record<KubeCall['method'], HttpMethod> = {
  GET: HttpMethod.GET,
  POST: HttpMethod.POST,
  PUT: HttpMethod.PUT,
  PATCH: HttpMethod.PATCH,
  DELETE: HttpMethod.DELETE,
};

function endpointOf(call: KubeCall): string {
  if (call.query === undefined) return call.path;
  const query = new URLSearchParams(call.query).toString();
  return query === '' ? call.path : `${call.path}${call.path.includes('?') ? '&' : '?'}${query}`;
}

function setContent(context: RequestContext, call: KubeCall): void {
  context.setHeaderParam('Accept', call.asText ? '*/*' : 'application/json');
  if (call.body === undefined) return;
  context.setHeaderParam('Content-Type', call.contentType ?? 'application/json');
  context.setBody(JSON.stringify(call.body));
}

/** Throws FailureError `kube-access-invalid` at once when the access cannot work. */
export function createRequestPreparation(options: RequestPreparationOptions): RequestPreparation {
  const { cluster } = options;
  let loaded = loadAccess(options.access, cluster);
  let reloadedAt = Number.NEGATIVE_INFINITY;
  const agents = createKeepAliveAgents(options.agent);
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(loaded.server, {}),
    httpApi: createBoundedHttpLibrary(longestAnswer),
  });

  const tokens = options.access.kind === 'server' ? options.access.tokens : undefined;

  async function authenticate(context: RequestContext, call: KubeCall, signal: AbortSignal): Promise<void> {
    try {
      // An exec plugin takes no signal.
      const aborted = rejectWhenAborted(signal);
      await Promise.race([loaded.config.applySecurityAuthentication(context), aborted]);
      if (tokens !== undefined) {
        const token = await Promise.race([tokens.current(), aborted]);
        context.setHeaderParam('Authorization', `Bearer ${token}`);
      }
    } catch (error) {
      if (signal.aborted) throw error;
      const said = error instanceof Error ? redactText(error.message).slice(0, 300) : '';
      const message = `${call.what} in cluster ${cluster}: no credentials: ${said}`;
      throw new FailureError(transient('kube-unauthorized', message), error);
    }
    const token = context.getHeaders()['Authorization'];
    // A token read from a file ends with a newline.
    if (token !== undefined) context.setHeaderParam('Authorization', token.trim());
  }

  return {
    configuration,
    async prepare(call, use, signal) {
      const context = configuration.baseServer.makeRequestContext(endpointOf(call), methods[call.method]);
      await authenticate(context, call, signal);
      const offered = context.getAgent();
      if (offered !== undefined) context.setAgent(agents.agentFor(offered, use));
      context.setHeaderParam('User-Agent', options.userAgent);
      setContent(context, call);
      context.setSignal(signal);
      return context;
    },
    reload() {
      if (!loaded.renewable || wallMs() - reloadedAt < reloadAtMostEveryMs) return false;
      reloadedAt = wallMs();
      tokens?.forget();
      try {
        loaded = loadAccess(options.access, cluster);
        return true;
      } catch (error) {
        // A file that is being written: what was loaded stays.
        if (error instanceof FailureError) return false;
        throw error;
      }
    },
    close: () => {
      agents.close();
    },
  };
}
