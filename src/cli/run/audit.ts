/** `clm audit verify`, `clm audit show` */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { allowedSignersProblems } from '../../daemon/allowed-signers.ts';
import { type AuditReport, audit } from '../../daemon/audit.ts';
import type { DaemonConfig } from '../../daemon/config.ts';
import { type FoundCommit, findCommit } from '../../daemon/control/commits.ts';
import { readPipeline } from '../../daemon/inputs.ts';
import { withScratchSource } from '../../daemon/source.ts';
import { FailureError } from '../../domain/failure.ts';
import { type NoteLine, parseMoveNote } from '../../planning/pipeline/move-record.ts';
import type { ReadStore } from '../../ports/store.ts';
import { createSshJudge } from '../../sources/git/ssh-signature.ts';
import { silentLogger } from '../../support/logger.ts';
import type { CommandContext, ConnectionOptions, OutputFormat } from '../command.ts';
import { configOf, withProgress } from '../connection.ts';
import { badInput, CliError, exitCodes } from '../exit.ts';
import { openStoreForBackup } from '../offline-reader.ts';
import { printDocument } from '../output.ts';
import { auditLines, recordLines } from '../view/audit-view.ts';

export interface AuditVerifyOptions extends ConnectionOptions {
  output: OutputFormat;
  channel?: string;
  limit: string;
  allowedSigners?: string;
  requireSignatures?: boolean;
  journal: boolean;
}

export interface AuditShowOptions extends ConnectionOptions {
  output: OutputFormat;
}

export async function runAuditVerify(options: AuditVerifyOptions, { io }: CommandContext): Promise<void> {
  const config = await configOf(options, io);
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1) throw badInput(`--limit takes a number of moves, not '${options.limit}'`);
  const signers = signersOf(options, config);
  const report = await withProgress(io, 'verifying', verified(config, { ...options, limit, signers }));
  await printDocument(io, options.output, report, () => auditLines(report));
  if (!report.proven) throw new CliError(exitCodes.failed, 'not everything is proven; see the findings above');
}

function signersOf(options: AuditVerifyOptions, config: DaemonConfig): string | undefined {
  const { allowedSigners } = options;
  if (allowedSigners === undefined) return config.configRepository.allowedSigners;
  const file = path.resolve(allowedSigners);
  const problems = allowedSignersProblems(file).map((problem) => ({ file: allowedSigners, ...problem }));
  if (problems.length > 0) throw badInput('the allowed signers cannot be used', problems);
  return file;
}

async function verified(
  config: DaemonConfig,
  options: {
    channel?: string;
    limit: number;
    signers: string | undefined;
    requireSignatures?: boolean;
    journal: boolean;
  },
): Promise<AuditReport> {
  const work = (store: ReadStore | undefined) =>
    withRepository(config, async (source) => {
      const { pipeline, problems } = await readPipeline(config, source);
      if (pipeline === undefined) throw badInput('there is no usable pipeline, so nobody knows the channels', problems);
      const names = pipeline.channels.map((channel) => channel.name);
      const { channel } = options;
      if (channel !== undefined && !names.includes(channel))
        throw badInput(`there is no channel ${channel}; there are ${names.join(', ')}`);
      const report = await audit({
        channels: pipeline.channels,
        source,
        store,
        judge: options.signers === undefined ? undefined : createSshJudge(options.signers),
        policy: { signatures: options.requireSignatures === true || config.configRepository.signingKey !== undefined },
        limit: options.limit,
      });
      return channel === undefined ? report : only(report, channel);
    });
  if (!options.journal || !existsSync(config.store.path)) return work(undefined);
  const store = await openStoreForBackup(config);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

function only(report: AuditReport, channel: string): AuditReport {
  const findings = report.findings.filter((finding) => finding.channel === channel);
  return {
    proven: findings.length === 0 && report.journal.state !== 'broken',
    channels: report.channels.filter((one) => one.channel === channel),
    findings,
    journal: report.journal,
  };
}

/**
 * The record of what was typed: a full id, or whatever the repository takes it for. A beginning counts for commits with records, too,
 * however long ago they were moved.
 */
export async function recordsOf(
  notes: ReadonlyMap<string, string>,
  find: () => Promise<FoundCommit>,
  ref: string,
): Promise<{ id: string; text: string | undefined }> {
  const typed = ref.toLowerCase();
  if (notes.has(typed)) return { id: typed, text: notes.get(typed) };
  const recorded = /^[\da-f]{7,63}$/.test(typed) ? [...notes.keys()].filter((id) => id.startsWith(typed)) : [];
  const found = await find();
  const meanings = new Set([...recorded, ...(found.kind === 'found' ? [found.commit] : [])]);
  const [id] = meanings;
  if (found.kind === 'ambiguous' || meanings.size > 1) {
    const may = found.kind === 'ambiguous' ? found.meanings : [...meanings].map((one) => `commit ${one.slice(0, 16)}`);
    const remedy = found.kind === 'ambiguous' ? found.remedy : 'write more digits, refs/heads/… or refs/tags/…';
    throw badInput(`'${ref}' may be any of: ${may.join(', ')}; ${remedy}`);
  }
  if (id === undefined) {
    throw badInput(
      `there is no commit '${ref}': write a channel, a branch, a tag, or seven digits of a commit or more`,
    );
  }
  return { id, text: notes.get(id) };
}

export async function runAuditShow(commit: string, options: AuditShowOptions, { io }: CommandContext): Promise<void> {
  const config = await configOf(options, io);
  const { id, text } = await withProgress(
    io,
    'reading the notes',
    withRepository(config, async (source) => {
      const { pipeline } = await readPipeline(config, source);
      return recordsOf(await source.readNotes(), () => findCommit(source, pipeline, commit), commit);
    }),
  );
  const records = text === undefined ? [] : parseMoveNote(text).lines;
  if (records.length === 0) {
    const what = id.startsWith(commit) ? id : `${commit}, which is ${id}`;
    throw badInput(`there is no record of a move to ${what}: people pushed it, or the daemon has yet to publish it`);
  }
  const document = records.map(({ move, signature }: NoteLine) => ({ ...move, signed: signature !== null }));
  await printDocument(io, options.output, document, () => records.flatMap(recordLines));
}

async function withRepository<Answer>(
  config: DaemonConfig,
  work: Parameters<typeof withScratchSource<Answer>>[2],
): Promise<Answer> {
  try {
    return await withScratchSource(config, silentLogger(), work);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    const { code, message } = error.failure;
    throw badInput('the configuration repository cannot be read', [
      { file: config.configRepository.url, message, remedy: `clm explain ${code}` },
    ]);
  }
}
