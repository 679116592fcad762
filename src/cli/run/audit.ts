/** `clm audit verify`, `clm audit show` */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { allowedSignersProblems } from '../../daemon/allowed-signers.ts';
import { type AuditReport, audit } from '../../daemon/audit.ts';
import type { DaemonConfig } from '../../daemon/config.ts';
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

export async function runAuditShow(commit: string, options: AuditShowOptions, { io }: CommandContext): Promise<void> {
  const config = await configOf(options, io);
  if (!/^[\da-f]{7,64}$/.test(commit)) throw badInput(`'${commit}' is no commit: write at least 7 of its digits`);
  const notes = await withProgress(
    io,
    'reading the notes',
    withRepository(config, (source) => source.readNotes()),
  );
  const records = [...notes].filter(([id]) => id.startsWith(commit)).flatMap(([, text]) => parseMoveNote(text).lines);
  if (records.length === 0) {
    throw badInput(`there is no record of a move to ${commit}: people pushed it, or the daemon has yet to publish it`);
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
