/** A simulated forge: what people and programs do to pull requests and branches, on a real bare git repository. */
import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ForgeHooks } from './forge-hooks.ts';
import { type ForgeOptions, ForgeState, type Pull } from './forge-state.ts';
import { pullView, repositoryView, userView } from './forge-views.ts';
import { receivedFile } from './repository.ts';

/** An act that the forge refuses, as its API says it. */
export class ForgeRefusal extends Error {
  readonly status: number;
  readonly errors: unknown[] | undefined;

  constructor(status: number, message: string, errors?: unknown[]) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

const zero = '0'.repeat(40);

export class Forge {
  readonly state: ForgeState;
  readonly hooks: ForgeHooks;
  /** Where the API is, for links. */
  base = '';
  #watcher: FSWatcher | undefined;
  #read = 0;
  #noticing: Promise<void> = Promise.resolve();

  constructor(options: ForgeOptions) {
    this.state = new ForgeState(options);
    this.hooks = new ForgeHooks(this.state);
  }

  /** Installs hooks into the repository, and notices pushes from now on. */
  async start(): Promise<void> {
    const { repository } = this.state.options;
    await repository.prepare();
    this.#watcher = watch(join(repository.path, receivedFile), () => void this.noticePushes());
  }

  async stop(): Promise<void> {
    this.#watcher?.close();
    await this.#noticing;
    await this.hooks.settled();
  }

  /** What was pushed since the last look: events, and requests that are merged by it. */
  noticePushes(): Promise<void> {
    this.#noticing = this.#noticing.then(async () => {
      const text = await readFile(join(this.state.options.repository.path, receivedFile), 'utf8');
      const lines = text.slice(this.#read, text.lastIndexOf('\n') + 1);
      this.#read += lines.length;
      for (const line of lines.split('\n')) {
        const [before, after, ref] = line.split(' ');
        if (before === undefined || after === undefined || ref?.startsWith('refs/heads/') !== true) continue;
        await this.#branchMoved(ref.slice('refs/heads/'.length), before, after, 'pusher');
      }
    });
    return this.#noticing;
  }

  async openPull(input: {
    title: string;
    body: string;
    head: string;
    base: string;
    draft: boolean;
    user: string;
  }): Promise<Pull> {
    const { repository } = this.state.options;
    const heads = await repository.heads();
    const head = input.head.includes(':') ? input.head.slice(input.head.indexOf(':') + 1) : input.head;
    const headSha = heads.get(head);
    const baseSha = heads.get(input.base);
    const invalid = (field: string): unknown => ({ resource: 'PullRequest', field, code: 'invalid' });
    if (headSha === undefined) throw new ForgeRefusal(422, 'Validation Failed', [invalid('head')]);
    if (baseSha === undefined) throw new ForgeRefusal(422, 'Validation Failed', [invalid('base')]);
    if (this.state.pulls.some((one) => one.state === 'open' && one.head === head && one.base === input.base)) {
      const message = `A pull request already exists for ${this.state.options.owner}:${head}.`;
      throw new ForgeRefusal(422, 'Validation Failed', [{ resource: 'PullRequest', code: 'custom', message }]);
    }
    if (await repository.isAncestor(headSha, baseSha)) {
      const message = `No commits between ${input.base} and ${head}`;
      throw new ForgeRefusal(422, 'Validation Failed', [{ resource: 'PullRequest', code: 'custom', message }]);
    }
    const at = this.state.time();
    const { title, body, base, draft, user } = input;
    const number = this.state.pulls.length + 1;
    const pull: Pull = {
      ...{ number, title, body, user, head, base, draft, state: 'open', createdAt: at, updatedAt: at, closedAt: null },
      ...{ merged: null, lastHead: headSha, lastBase: baseSha, reviews: [] },
    };
    this.state.pulls.push(pull);
    await this.#changed('pull_request', 'opened', pull);
    return pull;
  }

  async editPull(
    pull: Pull,
    change: { title?: string; body?: string; base?: string; state?: 'open' | 'closed' },
    by: string,
  ): Promise<void> {
    const { title, body, base, state } = change;
    if (base !== undefined && !(await this.state.options.repository.heads()).has(base)) {
      throw new ForgeRefusal(422, 'Validation Failed', [{ resource: 'PullRequest', field: 'base', code: 'invalid' }]);
    }
    if (state === 'open' && pull.merged !== null) throw new ForgeRefusal(422, 'Validation Failed');
    Object.assign(
      pull,
      title === undefined ? {} : { title },
      body === undefined ? {} : { body },
      base === undefined ? {} : { base },
    );
    if (state !== undefined && state !== pull.state) {
      if (state === 'closed') await this.#close(pull);
      else Object.assign(pull, { state, closedAt: null });
      await this.#changed('pull_request', state === 'closed' ? 'closed' : 'reopened', pull, by);
      return;
    }
    await this.#changed('pull_request', 'edited', pull, by);
  }

  async review(pull: Pull, user: string, event: string, body: string): Promise<Pull['reviews'][number]> {
    const states = { APPROVE: 'APPROVED', REQUEST_CHANGES: 'CHANGES_REQUESTED', COMMENT: 'COMMENTED' } as const;
    const state = states[event as keyof typeof states];
    if (state === undefined) throw new ForgeRefusal(422, 'Validation Failed');
    if (user === pull.user && state !== 'COMMENTED') {
      const what = state === 'APPROVED' ? 'approve' : 'request changes on';
      throw new ForgeRefusal(422, 'Unprocessable Entity', [`Can not ${what} your own pull request`]);
    }
    const commit = (await this.state.options.repository.heads()).get(pull.head) ?? pull.lastHead;
    const review = { id: this.state.id(), user, state, body, commit, at: this.state.time() };
    pull.reviews.push(review);
    await this.#changed('pull_request_review', 'submitted', pull, user);
    return review;
  }

