/** What a simulated forge keeps beside the git repository. */
import type { Repository } from './repository.ts';

export interface Review {
  id: number;
  user: string;
  state: 'APPROVED' | 'CHANGES_REQUESTED' | 'COMMENTED' | 'DISMISSED';
  body: string;
  commit: string;
  at: string;
}

export interface Pull {
  number: number;
  title: string;
  body: string;
  user: string;
  head: string;
  base: string;
  state: 'open' | 'closed';
  draft: boolean;
  createdAt: string;
  updatedAt: string;
  closedAt: string | null;
  merged: { at: string; by: string; commit: string } | null;
  /** Where the head was when the request was closed; the branch itself while it is open. */
  lastHead: string;
  /** Where the base was at the same time. */
  lastBase: string;
  reviews: Review[];
}

export interface Status {
  id: number;
  sha: string;
  context: string;
  state: 'error' | 'failure' | 'pending' | 'success';
  description: string | null;
  targetUrl: string | null;
  creator: string;
  at: string;
}

export interface CheckRun {
  id: number;
  sha: string;
  name: string;
  status: 'queued' | 'in_progress' | 'completed';
  conclusion: string | null;
}

export interface Deployment {
  id: number;
  sha: string;
  ref: string;
  task: string;
  environment: string;
  description: string | null;
  payload: unknown;
  creator: string;
  at: string;
  statuses: { id: number; state: string; description: string | null; targetUrl: string | null; at: string }[];
}

export interface Comment {
  id: number;
  /** A commit's id, or `#<number>` of a pull request. */
  subject: string;
  user: string;
  body: string;
  at: string;
}

export interface Hook {
  id: number;
  url: string;
  secret: string;
  events: string[];
  active: boolean;
}

export interface Protection {
  /** Reviews that a pull request needs; undefined = none. */
  reviews?: { count: number; dismissStale: boolean };
  /** Contexts of statuses and names of checks that must be green. */
  contexts: string[];
  /** The branch must be up to date before a merge. */
  strict: boolean;
  linearHistory: boolean;
}

export interface ForgeUser {
  login: string;
  permission: 'admin' | 'write' | 'read';
}

export interface ForgeOptions {
  owner: string;
  name: string;
  repository: Repository;
  /** Who calls, by token. */
  users: Record<string, ForgeUser>;
  now: () => number;
}

/** Everything by which a test, or a person at the control endpoint, sees what was done. */
export class ForgeState {
  readonly options: ForgeOptions;
  readonly pulls: Pull[] = [];
  readonly statuses: Status[] = [];
  readonly checkRuns: CheckRun[] = [];
  readonly deployments: Deployment[] = [];
  readonly comments: Comment[] = [];
  readonly hooks: Hook[] = [];
  readonly protections = new Map<string, Protection>();
  #nextId = 1_000;

  constructor(options: ForgeOptions) {
    this.options = options;
  }

  id(): number {
    this.#nextId += 1;
    return this.#nextId;
  }

  time(): string {
    return `${new Date(Math.floor(this.options.now() / 1000) * 1000).toISOString().slice(0, 19)}Z`;
  }

  pull(number: number): Pull | undefined {
    return this.pulls.find((one) => one.number === number);
  }

  /** The newest status of each context, newest first. */
  statusesOf(sha: string): Status[] {
    const newest = new Map<string, Status>();
    for (const status of this.statuses) if (status.sha === sha) newest.set(status.context, status);
    return [...newest.values()].sort((a, b) => b.id - a.id);
  }

  combined(sha: string): 'failure' | 'pending' | 'success' {
    const states = this.statusesOf(sha).map((one) => one.state);
    if (states.some((state) => state === 'failure' || state === 'error')) return 'failure';
    return states.length === 0 || states.includes('pending') ? 'pending' : 'success';
  }

  /** Why the base's protection does not let this commit of the request in; undefined when it does. */
  refusal(pull: Pull, headSha: string): string | undefined {
    const protection = this.protections.get(pull.base);
    if (protection === undefined) return undefined;
    const { reviews, contexts } = protection;
    if (reviews !== undefined) {
      const valid = this.deciding(pull, reviews.dismissStale ? headSha : undefined);
      if (valid.some((one) => one.state === 'CHANGES_REQUESTED')) return 'Changes have been requested.';
      const approvals = valid.filter((one) => one.state === 'APPROVED' && this.mayReview(one.user)).length;
      const people = reviews.count === 1 ? 'review is' : 'reviews are';
      if (approvals < reviews.count)
        return `At least ${reviews.count} approving ${people} required by reviewers with write access.`;
    }
    const missing = contexts.filter((context) => !this.green(headSha, context));
    if (missing.length === 0) return undefined;
    return missing.length === 1
      ? `Required status check "${missing[0]}" is expected.`
      : `${missing.length} of ${contexts.length} required status checks are expected.`;
  }

  /** The last word of each reviewer; words on older commits do not count when `sha` is given. */
  deciding(pull: Pull, sha?: string): Review[] {
    const last = new Map<string, Review>();
    for (const review of pull.reviews) {
      if (review.state === 'COMMENTED' || (sha !== undefined && review.commit !== sha && review.state === 'APPROVED'))
        continue;
      last.set(review.user, review);
    }
    return [...last.values()];
  }

  mayReview(login: string): boolean {
    return Object.values(this.options.users).some((user) => user.login === login && user.permission !== 'read');
  }

  green(sha: string, context: string): boolean {
    const status = this.statusesOf(sha).find((one) => one.context === context);
    if (status !== undefined) return status.state === 'success';
    const check = this.checkRuns.filter((one) => one.sha === sha && one.name === context).at(-1);
    return check !== undefined && ['success', 'neutral', 'skipped'].includes(check.conclusion ?? '');
  }

  /** Tells the repository's hooks which commits may be pushed to protected branches. */
  async protect(): Promise<void> {
    const heads = await this.options.repository.heads();
    const lines = [...this.protections].flatMap(([branch, protection]) => {
      if (protection.reviews === undefined && protection.contexts.length === 0) return [];
      const open = this.pulls.filter((one) => one.state === 'open' && one.base === branch);
      const allowed = open.flatMap((one) => {
        const sha = heads.get(one.head);
        return sha !== undefined && this.refusal(one, sha) === undefined ? [sha] : [];
      });
      const first = open[0];
      const why =
        (first === undefined ? undefined : this.refusal(first, heads.get(first.head) ?? '')) ??
        (protection.reviews === undefined
          ? 'Required status checks are expected.'
          : 'Changes must be made through a pull request.');
      return [{ ref: `refs/heads/${branch}`, allowed, why }];
    });
    await this.options.repository.protect(lines);
  }
}
