import { FailureError, transient } from '../../domain/failure.ts';
import type { HttpClient } from '../../ports/http-client.ts';
import type { World } from '../../simulator/model/world.ts';

/** What answers HTTP in a simulated world outside of its clusters: members of etcd, at the private addresses of their instances. */
export function createSimulatedHttp(world: Pick<World, 'etcd'>, client: string): HttpClient {
  return {
    send: async ({ method, url, body = '' }) => {
      const { hostname, port, pathname } = new URL(url);
      const answer = world.etcd.answer({ method, host: hostname, port: Number(port), path: pathname, body, client });
      if (answer === undefined)
        throw new FailureError(transient('http-unreachable', `${hostname}:${port} cannot be reached: ECONNREFUSED`));
      return { status: answer.status, body: JSON.stringify(answer.body) };
    },
  };
}
