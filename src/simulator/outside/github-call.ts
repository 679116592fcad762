/** One request to the simulated forge, read, and what is answered. */
import type { Forge } from './forge.ts';
import type { ForgeUser } from './forge-state.ts';
import type { RateState } from './rate-limit.ts';

export interface GithubCall {
  forge: Forge;
  user: ForgeUser;
  query: URLSearchParams;
  body: Record<string, unknown>;
  /** `http://host:port/_github` */
  base: string;
  /** Path below it, for links to other pages. */
  path: string;
  rates: RateState;
}

export interface GithubReply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}
