import { describeCloudProviderContract } from '../../support/contract/cloud-provider-contract.ts';
import {
  contractAccount,
  contractImages,
  contractNetwork,
  contractRegion,
} from '../../support/contract/contract-world.ts';
import { serveContractWorld } from '../../support/contract/served-world.ts';

describeCloudProviderContract('the AWS SDK over the wire', async () => {
  const served = await serveContractWorld({ rate: 60, nodes: 0 });
  return {
    cloud: served.connectCloud(),
    account: contractAccount,
    region: contractRegion,
    network: contractNetwork(),
    images: contractImages(),
    until: (what, condition) => served.until(what, condition),
    close: () => served.close(),
  };
});
