import type { ClusterCore } from '../kube/cluster-core.ts';
import type { Container } from '../kube/kinds.ts';
import { sampleMs } from '../kube/options.ts';
import type { Program } from '../kube/process.ts';
import { httpAnswer, type Message, type Served } from '../network/messages.ts';
import type { RuntimeFaults } from '../network/runtime-faults.ts';
import { coreDns } from './coredns.ts';
import { genericProgram } from './generic-program.ts';
import type { DnsAccess } from './probe/asking.ts';
import type { MachineControl } from './probe/node.ts';
import { probeProgram } from './probe/probe-program.ts';
import { webServer } from './web-server.ts';

export interface ProgramTableInput {
  core: ClusterCore;
  faults: RuntimeFaults;
  dns: DnsAccess;
  machines: MachineControl;
  /** The API itself, as its server in a pod answers it. */
  api(message: Message): Served;
}

/** What each image does, by the last part of its name. */
export class ProgramTable {
  readonly #core: ClusterCore;
  readonly #byName: Map<string, Program>;
  readonly #byRule = new Map<unknown, Program>();

  constructor(input: ProgramTableInput) {
    const { core, faults } = input;
    this.#core = core;
    const nginx = webServer((process) =>
      process.container.readinessProbe ? sampleMs(process.random, core.options.readyMs) : 0,
    );
    this.#byName = new Map<string, Program>([
      ['clm-probe', probeProgram(input.dns, input.machines)],
      ['coredns', coreDns(core, faults)],
      ['nginx', nginx],
      ['kube-apiserver', apiServer(core, input.api)],
    ]);
  }

  /** A rule of the options comes first, then the image's own program, then what any server or task does. */
  of(container: Container): Program {
    const image = container.image ?? '';
    const rule = this.#core.options.behaviours.find((each) => image.includes(each.image));
    const known = rule ? undefined : this.#byName.get(imageName(image));
    if (known) return known;
    let program = this.#byRule.get(rule);
    if (!program) {
      program = genericProgram(this.#core.options, rule);
      this.#byRule.set(rule, program);
    }
    return program;
  }

  /** Programs of add-ons. */
  add(name: string, program: Program): void {
    this.#byName.set(name, program);
  }
}

/** `registry/x/coredns/coredns:v1.11` → `coredns` */
export function imageName(image: string): string {
  return (image.split('/').at(-1) ?? '').split(/[:@]/)[0] ?? '';
}

function apiServer(core: ClusterCore, api: (message: Message) => Served): Program {
  const generic = genericProgram(core.options, undefined);
  return {
    ...generic,
    serve: (process, port, message, from) =>
      port === 443 || port === 6443
        ? api(message)
        : message.kind === 'http'
          ? { reply: httpAnswer(200, 'ok'), afterMs: 1 }
          : generic.serve(process, port, message, from),
  };
}
