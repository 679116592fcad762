/** How the forge shows what it keeps, in the shape of GitHub's REST API. */
import type { Comment, Deployment, ForgeState, Pull, Review, Status } from './forge-state.ts';
import type { CommitView } from './repository.ts';

type View = Record<string, unknown>;

export function userView(login: string): View {
  const id = Array.from(login).reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1_000_000, 7);
  return { login, id, type: login.endsWith('[bot]') ? 'Bot' : 'User', site_admin: false };
}

export function repositoryView(state: ForgeState, base: string): View {
  const { owner, name } = state.options;
  const url = `${base}/repos/${owner}/${name}`;
  return {
    id: 1,
    name,
    full_name: `${owner}/${name}`,
    private: true,
    owner: userView(owner),
    url,
    default_branch: 'dev',
  };
}

export async function pullView(state: ForgeState, pull: Pull, base: string): Promise<View> {
  const { owner, name, repository } = state.options;
  const heads = await repository.heads();
  const open = pull.state === 'open';
  const headSha = open ? (heads.get(pull.head) ?? pull.lastHead) : pull.lastHead;
  const baseSha = open ? (heads.get(pull.base) ?? pull.lastBase) : pull.lastBase;
  const url = `${base}/repos/${owner}/${name}/pulls/${pull.number}`;
  return {
    id: 10_000 + pull.number,
    number: pull.number,
    url,
    html_url: `https://forge.example.org/${owner}/${name}/pull/${pull.number}`,
    state: pull.state,
    draft: pull.draft,
    locked: false,
    title: pull.title,
    body: pull.body,
    user: userView(pull.user),
    created_at: pull.createdAt,
    updated_at: pull.updatedAt,
    closed_at: pull.closedAt,
    merged_at: pull.merged?.at ?? null,
    merged: pull.merged !== null,
    merged_by: pull.merged === null ? null : userView(pull.merged.by),
    merge_commit_sha: pull.merged?.commit ?? null,
    head: { ref: pull.head, sha: headSha, label: `${owner}:${pull.head}` },
    base: { ref: pull.base, sha: baseSha, label: `${owner}:${pull.base}` },
    ...(open ? await mergeability(state, pull, headSha, baseSha) : { mergeable: null, mergeable_state: 'unknown' }),
  };
}

async function mergeability(state: ForgeState, pull: Pull, headSha: string, baseSha: string): Promise<View> {
  const merge = await state.options.repository.mergeTree(baseSha, headSha);
  if (merge.kind === 'conflict') return { mergeable: false, mergeable_state: 'dirty' };
  if (state.refusal(pull, headSha) !== undefined) return { mergeable: true, mergeable_state: 'blocked' };
  return { mergeable: true, mergeable_state: state.combined(headSha) === 'failure' ? 'unstable' : 'clean' };
}

export function reviewView(review: Review, pull: Pull): View {
  return {
    id: review.id,
    user: userView(review.user),
    body: review.body,
    state: review.state,
    commit_id: review.commit,
    submitted_at: review.at,
    pull_request_url: `/pulls/${pull.number}`,
  };
}

export function statusView(status: Status): View {
  return {
    id: status.id,
    state: status.state,
    context: status.context,
    description: status.description,
    target_url: status.targetUrl,
    creator: userView(status.creator),
    created_at: status.at,
    updated_at: status.at,
  };
}

export function deploymentView(deployment: Deployment): View {
  const { id, sha, ref, task, environment, description, payload, creator, at } = deployment;
  const times = { created_at: at, updated_at: deployment.statuses.at(-1)?.at ?? at };
  const flags = { transient_environment: false, production_environment: environment === 'production' };
  return { id, sha, ref, task, environment, description, payload, creator: userView(creator), ...times, ...flags };
}

export function commentView(comment: Comment): View {
  const { id, body, user, at, subject } = comment;
  const html = `https://forge.example.org/comment/${id}`;
  const where = subject.startsWith('#') ? {} : { commit_id: subject };
  return { id, body, user: userView(user), created_at: at, updated_at: at, html_url: html, ...where };
}

export function commitView(commit: CommitView, base: string): View {
  const person = { name: commit.author, email: commit.email, date: commit.date };
  return {
    sha: commit.sha,
    commit: { author: person, committer: person, message: commit.message, tree: { sha: commit.tree } },
    parents: commit.parents.map((sha) => ({ sha, url: `${base}/commits/${sha}` })),
  };
}
