/** `clm render` */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { loadDaemonConfig } from '../../daemon/config.ts';
import { renderFleet } from '../../daemon/render-fleet.ts';
import type { Problem } from '../../domain/problem.ts';
import { clusterVersion } from '../../domain/rendered.ts';
import { silentLogger } from '../../support/logger.ts';
import type { CommandContext, ConnectionOptions, OutputFormat } from '../command.ts';
import { withProgress } from '../connection.ts';
import { badInput } from '../exit.ts';
import { colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';
import { renderedFiles } from '../rendered-files.ts';
import { renderTable } from '../view/table.ts';
import { warningLines } from '../view/warning-lines.ts';

export interface RenderCommandOptions extends ConnectionOptions {
  output: OutputFormat;
  cluster?: string;
  channel?: string;
  out?: string;
  live?: boolean;
}

interface Summary {
  cluster: string;
  id: string;
  channel: string;
  version: string;
  /** Commits of further repositories that the commit pins. */
  sources?: readonly { name: string; commit: string }[];
  stacks: number;
  components: number;
  pools: number;
  files?: number;
}

/** A folder with this file was written by this command, and may be replaced by it. */
const mark = '.clm-render';

export async function runRender(
  ref: string | undefined,
  options: RenderCommandOptions,
  { io }: CommandContext,
): Promise<void> {
  const { config, problems } = loadDaemonConfig(options.config ?? 'clm.yaml', io.environment);
  if (config === undefined) throw badInput('nothing was rendered', problems);
  const target = options.out === undefined ? undefined : path.resolve(options.out);
  if (target !== undefined) await refuseForeign(target, options.out as string);
  const folder = target === undefined ? undefined : await scratchBeside(target);
  const summaries: Summary[] = [];
  const question = {
    live: options.live === true,
    ...(ref === undefined ? {} : { ref }),
    ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
    ...(options.channel === undefined ? {} : { channel: options.channel }),
  };
  let warnings: Problem[] = [];
  try {
    const work = renderFleet(config, question, {
      log: silentLogger(),
      version: 'render',
      take: async ({ cluster, rendered, redact, sources }) => {
        const { alias, id, channel } = cluster;
        const counts = {
          stacks: rendered.stacks.length,
          components: rendered.components.length,
          pools: rendered.pools.length + rendered.karpenterPools.length,
        };
        const pins = sources.length === 0 ? {} : { sources };
        const summary: Summary = { cluster: alias, id, channel, version: clusterVersion(rendered), ...pins, ...counts };
        if (folder !== undefined) {
          const files = renderedFiles(rendered, redact);
          await writeFiles(path.join(folder, alias), files);
          summary.files = files.size;
        }
        summaries.push(summary);
      },
    });
    const result = await withProgress(io, 'rendering', work);
    ({ warnings } = result);
    if (result.problems.length > 0) {
      const count = result.problems.length === 1 ? '1 problem' : `${result.problems.length} problems`;
      throw badInput(`${count}; ${target === undefined ? 'nothing is shown' : 'nothing was written'}`, result.problems);
    }
    if (folder !== undefined && target !== undefined) await replace(folder, target);
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
  const document = { clusters: summaries, warnings, ...(target === undefined ? {} : { out: target }) };
  await printDocument(io, options.output, document, (wide) => [
    ...table(summaries, wide, { columns: tableColumns(io), colors: colorsOf(io) }),
    ...warningLines(warnings),
    '',
    closing(summaries, options.out),
  ]);
}

function table(
  summaries: Summary[],
  wide: boolean,
  view: { columns: number | undefined; colors: ReturnType<typeof colorsOf> },
): string[] {
  return renderTable(
    summaries,
    [
      { title: 'CLUSTER', value: (one) => one.cluster },
      { title: 'CHANNEL', value: (one) => one.channel },
      { title: 'VERSION', value: versionOf },
      { title: 'STACKS', value: (one) => String(one.stacks) },
      { title: 'COMPONENTS', value: (one) => String(one.components) },
      { title: 'POOLS', value: (one) => String(one.pools) },
      { title: 'ID', value: (one) => one.id, wide: true },
    ],
    { ...view, wide },
  );
}

function versionOf({ version, sources }: Summary): string {
  const pins = (sources ?? []).map(({ name, commit }) => ` ${name}@${commit.slice(0, 7)}`).join('');
  return `${version.replace(/^([0-9a-f]{7})[0-9a-f]*/, '$1')}${pins}`;
}

function closing(summaries: Summary[], out: string | undefined): string {
  const clusters = summaries.length === 1 ? '1 cluster renders' : `${summaries.length} clusters render`;
  if (out === undefined) return `${clusters}. Write the files with --out DIR.`;
  const files = summaries.reduce((sum, one) => sum + (one.files ?? 0), 0);
  return `${clusters}; ${files} files are in ${out}, with secrets replaced. Compare two with: diff -r`;
}

async function refuseForeign(target: string, named: string): Promise<void> {
  if (!existsSync(target)) return;
  const names = await readdir(target).catch(() => ['a file']);
  if (names.length === 0 || names.includes(mark)) return;
  const remedy = 'name a folder that is empty, that is not there yet, or that clm render wrote';
  throw badInput('nothing was written', [{ file: named, message: 'holds something else', remedy }]);
}

async function scratchBeside(target: string): Promise<string> {
  await mkdir(path.dirname(target), { recursive: true });
  const folder = await mkdtemp(`${target}.part-`);
  await writeFile(path.join(folder, mark), 'Written by clm render, and replaced by it.\n');
  return folder;
}

async function writeFiles(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [name, text] of files) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

/** All or nothing: the folder appears when everything in it has been written. */
async function replace(folder: string, target: string): Promise<void> {
  await rm(target, { recursive: true, force: true });
  await rename(folder, target);
}
