/** Asks members of an etcd how they are, and who they are. Nothing here throws for what a member answers: it is unknown then. */
import type { EtcdSettings } from '../../domain/etcd.ts';
import { FailureError, transient } from '../../domain/failure.ts';
import { readMemberHealth, readMemberList } from '../../planning/etcd/etcd-answers.ts';
import type { EtcdPlanInput, MemberHealth } from '../../planning/etcd/plan-etcd-roll.ts';
import type { HttpClient, HttpRequest } from '../../ports/http-client.ts';

/** Wall time. A member that is well answers at once. */
const timeoutMs = 5_000;

export type EtcdAnswers = Pick<EtcdPlanInput, 'health' | 'listed'>;

/** All members at once; the list of one that is healthy. */
export async function askEtcd(
  http: HttpClient | undefined,
  settings: EtcdSettings,
  addresses: ReadonlyMap<string, string>,
): Promise<EtcdAnswers> {
  const asked = [...addresses].map(
    async ([instanceId, address]): Promise<[string, MemberHealth]> => [
      instanceId,
      await healthOf(http, settings, address),
    ],
  );
  const health = new Map(await Promise.all(asked));
  if (settings.clientUrl === undefined) return { health, listed: undefined };
  const healthy = [...addresses].filter(([id]) => health.get(id)?.state === 'healthy').map(([, address]) => address);
  return { health, listed: await membersOf(http, settings, healthy) };
}

async function healthOf(http: HttpClient | undefined, settings: EtcdSettings, address: string): Promise<MemberHealth> {
  if (settings.healthUrl === undefined) return { state: 'unknown', said: 'nothing says where to ask it' };
  const answer = await send(http, settings, { method: 'GET', url: at(settings.healthUrl, address), timeoutMs });
  return typeof answer === 'string' ? { state: 'unknown', said: answer } : readMemberHealth(answer);
}

async function membersOf(
  http: HttpClient | undefined,
  settings: EtcdSettings,
  addresses: string[],
): Promise<EtcdPlanInput['listed']> {
  let why = 'no member is healthy';
  for (const address of addresses) {
    // confirmed by a majority: a member that was cut off must not say who belongs to them
    const answer = await post(http, settings, address, '/v3/cluster/member/list', { linearizable: true });
    const members = typeof answer === 'string' ? answer : readMemberList(answer);
    if (typeof members !== 'string') return members;
    why = members;
  }
  return why;
}

/** Takes the member out of the cluster, by way of another one that is healthy. Idempotent: one that is gone is gone. */
export async function removeMember(
  http: HttpClient | undefined,
  settings: EtcdSettings,
  address: string,
  memberId: string,
): Promise<void> {
  const answer = await post(http, settings, address, '/v3/cluster/member/remove', { ID: memberId });
  if (typeof answer === 'string')
    throw new FailureError(transient('etcd-remove-failed', `member ${memberId} is not removed: ${answer}`));
  if (answer.status === 200 || /member not found/i.test(answer.body)) return;
  const said = `${answer.status} ${answer.body.slice(0, 200)}`;
  throw new FailureError(transient('etcd-remove-failed', `etcd does not remove member ${memberId}: ${said}`));
}

const at = (url: string, address: string): string => url.replaceAll('{address}', address);

function post(
  http: HttpClient | undefined,
  settings: EtcdSettings,
  address: string,
  path: string,
  body: object,
): ReturnType<typeof send> {
  const url = at(settings.clientUrl ?? '', address) + path;
  const headers = { 'content-type': 'application/json' };
  return send(http, settings, { method: 'POST', url, timeoutMs, body: JSON.stringify(body), headers });
}

/** A text says why there is no answer. */
async function send(
  http: HttpClient | undefined,
  { tlsDirectory }: EtcdSettings,
  request: HttpRequest,
): Promise<{ status: number; body: string } | string> {
  if (http === undefined) return 'this program asks nobody over HTTP';
  try {
    return await http.send({ ...request, ...(tlsDirectory === undefined ? {} : { tlsDirectory }) });
  } catch (error) {
    if (error instanceof FailureError) return error.failure.message;
    throw error;
  }
}
