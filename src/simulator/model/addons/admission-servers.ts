import { type Fields, fieldsOf, listOf, shownText } from '../kube/object.ts';
import type { Process } from '../kube/process.ts';
import { httpAnswer, type Message, type Served } from '../network/messages.ts';
import { selfSigned } from '../programs/certificates.ts';
import { Addon, type AddonContext } from './addon.ts';

/** A server that the API asks before it stores something. */
abstract class AdmissionServer extends Addon {
  protected watch(): void {
    // It is asked.
  }

  protected resync(): void {
    // As above.
  }

  protected sync(): void {
    // As above.
  }

  protected override serve(process: Process, _port: number, message: Message): Served {
    if (message.kind !== 'http') return 'reset';
    const certificate = message.tls ? { certificate: selfSigned(this.name, [this.name], process.startedAt) } : {};
    const reply = (status: number, body: string): Served => ({
      reply: { ...httpAnswer(status, body), ...certificate },
      afterMs: 2,
    });
    if (message.method !== 'POST') return reply(200, 'ok');
    let review: Fields;
    try {
      review = fieldsOf(JSON.parse(message.body));
    } catch {
      return reply(400, 'no AdmissionReview');
    }
    const request = fieldsOf(review['request']);
    const switchedOff = this.state() === 'off';
    const response = switchedOff ? { allowed: true } : this.judge(process, request);
    return reply(
      200,
      JSON.stringify({ ...review, request: undefined, response: { uid: request['uid'], ...response } }),
    );
  }

  protected abstract judge(process: Process, request: Fields): Fields;
}

const flagOf = (process: Process, name: string): string | undefined =>
  [...(process.container.command ?? []), ...(process.container.args ?? [])]
    .find((word) => word.startsWith(`--${name}=`))
    ?.slice(name.length + 3);

/** Lets pods run images of some registries alone (`--allow=prefix,prefix`). */
export class ImagePolicy extends AdmissionServer {
  readonly name = 'image-policy';
  readonly images = ['image-policy-webhook'];

  constructor(ctx: AddonContext) {
    super(ctx, 'image-policy');
  }

  protected judge(process: Process, request: Fields): Fields {
    const allowed = (flagOf(process, 'allow') ?? '').split(',').filter((prefix) => prefix !== '');
    const spec = fieldsOf(fieldsOf(request['object'])['spec']);
    const images = [...listOf(spec['initContainers']), ...listOf(spec['containers'])].map((each) =>
      shownText(fieldsOf(each)['image'] ?? ''),
    );
    const foreign = images.find((image) => !allowed.some((prefix) => image.startsWith(prefix)));
    if (foreign === undefined) return { allowed: true };
    return { allowed: false, status: { code: 403, message: `image ${foreign} is not of a registry that may be used` } };
  }
}

const roleAnnotation = 'eks.amazonaws.com/role-arn';
const tokenFolder = '/var/run/secrets/eks.amazonaws.com/serviceaccount';

/** Gives pods the role that their service account names: variables, and a token to show for it. */
export class PodIdentity extends AdmissionServer {
  readonly name = 'pod-identity';
  readonly images = ['amazon-eks-pod-identity-webhook'];

  constructor(ctx: AddonContext) {
    super(ctx, 'pod-identity');
  }

  protected judge(_process: Process, request: Fields): Fields {
    const object = fieldsOf(request['object']);
    const spec = fieldsOf(object['spec']);
    const account = this.ctx.core.store
      .table('serviceaccounts')
      .get(shownText(request['namespace'] ?? ''), shownText(spec['serviceAccountName'] ?? 'default'));
    const role = account?.metadata.annotations?.[roleAnnotation];
    if (role === undefined) return { allowed: true };
    const env = [
      { name: 'AWS_ROLE_ARN', value: role },
      { name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: `${tokenFolder}/token` },
    ];
    const containers = listOf(spec['containers']).map(fieldsOf);
    const patch = containers.map((container, index) => ({
      op: 'add',
      path: `/spec/containers/${index}/env`,
      value: [...listOf(container['env']), ...env],
    }));
    return {
      allowed: true,
      patchType: 'JSONPatch',
      patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
    };
  }
}
