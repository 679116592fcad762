import { policyCases } from './cases/policy-cases.ts';
import { describeChecks } from './check-cases.ts';

describeChecks(policyCases);
