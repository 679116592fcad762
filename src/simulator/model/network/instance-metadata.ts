import type { SimInstance } from '../seams.ts';
import { httpAnswer, type Message, type Served } from './messages.ts';

export const metadataAddress = '169.254.169.254';

const tokenPath = '/latest/api/token';

/** The instance metadata service, version 2: a token first, then paths. */
export class MetadataService {
  readonly #instanceOf: (node: string) => SimInstance | undefined;

  constructor(instanceOf: (node: string) => SimInstance | undefined) {
    this.#instanceOf = instanceOf;
  }

  serve(node: string, message: Message): Served {
    if (message.kind === 'open') return { reply: message, afterMs: 0 };
    const instance = this.#instanceOf(node);
    if (message.kind !== 'http' || !instance) return 'reset';
    const reply = (status: number, body: string): Served => ({ reply: httpAnswer(status, body), afterMs: 1 });
    if (message.path === tokenPath)
      return message.method === 'PUT' ? reply(200, `token-${instance.id}`) : reply(405, 'Method Not Allowed');
    if (message.headers['x-aws-ec2-metadata-token'] !== `token-${instance.id}`) return reply(401, 'Unauthorized');
    const value = this.#values(instance).get(message.path.replace(/^\/latest\//, '').replace(/\/$/, ''));
    return value === undefined ? reply(404, 'Not Found') : reply(200, value);
  }

  #values(instance: SimInstance): Map<string, string> {
    const { account, region, zone } = instance;
    const document = {
      accountId: account,
      region,
      availabilityZone: zone,
      instanceId: instance.id,
      imageId: instance.imageId,
      instanceType: instance.instanceType,
      privateIp: instance.privateIp,
    };
    return new Map([
      ['meta-data/instance-id', instance.id],
      ['meta-data/ami-id', instance.imageId],
      ['meta-data/instance-type', instance.instanceType],
      ['meta-data/local-ipv4', instance.privateIp],
      ['meta-data/placement/availability-zone', zone],
      ['meta-data/placement/region', region],
      ['user-data', instance.userData],
      ['dynamic/instance-identity/document', JSON.stringify(document)],
    ]);
  }
}
