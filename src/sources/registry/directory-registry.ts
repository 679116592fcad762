import type { Problem } from '../../domain/problem.ts';
import type { Registry, RegistryView } from '../../ports/channel-source.ts';
import { BoundedCache } from '../../support/bounded-cache.ts';
import { parseAccountsFile, parseClusterFile } from './registry-documents.ts';
import {
  type FileText,
  maxRegistryFiles,
  type RegistryPlaces,
  type RegistryTexts,
  readRegistryTexts,
} from './registry-texts.ts';
import { viewRegistry } from './registry-view.ts';

export interface DirectoryRegistryOptions extends RegistryPlaces {
  /** Names of the pipeline's channels now; a cluster on another one is a problem. Not checked when absent. */
  channels?: () => readonly string[] | undefined;
}

/**
 * The registry as a directory of files. A read lists every problem at once and gives what is well-formed; files that did not
 * change since the last read are not parsed again.
 */
export function openDirectoryRegistry(options: DirectoryRegistryOptions): Registry {
  const judge = createTextsJudge();
  return {
    async read() {
      const problems: Problem[] = [];
      const texts = await readRegistryTexts(options, problems);
      return judge(texts, options.channels?.(), problems);
    },
  };
}

/** Texts of a registry → what they describe, with problems added to those of reading them. Texts seen before are not parsed again. */
export function createTextsJudge(): (
  texts: RegistryTexts,
  channels: readonly string[] | undefined,
  problems: Problem[],
) => RegistryView {
  const clusterFiles = new BoundedCache<string, ReturnType<typeof parseClusterFile>>({ maxEntries: maxRegistryFiles });
  const accountFiles = new BoundedCache<string, ReturnType<typeof parseAccountsFile>>({ maxEntries: 8 });
  return (texts, channels, problems) => {
    const accounts =
      texts.accounts === undefined ? [] : cached(accountFiles, texts.accounts, parseAccountsFile, problems).accounts;
    const clusters = texts.clusters.flatMap((file) => cached(clusterFiles, file, parseClusterFile, problems).clusters);
    return viewRegistry({ clusters, accounts, accountsKnown: texts.accounts !== undefined, channels }, problems);
  };
}

function cached<T extends { problems: Problem[] }>(
  cache: BoundedCache<string, T>,
  { file, text }: FileText,
  parse: (file: string, text: string) => T,
  problems: Problem[],
): T {
  const key = `${file}\0${text}`;
  let parsed = cache.get(key);
  if (parsed === undefined) {
    parsed = parse(file, text);
    cache.set(key, parsed);
  }
  problems.push(...parsed.problems);
  return parsed;
}
