import { addonCases } from './cases/addon-cases.ts';
import { describeChecks } from './check-cases.ts';

describeChecks(addonCases);
