import { FailureError, transient } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { KubeAnswer } from './kube-exchange.ts';

/** The object that a server answered; an answer that is none throws `kube-server-error`. */
export function objectOf(answer: KubeAnswer, where: string): KubeObject {
  const body = answer.body as Partial<KubeObject> | null;
  if (typeof body === 'object' && body !== null && typeof body.metadata === 'object' && body.metadata !== null) {
    return body as KubeObject;
  }
  throw new FailureError(
    transient('kube-server-error', `${where}: the answer (HTTP ${answer.status}) is not a Kubernetes object`),
  );
}
