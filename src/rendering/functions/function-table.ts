import type { GoFunction } from '../gotemplate/value.ts';
import { certificateFunctions } from './certificate-functions.ts';
import { clusterFunctions } from './cluster-functions.ts';
import { collectionFunctions } from './collection-functions.ts';
import { networkFunctions } from './network-functions.ts';
import { quantityFunctions } from './quantity-functions.ts';
import { textFunctions } from './text-functions.ts';

const tables = [
  textFunctions,
  collectionFunctions,
  clusterFunctions,
  networkFunctions,
  quantityFunctions,
  certificateFunctions,
];

/** Every function of templates that needs neither a look-up nor other files of the configuration. */
export const pureFunctions: ReadonlyMap<string, GoFunction> = new Map(tables.flatMap((table) => Object.entries(table)));
