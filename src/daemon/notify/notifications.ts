/** People are told: one loop that collects news, and one for each place that delivers them, so that a place that is down holds up no other. */
import type { StatusProblem } from '../../planning/explain/status-document.ts';
import { sleep } from '../../support/deadline.ts';
import type { Logger } from '../../support/logger.ts';
import type { Random } from '../../support/random.ts';
import { type LevelLoop, startLevelLoop } from '../level-loop.ts';
import { Collector, type CollectorInput } from './collector.ts';
import { Sink, type SinkInput } from './sink.ts';

export interface NotificationsInput extends Omit<CollectorInput, 'sinks' | 'onNews'> {
  sinks: readonly Pick<SinkInput, 'name' | 'audience' | 'notifier'>[];
  store: CollectorInput['store'] & SinkInput['store'];
  attempts: number;
  onAttempt: SinkInput['onAttempt'];
  random: Random;
  log: Logger;
}

export interface Notifications {
  /** Something was committed. */
  notify: () => void;
  /** Somebody has changed the outbox: what is shown of it is read again, and what is due is told. */
  reread: () => Promise<void>;
  problems: () => StatusProblem[];
  counts: () => { sink: string; pending: number; dead: number }[];
  close: () => Promise<void>;
}

/** Windows open and blocks grow old without a commit: wall ms between two looks. */
const lookEveryMs = 5_000;
const shortestPassMs = 200;

export function startNotifications(input: NotificationsInput): Notifications {
  const { store, attempts, leaseHeld, log, now, onAttempt, random } = input;
  const loops: LevelLoop[] = [];
  const stopping = new AbortController();
  const sinks = input.sinks.map((one) => new Sink({ ...one, store, attempts, leaseHeld, log, now, onAttempt }));
  for (const sink of sinks) {
    const broken = `${sink.name} cannot be told`;
    loops.push(
      startLevelLoop({ pass: () => sink.pass(), broken, random: random.fork(sink.name), log, shortestPassMs }),
    );
  }
  const onNews = (): void => {
    for (const loop of loops) loop.notify();
  };
  const collector = new Collector({ ...input, sinks, onNews });
  const collecting = startLevelLoop({
    pass: () => collector.pass(),
    broken: 'news cannot be collected',
    random: random.fork('collecting'),
    log,
    shortestPassMs,
  });
  const looking = (async () => {
    while (await sleep(lookEveryMs, stopping.signal)) collecting.notify();
  })();
  return {
    notify: collecting.notify,
    reread: async () => {
      for (const sink of sinks) await sink.reread();
      onNews();
    },
    problems: () => sinks.flatMap((sink) => sink.problems()),
    counts: () => sinks.map((sink) => ({ sink: sink.name, ...sink.counts() })),
    close: async () => {
      stopping.abort();
      await looking;
      await collecting.close();
      await Promise.all(loops.map((loop) => loop.close()));
    },
  };
}
