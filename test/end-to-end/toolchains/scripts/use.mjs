/** What `hardhat run` does on the network: deploys both contracts, uses them, and says what it saw as one line of JSON. */
import { network } from 'hardhat';

const BEEF = '0x000000000000000000000000000000000000bEEF';
const { viem } = await network.getOrCreate();
const [wallet] = await viem.getWalletClients();
const reader = await viem.getPublicClient();

const token = await viem.deployContract('Token', [1_000n]);
const sent = await token.write.transfer([BEEF, 7n]);
const { status, blockNumber } = await reader.waitForTransactionReceipt({ hash: sent });
const transfers = await token.getEvents.Transfer({ to: BEEF }, { fromBlock: blockNumber });
const refused = await token.write.transfer([BEEF, 10_000n]).then(
  () => 'taken',
  (error) => (error.message.includes('ERC20InsufficientBalance') ? 'ERC20InsufficientBalance' : error.message),
);
const badge = await viem.deployContract('Badge');
await reader.waitForTransactionReceipt({ hash: await badge.write.take() });

console.log(
  JSON.stringify({
    status,
    balance: String(await token.read.balanceOf([BEEF])),
    transfers: transfers.length,
    refused,
    owner: await badge.read.ownerOf([0n]),
    deployer: wallet?.account.address,
  }),
);
