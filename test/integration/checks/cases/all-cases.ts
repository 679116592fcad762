/** Every check, with the cluster that it passes on and what turns it red. */
import type { CheckCase } from '../check-cases.ts';
import { addonCases } from './addon-cases.ts';
import { conformanceCases } from './conformance-cases.ts';
import { coreCases } from './core-cases.ts';
import { customCases } from './custom-cases.ts';
import { loadCases } from './load-cases.ts';
import { networkCases } from './network-cases.ts';
import { nodeCases } from './node-cases.ts';
import { policyCases } from './policy-cases.ts';
import { routingCases } from './routing-cases.ts';
import { smokeCases } from './smoke-cases.ts';

export const allCases: CheckCase[] = [
  ...smokeCases,
  ...coreCases,
  ...addonCases,
  ...customCases,
  ...networkCases,
  ...routingCases,
  ...nodeCases,
  ...policyCases,
  ...loadCases,
  ...conformanceCases,
];
