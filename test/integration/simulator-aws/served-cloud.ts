import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { EC2Client } from '@aws-sdk/client-ec2';
import { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { STSClient } from '@aws-sdk/client-sts';
import { AwsWire } from '../../../src/simulator/wire/aws-wire.ts';
import { createWireServer, type WireServer } from '../../../src/simulator/wire/http-server.ts';
import { account, region, SimulatedCloud } from '../../unit/simulator-aws/simulated-cloud.ts';

export { account, region };

/** A simulated cloud behind HTTP. Its clock only moves when told (`cloud.pass`), or by a step a request. */
export class ServedCloud {
  readonly cloud: SimulatedCloud;
  readonly server: WireServer;
  readonly errors: unknown[];

  private constructor(cloud: SimulatedCloud, server: WireServer, errors: unknown[]) {
    this.cloud = cloud;
    this.server = server;
    this.errors = errors;
  }

  static async start(options: { secondsPerRequest?: number } = {}): Promise<ServedCloud> {
    const cloud = new SimulatedCloud();
    const errors: unknown[] = [];
    const wire = new AwsWire({
      handle: (request) => {
        cloud.pass(options.secondsPerRequest ?? 0);
        return cloud.model.handle(request);
      },
      delay: (ms) => {
        cloud.pass(ms / 1000);
        return Promise.resolve();
      },
    });
    const onError = (_handler: string, error: unknown): number => errors.push(error);
    const server = await createWireServer({ host: '127.0.0.1', port: 0, handlers: [wire], onError });
    return new ServedCloud(cloud, server, errors);
  }

  #config(accessKeyId = `AKIA${account}`) {
    return {
      endpoint: this.server.url,
      region,
      credentials: { accessKeyId, secretAccessKey: 'any secret' },
      maxAttempts: 1,
    };
  }

  autoscaling(): AutoScalingClient {
    return new AutoScalingClient(this.#config());
  }

  cloudformation(): CloudFormationClient {
    return new CloudFormationClient(this.#config());
  }

  ec2(): EC2Client {
    return new EC2Client(this.#config());
  }

  classic(): ElasticLoadBalancingClient {
    return new ElasticLoadBalancingClient(this.#config());
  }

  balancing(): ElasticLoadBalancingV2Client {
    return new ElasticLoadBalancingV2Client(this.#config());
  }

  sts(accessKeyId?: string): STSClient {
    return new STSClient(this.#config(accessKeyId));
  }

  stop(): Promise<void> {
    return this.server.close();
  }
}
