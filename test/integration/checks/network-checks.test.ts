import { networkCases } from './cases/network-cases.ts';
import { describeChecks } from './check-cases.ts';

describeChecks(networkCases);
