import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ChannelSource } from '../ports/channel-source.ts';
import { openChannelSource } from '../sources/git/git-channel-source.ts';
import type { Logger } from '../support/logger.ts';
import type { DaemonConfig } from './config.ts';
import type { FurtherRepository } from './config-repository.ts';
import type { FurtherSource } from './further-sources.ts';

/** One conversation with the repository may take this long (wall time). */
const gitTimeoutMs = 120_000;

/** The configuration repository on the daemon's own mirror. Makes nothing before it is first asked. */
export function openSource(config: DaemonConfig, log: Logger): ChannelSource {
  return openOn(config, config.configRepository.mirrorPath, log);
}

/** Repositories beside it, on the daemon's own mirrors. */
export function openFurther(config: DaemonConfig, log: Logger): FurtherSource[] {
  return openFurtherOn(config, (further) => further.mirrorPath, log);
}

/** The configuration repository and those beside it on mirrors that are gone afterwards: looking must not touch what a daemon works on. */
export async function withScratchSource<Answer>(
  config: DaemonConfig,
  log: Logger,
  work: (source: ChannelSource, further: FurtherSource[]) => Promise<Answer>,
): Promise<Answer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'clm-look-'));
  try {
    const further = openFurtherOn(config, ({ name }) => path.join(folder, 'mirrors', `${name}.git`), log);
    return await work(openOn(config, path.join(folder, 'mirror.git'), log), further);
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

function openFurtherOn(
  config: DaemonConfig,
  mirrorPath: (further: FurtherRepository) => string,
  log: Logger,
): FurtherSource[] {
  return config.configRepository.further.map((further) => {
    const { name, url, path: configuration, branch } = further;
    const options = { url, path: configuration, mirrorPath: mirrorPath(further), timeoutMs: gitTimeoutMs, log };
    return { name, path: configuration, branch, source: openChannelSource(options) };
  });
}
