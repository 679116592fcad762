/** `configRepository` of clm.yaml: the repository with the channels' branches, and those that its commits pin. */
import path from 'node:path';
import { z } from 'zod';
import { isRemote } from './config-places.ts';

export interface FurtherRepository {
  /** What `config-sources.yaml` calls it, and problems of its files: `@name/…`. */
  name: string;
  /** URL, or absolute path of a repository on this machine. */
  url: string;
  /** Folder of the configuration in it. */
  path: string;
  /** Pins have to be on it. */
  branch?: string;
  mirrorPath: string;
}

const text = z.string().min(1);

export const furtherSchema = z
  .array(
    z.strictObject({
      name: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,39}$/, { error: (issue) => `'${String(issue.input)}' is no name of a source` })
        .meta({ remedy: 'write small letters, digits and hyphens, beginning with a letter' }),
      url: text,
      path: text.default('cluster'),
      branch: text.optional(),
    }),
  )
  .max(16)
  .default([]);

type Complain = (keys: PropertyKey[], message: string, remedy: string) => void;

export function furtherOf(
  written: z.output<typeof furtherSchema>,
  { complain, folder, stateDir }: { complain: Complain; folder: string; stateDir: string },
): FurtherRepository[] {
  const seen = new Set<string>();
  return written.map(({ name, url, path: directory, branch }, index) => {
    if (seen.has(name)) {
      const at = ['configRepository', 'further', index, 'name'];
      complain(at, `source ${name} is named twice`, 'give each source a name of its own');
    }
    seen.add(name);
    return {
      name,
      url: isRemote(url) ? url : path.resolve(folder, url),
      path: directory,
      ...(branch === undefined ? {} : { branch }),
      mirrorPath: path.join(stateDir, 'mirrors', `${name}.git`),
    };
  });
}
