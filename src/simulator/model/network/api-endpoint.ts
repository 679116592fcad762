import type { KubeAnswer, KubeRequest } from '../kube/api-request.ts';
import { jsonText } from '../kube/json-text.ts';
import { httpAnswer, type Message, type PeerCertificate, type Served } from './messages.ts';

const openPaths = /^\/(livez|readyz|healthz|version)(\/|\?|$)/;
const answerMs = 3;

/** The API server as something on the network: HTTPS, and a token for everything but health and version. */
export function apiEndpoint(
  handle: (request: KubeRequest) => KubeAnswer,
  certificate: () => PeerCertificate,
): (message: Message) => Served {
  return (message) => {
    if (message.kind === 'open') return { reply: message, afterMs: 0 };
    if (message.kind !== 'http' || !message.tls) return 'reset';
    const [path = '/', query = ''] = message.path.split('?');
    const shown = certificate();
    const bearer = /^Bearer (.+)$/.exec(message.headers['authorization'] ?? '')?.[1];
    if (bearer === undefined && !openPaths.test(message.path)) {
      const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: 'Unauthorized', code: 401 };
      return { reply: { ...httpAnswer(401, JSON.stringify(body)), certificate: shown }, afterMs: answerMs };
    }
    const answer = handle({
      method: message.method,
      path,
      query: new URLSearchParams(query),
      contentType: message.headers['content-type'],
      accept: message.headers['accept'],
      body: message.body === '' ? undefined : message.body,
      userAgent: message.headers['user-agent'],
    });
    const text = typeof answer.body === 'string' ? answer.body : jsonText(answer.body);
    return { reply: { ...httpAnswer(answer.status, text, answer.headers), certificate: shown }, afterMs: answerMs };
  };
}
