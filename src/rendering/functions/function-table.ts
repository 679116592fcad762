import type { GoFunction } from '../gotemplate/value.ts';
import { clusterFunctions } from './cluster-functions.ts';
import { collectionFunctions } from './collection-functions.ts';
import { textFunctions } from './text-functions.ts';

/** Every function of templates that needs neither a look-up nor other files of the configuration. */
export const pureFunctions: ReadonlyMap<string, GoFunction> = new Map(
  [textFunctions, collectionFunctions, clusterFunctions].flatMap((table) => Object.entries(table)),
);
