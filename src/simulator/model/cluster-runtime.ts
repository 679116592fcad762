import type { ImageRegistry } from './images/image-registry.ts';
import type { ClusterCore } from './kube/cluster-core.ts';
import type { Container, Pod } from './kube/kinds.ts';
import type { FileAccess, ImageSource, NetworkAccess, Process, Program, RuntimeParts } from './kube/process.ts';
import { ClusterNetwork } from './network/cluster-network.ts';
import { MetadataService } from './network/instance-metadata.ts';
import type { Internet } from './network/internet.ts';
import type { Message, Served } from './network/messages.ts';
import { askServer, lookup } from './network/resolver.ts';
import { RuntimeFaults } from './network/runtime-faults.ts';
import { containerEnvironment } from './programs/container-environment.ts';
import { ContainerFiles, VolumeData } from './programs/container-files.ts';
import type { DnsAccess } from './programs/probe/asking.ts';
import type { MachineControl } from './programs/probe/node.ts';
import { ProgramTable } from './programs/program-table.ts';
import type { SimInstance } from './seams.ts';

export interface ClusterRuntimeInput {
  core: ClusterCore;
  internet: Internet;
  registry: ImageRegistry;
  processesOf(pod: Pod): readonly Process[];
  instanceOf(node: string): SimInstance | undefined;
  machines: MachineControl;
  /** The cluster's API, as a client in the cluster reaches it. */
  api(message: Message): Served;
}

/** What runs inside of one cluster: programs, their network, their files. Costs nothing until somebody asks. */
export class ClusterRuntime implements RuntimeParts {
  readonly faults = new RuntimeFaults();
  readonly internet: Internet;
  readonly programs: ProgramTable;
  /** Names, as pods resolve them. */
  readonly dns: DnsAccess;
  readonly #in: ClusterRuntimeInput;
  #network: ClusterNetwork | undefined;
  #data: VolumeData | undefined;

  constructor(input: ClusterRuntimeInput) {
    this.#in = input;
    this.internet = input.internet;
    const { core } = input;
    this.dns = {
      lookup: (source, name, type, timeoutMs) => lookup(core, this.network, source, name, type, timeoutMs),
      askServer: (source, question, timeoutMs) => askServer(this.network, source, question, timeoutMs),
    };
    this.programs = new ProgramTable({
      core,
      faults: this.faults,
      dns: this.dns,
      machines: input.machines,
      api: (message) => input.api(message),
    });
  }

  get images(): ImageSource {
    return this.#in.registry;
  }

  get trustedIssuers(): ReadonlySet<string> {
    return this.internet.trustedIssuers;
  }

  get registry(): ImageRegistry {
    return this.#in.registry;
  }

  get network(): NetworkAccess {
    this.#network ??= new ClusterNetwork({
      core: this.#in.core,
      faults: this.faults,
      internet: this.internet,
      metadata: new MetadataService((node) => this.#in.instanceOf(node)),
      processesOf: (pod) => this.#in.processesOf(pod),
      managedApi: (message) => this.#in.api(message),
    });
    return this.#network;
  }

  get hasFiles(): boolean {
    return this.#data !== undefined && !this.#data.isEmpty;
  }

  programOf(container: Container): Program {
    return this.programs.of(container);
  }

  filesOf(process: Process): FileAccess {
    this.#data ??= new VolumeData(this.#in.core);
    return new ContainerFiles(this.#in.core, this.#data, process);
  }

  environmentOf(pod: Pod, container: Container): Readonly<Record<string, string>> {
    return containerEnvironment(this.#in.core, pod, container);
  }
}
