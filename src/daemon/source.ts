import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ChannelSource } from '../ports/channel-source.ts';
import { openChannelSource } from '../sources/git/git-channel-source.ts';
import type { Logger } from '../support/logger.ts';
import type { DaemonConfig } from './config.ts';

/** One conversation with the repository may take this long (wall time). */
const gitTimeoutMs = 120_000;

/** The configuration repository on the daemon's own mirror. Makes nothing before it is first asked. */
export function openSource(config: DaemonConfig, log: Logger): ChannelSource {
  return openOn(config, config.configRepository.mirrorPath, log);
}

/** The configuration repository on a mirror that is gone afterwards: looking must not touch what a daemon works on. */
export async function withScratchSource<Answer>(
  config: DaemonConfig,
  log: Logger,
  work: (source: ChannelSource) => Promise<Answer>,
): Promise<Answer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'clm-look-'));
  try {
    return await work(openOn(config, path.join(folder, 'mirror.git'), log));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function openOn(config: DaemonConfig, mirrorPath: string, log: Logger): ChannelSource {
  const { url, path: configuration, allowedSigners } = config.configRepository;
  return openChannelSource({
    url,
    path: configuration,
    mirrorPath,
    timeoutMs: gitTimeoutMs,
    log,
    ...(allowedSigners === undefined ? {} : { allowedSigners }),
  });
}
