/** Another system says yes, of exactly this version. */
import type { HttpGate } from '../../../domain/gate.ts';
import { type Asked, closed, type GateVerdict, inconclusive, open, unanswered } from './gate-verdict.ts';

export interface HttpAnswer {
  status: number;
  body: string;
}

export interface HttpGateInput {
  gate: HttpGate;
  commit: string;
  asked: Asked<HttpAnswer>;
  now: number;
}

/** The answer is JSON: `{"verdict": "open" | "closed" | "inconclusive", "reason"?: …, "commit"?: …}`. */
export function judgeHttp({ gate, commit, asked, now }: HttpGateInput): GateVerdict {
  const who = `the service at ${hostOf(gate.url)}`;
  if (!asked.answered) return unanswered(asked, { patienceMs: gate.patienceMs, now, who });
  const { status, body } = asked.answer;
  if (status !== 200) return inconclusive(`${who} answers ${status}`, who);
  const said = parsed(body);
  if (said === undefined) return inconclusive(`${who} answers what is no verdict: ${body.slice(0, 80)}`, who);
  const { verdict, reason, commit: about } = said;
  const why = reason === undefined ? '' : `: ${reason}`;
  if (about !== undefined && about !== commit) {
    return inconclusive(`${who} speaks of ${about.slice(0, 12)}, not of ${commit.slice(0, 12)}`, who);
  }
  if (verdict === 'open') return open(`${who} says open${why}`);
  return verdict === 'closed' ? closed(`${who} says closed${why}`, who) : inconclusive(`${who} cannot say${why}`, who);
}

interface Said {
  verdict: 'open' | 'closed' | 'inconclusive';
  reason?: string;
  commit?: string;
}

function parsed(body: string): Said | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { verdict, reason, commit } = value as Record<string, unknown>;
  if (verdict !== 'open' && verdict !== 'closed' && verdict !== 'inconclusive') return undefined;
  return {
    verdict,
    ...(typeof reason === 'string' ? { reason: reason.slice(0, 300) } : {}),
    ...(typeof commit === 'string' ? { commit } : {}),
  };
}

export function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}