  /** Merges as the button does. Answers the commit that the base is at afterwards. */
  async merge(pull: Pull, by: string, how: { method: string; sha?: string; title?: string }): Promise<string> {
    const { repository } = this.state.options;
    if (pull.state !== 'open') throw new ForgeRefusal(405, 'Pull Request is not mergeable');
    const heads = await repository.heads();
    const head = heads.get(pull.head) ?? '';
    const base = heads.get(pull.base) ?? '';
    if (how.sha !== undefined && how.sha !== head)
      throw new ForgeRefusal(409, 'Head branch was modified. Review and try the merge again.');
    const refusal = this.state.refusal(pull, head);
    if (refusal !== undefined) throw new ForgeRefusal(405, refusal);
    const protection = this.state.protections.get(pull.base);
    if (protection?.strict === true && !(await repository.isAncestor(base, head)))
      throw new ForgeRefusal(405, 'Head branch is out of date. Review and try the merge again.');
    if (protection?.linearHistory === true && how.method === 'merge')
      throw new ForgeRefusal(405, 'Merge commits are not allowed on this repository.');
    if (how.method !== 'merge' && how.method !== 'squash')
      throw new ForgeRefusal(405, 'Rebase merges are not allowed on this repository.');
    const merge = await repository.mergeTree(base, head);
    if (merge.kind === 'conflict') throw new ForgeRefusal(405, 'Pull Request is not mergeable');
    const title =
      how.title ?? (how.method === 'squash' ? `${pull.title} (#${pull.number})` : `Merge pull request #${pull.number}`);
    const commit = await repository.commitTree(merge.tree, how.method === 'merge' ? [base, head] : [base], title, by);
    if (!(await repository.updateRef(pull.base, commit, base)))
      throw new ForgeRefusal(409, 'Base branch was modified. Review and try the merge again.');
    await this.#markMerged(pull, by, commit);
    await this.#branchMoved(pull.base, base, commit, by);
    return commit;
  }

  /** Moves, makes (`from` null) or deletes (`to` null) a branch by the API. */
  async moveBranch(branch: string, to: string | null, force: boolean, by: string): Promise<void> {
    const { repository } = this.state.options;
    const from = (await repository.heads()).get(branch) ?? null;
    if (to !== null && from !== null && !force && !(await repository.isAncestor(from, to)))
      throw new ForgeRefusal(422, 'Update is not a fast forward');
    const blocked = this.state.protections.get(branch);
    if (blocked !== undefined && from !== null) await this.#mayPush(branch, to);
    if (!(await repository.updateRef(branch, to, from))) throw new ForgeRefusal(422, 'Reference does not exist');
    await this.#branchMoved(branch, from ?? zero, to ?? zero, by);
  }

  async #mayPush(branch: string, to: string | null): Promise<void> {
    const heads = await this.state.options.repository.heads();
    const open = this.state.pulls.filter((one) => one.state === 'open' && one.base === branch);
    const fits = open.some(
      (one) => heads.get(one.head) === to && to !== null && this.state.refusal(one, to) === undefined,
    );
    if (!fits) throw new ForgeRefusal(422, 'Changes must be made through a pull request.');
  }

  /** After anything that may change who may push what. */
  async settled(): Promise<void> {
    await this.state.protect();
  }

  async #branchMoved(branch: string, before: string, after: string, by: string): Promise<void> {
    const { owner, name, repository } = this.state.options;
    for (const pull of this.state.pulls) {
      if (pull.state !== 'open') continue;
      if (pull.base === branch && after !== zero) {
        const head = (await repository.heads()).get(pull.head) ?? pull.lastHead;
        if (await repository.isAncestor(head, after)) await this.#markMerged(pull, by, after);
      } else if (pull.head === branch && after === zero) {
        await this.#close(pull, before);
        await this.#changed('pull_request', 'closed', pull, by);
      } else if (pull.head === branch) {
        pull.lastHead = after;
        await this.#changed('pull_request', 'synchronize', pull, by);
      }
    }
    await this.settled();
    const flags = { created: before === zero, deleted: after === zero, forced: false };
    const repo = repositoryView(this.state, this.base);
    const people = { pusher: { name: by }, sender: userView(by) };
    this.hooks.emit('push', {
      ref: `refs/heads/${branch}`,
      before,
      after,
      ...flags,
      repository: { ...repo, full_name: `${owner}/${name}` },
      ...people,
    });
  }

  async #markMerged(pull: Pull, by: string, commit: string): Promise<void> {
    await this.#close(pull);
    pull.merged = { at: this.state.time(), by, commit };
    await this.#changed('pull_request', 'closed', pull, by);
  }

  async #close(pull: Pull, lastHead?: string): Promise<void> {
    const heads = await this.state.options.repository.heads();
    pull.lastHead = lastHead ?? heads.get(pull.head) ?? pull.lastHead;
    pull.lastBase = heads.get(pull.base) ?? pull.lastBase;
    pull.state = 'closed';
    pull.closedAt = this.state.time();
  }

  async #changed(event: string, action: string, pull: Pull, by = pull.user): Promise<void> {
    pull.updatedAt = this.state.time();
    await this.settled();
    const shown = await pullView(this.state, pull, this.base);
    const repo = repositoryView(this.state, this.base);
    this.hooks.emit(event, {
      action,
      number: pull.number,
      pull_request: shown,
      repository: repo,
      sender: userView(by),
    });
  }
}
