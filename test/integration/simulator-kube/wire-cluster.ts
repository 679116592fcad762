import { createWireServer, type WireServer } from '../../../src/simulator/wire/http-server.ts';
import { kubeWireHandler } from '../../../src/simulator/wire/kube-wire.ts';
import { ScaledClock, type Timer } from '../../../src/support/clock.ts';
import type { TestCluster } from '../../unit/simulator-kube/test-cluster.ts';

const wall = new ScaledClock(0, 1);

/** A simulated cluster behind HTTP on loopback, its time running at a rate. */
export class WireCluster {
  readonly cluster: TestCluster;
  readonly server: WireServer;
  readonly #rate: number;
  readonly #startedAt = wall.now();
  readonly #worldStart: number;
  #timer: Timer | undefined;

  constructor(cluster: TestCluster, server: WireServer, rate: number) {
    this.cluster = cluster;
    this.server = server;
    this.#rate = rate;
    this.#worldStart = cluster.clock.now();
    this.#tick();
  }

  static async start(cluster: TestCluster, rate = 30): Promise<WireCluster> {
    const holder: { running?: WireCluster } = {};
    const handler = kubeWireHandler({
      cluster: (id) => (id === 'test:cluster' ? cluster.model : undefined),
      advance: () => holder.running?.advance(),
    });
    const server = await createWireServer({ host: '127.0.0.1', port: 0, handlers: [handler], maxBodyBytes: 1_000_000 });
    holder.running = new WireCluster(cluster, server, rate);
    return holder.running;
  }

  get url(): string {
    return `${this.server.url}/clusters/test%3Acluster`;
  }

  advance(): void {
    this.cluster.clock.advanceTo(this.#worldStart + (wall.now() - this.#startedAt) * this.#rate);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.server.close();
  }

  #tick(): void {
    this.#timer = wall.at(wall.now() + 10, () => {
      this.advance();
      this.#tick();
    });
  }
}
