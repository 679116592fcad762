/**
 * Decision time that no jump of this machine's clock moves. It starts at wall time and then follows the monotonic clock. Servers say what
 * time it is in every answer: what most of them say is the time, and the wall clock decides only where none has been heard.
 * Where it was wrong, it is set at once, back too: limits then pass too late rather than too early, and timers fire early.
 */
import type { Clock, Timer } from './clock.ts';
import { wallMs } from './deadline.ts';

interface TimeSources {
  /** Epoch ms by this machine: may jump. */
  wall(): number;
  /** Ms since an arbitrary start: never jumps, and stands still while the machine sleeps. */
  elapsed(): number;
  /** Calls `fire` once, when this many ms have elapsed. */
  after(ms: number, fire: () => void): Timer;
}

/** What became of a difference between clocks; `byMs` is how far decision time moves, or would have moved. */
export interface TimeCorrection {
  kind: 'moved' | 'refused';
  byMs: number;
  /** Servers that were heard, and how many of them agreed with what was done. */
  heard: number;
  agreed: number;
}

/** Differences up to this are latency, and the seconds of a Date header. */
const slackMs = 30_000;
/** Servers must tell another time for this long: one of several behind an address may be wrong. */
const confirmMs = 60_000;
/** A jump of the wall clock that no server has confirmed or denied by then is believed. */
const unheardMs = 10 * 60_000;
/** What a server said counts for this long. */
const freshMs = 10 * 60_000;
/** Differences are judged no more often than this. */
const judgeEveryMs = 1_000;
/** No timer waits longer than this without a look at the time, which may have moved. */
const longestArmMs = 60_000;

/** The sources of a process. */
const ownSources: TimeSources = {
  wall: () => Date.now(),
  elapsed: wallMs,
  after: (ms, fire) => {
    const handle = setTimeout(fire, ms);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** `offset` is what is added to elapsed time. */
interface Vote {
  offset: number;
  at: number;
}

export class SteadyClock implements Clock {
  readonly #sources: TimeSources;
  readonly #corrected: (correction: TimeCorrection) => void;
  #offset: number;
  /** Of the wall clock when it was last judged. */
  #wallOffset: number;
  /** No server has been heard yet since this moment of elapsed time. */
  #unheardFrom: number | undefined;
  readonly #votes = new Map<string, Vote>();
  /** Another time that is not believed yet. */
  #other: { offset: number; since: number } | undefined;
  #timesSet = 0;
  #judgedAt = Number.NEGATIVE_INFINITY;

  /** `corrected` hears what was decided about each jump and each difference from the servers. */
  constructor(sources: TimeSources = ownSources, corrected: (correction: TimeCorrection) => void = () => undefined) {
    this.#sources = sources;
    this.#corrected = corrected;
    this.#offset = sources.wall() - sources.elapsed();
    this.#wallOffset = this.#offset;
    this.#unheardFrom = sources.elapsed();
  }

  get timesSet(): number {
    return this.#timesSet;
  }

  now(): number {
    const elapsed = this.#sources.elapsed();
    if (elapsed - this.#judgedAt >= judgeEveryMs) this.#judge(elapsed);
    return Math.floor(elapsed + this.#offset);
  }

  /** Fires early when the time has been set back meanwhile: whoever waits for a moment has to look at the time anyway. */
  at(atMs: number, fire: () => void): Timer {
    let timer: Timer;
    const arm = (): void => {
      const from = this.now();
      const waitMs = Math.min(Math.max(0, atMs - from), longestArmMs);
      timer = this.#sources.after(Math.ceil(waitMs), () => {
        const now = this.now();
        if (now >= atMs || now < from) fire();
        else arm();
      });
    };
    arm();
    return { cancel: () => timer.cancel() };
  }

  /** A server said that it is `serverMs` (epoch) now. */
  heard(server: string, serverMs: number): void {
    if (!Number.isFinite(serverMs)) return;
    const elapsed = this.#sources.elapsed();
    // First: what servers said before the wall clock jumped says nothing about that.
    this.#judge(elapsed);
    this.#unheardFrom = undefined;
    this.#votes.set(server, { offset: serverMs - elapsed, at: elapsed });
    this.#judge(elapsed);
  }

  /** Why nothing that hangs on a limit should be decided now; undefined when the time is certain. Ends within ten minutes. */
  doubt(): string | undefined {
    const elapsed = this.#sources.elapsed();
    this.#judge(elapsed);
    if (this.#other === undefined) {
      const unheard = this.#unheardFrom !== undefined && elapsed - this.#unheardFrom < unheardMs;
      return unheard ? 'no API server has said yet what time it is' : undefined;
    }
    const seconds = Math.round(Math.abs(this.#other.offset - this.#offset) / 1000);
    const direction = this.#other.offset > this.#offset ? 'later' : 'earlier';
    const who = this.#fresh(elapsed).length > 0 ? 'API servers say' : "this machine's clock says";
    return `${who} that it is ${seconds} s ${direction} than expected: nothing is decided until that is certain`;
  }

  #fresh(elapsed: number): Vote[] {
    for (const [server, vote] of this.#votes) if (elapsed - vote.at > freshMs) this.#votes.delete(server);
    return [...this.#votes.values()];
  }

  #judge(elapsed: number): void {
    this.#judgedAt = elapsed;
    const wall = this.#sources.wall() - elapsed;
    // NTP has set it by a little, or somebody has put it right: it is followed.
    if (near(wall, this.#offset)) {
      this.#offset = wall;
      this.#wallOffset = wall;
    }
    const jumped = !near(wall, this.#wallOffset);
    if (jumped && this.#other === undefined) this.#votes.clear();
    const votes = this.#fresh(elapsed);
    const found = votes.length > 0 ? told(votes, wall) : jumped ? { offset: wall, agreed: 0 } : undefined;
    if (found === undefined || near(found.offset, this.#offset)) {
      if (this.#other !== undefined || jumped) this.#refuse(wall, votes.length, found?.agreed ?? 0);
      return;
    }
    if (this.#other === undefined || !near(this.#other.offset, found.offset)) {
      this.#other = { offset: found.offset, since: elapsed };
    }
    if (elapsed - this.#other.since < (votes.length > 0 ? confirmMs : unheardMs)) return;
    const byMs = found.offset - this.#offset;
    this.#offset = found.offset;
    this.#timesSet += 1;
    this.#settle(wall);
    this.#corrected({ kind: 'moved', byMs, heard: votes.length, agreed: found.agreed });
  }

  #refuse(wall: number, heard: number, agreed: number): void {
    const byMs = (this.#other?.offset ?? wall) - this.#offset;
    this.#settle(wall);
    this.#corrected({ kind: 'refused', byMs, heard, agreed });
  }

  #settle(wall: number): void {
    this.#wallOffset = wall;
    this.#other = undefined;
  }
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= slackMs;
}

/** The offset that most servers tell; the wall clock speaks where they do not agree. undefined when that helps nothing. */
function told(votes: readonly Vote[], wall: number): { offset: number; agreed: number } | undefined {
  const offsets = votes.map((vote) => vote.offset);
  return mostSay(offsets) ?? mostSay([...offsets, wall]);
}

function mostSay(offsets: readonly number[]): { offset: number; agreed: number } | undefined {
  const sorted = [...offsets].sort((a, b) => a - b);
  // What more than half of them say is what the one in the middle says.
  const middle = sorted[Math.floor(sorted.length / 2)] as number;
  const agreed = sorted.filter((offset) => near(offset, middle)).length;
  return agreed * 2 > sorted.length ? { offset: middle, agreed } : undefined;
}
