/** The simulator's own endpoint, beside the APIs that it simulates: what time it is, what happens, and faults at run time. */
import { parse as parseYaml } from 'yaml';
import type { WorldEvent } from '../model/seams.ts';
import type { World } from '../model/world.ts';
import { type ScenarioPlayer, unknownPlace } from '../scenarios/scenario-player.ts';
import { type Fault, readFault } from '../scenarios/scenario-schema.ts';
import type { WireAnswer, WireHandler, WireRequest } from './http-server.ts';

/** No bucket may be called this, so that no path of S3 begins like it. */
export const controlPath = '/_simulator';
const eventsKept = 2_000;
const faultsMost = 1_000;

export interface ControlOptions {
  world: World;
  player: ScenarioPlayer;
  /** Simulated seconds a second. */
  rate: number;
  stats(): { awsCalls: number; kubeCalls: number };
}

function json(status: number, body: unknown): WireAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: `${JSON.stringify(body)}\n` };
}

function refused(status: number, message: string, problems: { path: string; message: string }[] = []): WireAnswer {
  return json(status, { error: message, problems });
}

/** Serves `/_simulator/`. */
export class ControlWire implements WireHandler {
  readonly name = 'control';
  readonly #options: ControlOptions;
  /** Newest last. */
  readonly #events: (WorldEvent & { number: number })[] = [];
  #counter = 0;

  constructor(options: ControlOptions) {
    this.#options = options;
    options.world.subscribe((event) => {
      this.#events.push({ number: ++this.#counter, ...event });
      if (this.#events.length > 2 * eventsKept) this.#events.splice(0, eventsKept);
    });
  }

  matches(_method: string, path: string): boolean {
    return path === controlPath || path.startsWith(`${controlPath}/`);
  }

  handle(request: WireRequest): WireAnswer {
    const [, what = '', id, ...rest] = request.path.slice(1).split('/');
    const { method } = request;
    if (rest.length > 0) return refused(404, 'there is nothing here');
    if (what === '' && method === 'GET') return json(200, this.#summary());
    if (what === 'events' && id === undefined && method === 'GET') return this.#eventsAfter(request.query);
    if (what !== 'faults') return refused(404, `there is /${['', 'events', 'faults'].join(`, ${controlPath}/`)}`);
    if (id === undefined || id === '') return this.#faults(request);
    if (method !== 'DELETE') return refused(405, 'a fault can only be deleted');
    return this.#options.player.stop(id) ? json(200, { stopped: id }) : refused(404, `there is no fault ${id}`);
  }

  failed(): WireAnswer {
    return refused(500, 'an internal error occurred');
  }

  #summary(): Record<string, unknown> {
    const { world, rate, stats } = this.#options;
    return {
      time: new Date(world.clock.now()).toISOString(),
      rate,
      clusters: world.clusters(),
      places: world.places(),
      calls: stats(),
      events: this.#counter,
      faults: this.#options.player.list().length,
    };
  }

  #eventsAfter(query: URLSearchParams): WireAnswer {
    const after = Number(query.get('after') ?? 0);
    const most = Number(query.get('limit') ?? 100);
    if (!Number.isSafeInteger(after) || !Number.isSafeInteger(most) || most < 1 || most > eventsKept)
      return refused(400, `after is the number of an event, limit is 1 to ${eventsKept}`);
    const kept = this.#events.filter((event) => event.number > after);
    return json(200, { latest: this.#counter, events: kept.slice(0, most) });
  }

  #faults(request: WireRequest): WireAnswer {
    const { player } = this.#options;
    if (request.method === 'GET') return json(200, { faults: player.list() });
    if (request.method === 'DELETE') {
      player.stopAll();
      return json(200, { faults: [] });
    }
    if (request.method !== 'POST') return refused(405, 'faults can be listed (GET), begun (POST) and stopped (DELETE)');
    let value: unknown;
    try {
      value = parseYaml(request.body, { maxAliasCount: 100 }) as unknown;
    } catch (error) {
      return refused(400, `neither JSON nor YAML: ${(error as Error).message.split('\n')[0]}`);
    }
    return this.#begin(value);
  }

  /** One fault, or a whole scenario: all of it or nothing. */
  #begin(value: unknown): WireAnswer {
    const { player, world } = this.#options;
    const many = typeof value === 'object' && value !== null && 'faults' in value ? value.faults : [value];
    if (!Array.isArray(many) || many.length === 0) return refused(400, 'faults is a list');
    if (player.list().length + many.length > faultsMost) return refused(409, `there are ${faultsMost} faults at most`);
    const read: Fault[] = [];
    const problems: { path: string; message: string }[] = [];
    (many as unknown[]).forEach((each, i) => {
      const at = many.length > 1 ? `faults.${i}.` : '';
      const result = readFault(each);
      if ('problems' in result) {
        problems.push(...result.problems.map(({ path, message }) => ({ path: `${at}${path}`, message })));
        return;
      }
      const unknown = unknownPlace(world, result.fault);
      if (unknown) problems.push({ path: `${at}${unknown.field}`, message: unknown.message });
      read.push(result.fault);
    });
    if (problems.length > 0) return refused(400, 'this is no fault', problems);
    return json(201, { started: read.map((fault) => player.play(fault)) });
  }
}
