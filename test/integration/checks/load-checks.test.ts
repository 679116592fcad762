import { loadCases } from './cases/load-cases.ts';
import { describeChecks } from './check-cases.ts';

describeChecks(loadCases);
