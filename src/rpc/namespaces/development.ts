/**
 * evm_, anvil_ and hardhat_: what users of Hardhat and anvil know, on a network that was started for tests. Those are one
 * process that may rewrite its state; here several nodes agree on it, so most of it cannot be done, and each name says so
 * and what to do instead. Why -32004 and not -32601: the name is understood (EIP-1474 has the code for that).
 *
 * hardhat_metadata and anvil_nodeInfo are missing on purpose: tools ask for them to find out whether all the others work.
 */
import { toQuantity } from '../../base/bytes.ts';
import type { Json } from '../../base/types.ts';
import type { Backend } from '../backend.ts';
import { address, type Codec, count, mismatch } from '../codecs.ts';
import { refused } from '../errors.ts';
import { type Context, type Method, method, optional, required, unsupported } from '../method.ts';

const MAX_MINED = 64;
/** A little less than a request may take (limits.ts). */
const MINING_TIMEOUT_MS = 25_000;

const STATE = 'state is what the nodes agreed on, and none of them can change it alone';
const INSTEAD_OF_STATE: readonly (readonly [names: string, instead: string])[] = [
  ['setBalance addBalance dealERC20', `${STATE}: send a transfer from a funded account (synod testnet prints them)`],
  ['setCode', `${STATE}: deploy the contract, or try the code out with the state overrides of eth_call or eth_simulateV1`],
  ['setNonce', `${STATE}: send transactions, or use the state overrides of eth_call or eth_simulateV1`],
  ['setStorageAt', `${STATE}: call the contract, or use the state overrides of eth_call or eth_simulateV1`],
  [
    'impersonateAccount stopImpersonatingAccount autoImpersonateAccount',
    'no node takes a transaction without its signature: call from any address with eth_call or eth_simulateV1, or put your own account into the genesis document',
  ],
  ['reset', 'a network that others take part in is not reset by one of them: start another one (synod testnet --dir <new directory>)'],
  [
    'reorg rollback',
    'a reorganisation is made by the network: divide it (synod_partition and synod_heal, or synod testnet partition) and it will come',
  ],
  [
    'dropTransaction dropAllTransactions removePoolTransactions',
    'other nodes have it in their pools too: replace it, with the same nonce and a higher fee',
  ],
  [
    'setChainId setBlockGasLimit setNextBlockBaseFeePerGas setPrevRandao',
    'every node computes it for itself: it is in the genesis document or follows from it',
  ],
  ['setMinGasPrice', 'the least price is a rule of each pool (eth_maxPriorityFeePerGas says what is wanted)'],
  ['dumpState loadState', 'a state comes of blocks here: synod export and synod import take those along'],
];

const TIME =
  'time is that of the machines: nodes refuse blocks from the future; use short block times and epochs in the genesis document of the network';
const SNAPSHOTS =
  'several nodes cannot go back together: start a fresh network for each test (synod testnet, or startNetwork of synod/testing, takes seconds), or simulate with eth_simulateV1';
const AUTOMINE =
  'blocks come when the engine of the network makes them: evm_mine waits for the next one, and under proof-of-work miner_start and miner_stop act on this node';

const isTestNetwork = ({ faults }: Backend): boolean => faults !== null;

const blocks: Codec<number> = {
  expected: `a number of blocks from 1 to ${MAX_MINED}`,
  decode(value, place) {
    const wanted = Number(count.decode(value, place));
    if (wanted < 1 || wanted > MAX_MINED) throw mismatch(place, blocks.expected, value);
    return wanted;
  },
};

function refusals(namespace: string, names: string, instead: string): readonly Method[] {
  return names.split(' ').map((name) => unsupported(`${namespace}_${name}`, instead, isTestNetwork));
}

const mining = (name: string) =>
  method({
    name,
    doc: 'Waits until the chain has grown by so many blocks; a proof-of-work node that does not mine starts for that long.',
    parameters: [optional('blocks', blocks, 1), optional('interval', count, 0n)],
    result: 'null',
    available: isTestNetwork,
    run: async ({ backend }, wanted, _interval): Promise<Json> => {
      await growBy(backend, wanted);
      return null;
    },
  });

export const DEVELOPMENT: readonly Method[] = [
  unsupported(
    'debug_setHead',
    'the engine says which block is the head, and would say so again: divide the network to see a reorganisation (synod_partition), or import a part of the chain into another datadir (synod export --to, synod import)',
  ),
  method({
    name: 'evm_mine',
    doc: 'Waits for the next block; a proof-of-work node that does not mine starts for that long. A timestamp cannot be chosen.',
    result: 'the string 0x0, as Hardhat has it',
    available: isTestNetwork,
    run: async ({ backend }) => {
      await growBy(backend, 1);
      return '0x0';
    },
  }),
  mining('anvil_mine'),
  mining('hardhat_mine'),
  method({
    name: 'anvil_getAutomine',
    doc: 'Whether each transaction is mined at once: never, blocks come when the engine makes them.',
    result: 'false',
    available: isTestNetwork,
    run: () => false,
  }),
  ...['anvil_setCoinbase', 'hardhat_setCoinbase'].map((name) =>
    method({
      name,
      doc: 'Sets where the rewards of the blocks mined by this node from now on go; where the engine mines.',
      parameters: [required('address', address)],
      result: 'null',
      available: (backend) => isTestNetwork(backend) && backend.miner !== null,
      async run({ backend }: Context, beneficiary): Promise<Json> {
        await backend.miner?.setBeneficiary(beneficiary);
        return null;
      },
    }),
  ),
  ...refusals('evm', 'snapshot revert', SNAPSHOTS),
  ...refusals('anvil', 'snapshot revert', SNAPSHOTS),
  ...refusals('evm', 'increaseTime setNextBlockTimestamp setTime setBlockTimestampInterval', TIME),
  ...refusals('anvil', 'increaseTime setNextBlockTimestamp setTime setBlockTimestampInterval removeBlockTimestampInterval', TIME),
  ...refusals('evm', 'setAutomine setIntervalMining', AUTOMINE),
  ...refusals('anvil', 'setAutomine setIntervalMining', AUTOMINE),
  ...refusals('evm', 'setBlockGasLimit', 'every node computes it for itself: synod node --miner.gaslimit says where it is to move'),
  ...INSTEAD_OF_STATE.flatMap(([names, instead]) => ['anvil', 'hardhat'].flatMap((namespace) => refusals(namespace, names, instead))),
];

async function growBy(backend: Backend, wanted: number): Promise<void> {
  const target = backend.chain.head.header.number + wanted;
  const { miner } = backend;
  const starts = miner !== null && !miner.status().mining;
  if (starts) await miner.start();
  try {
    if (!(await reached(backend, target))) {
      const seconds = MINING_TIMEOUT_MS / 1000;
      throw refused('rpc/no-block', `block ${toQuantity(target)} did not come within ${seconds} s; synod_status says what the engine does`);
    }
  } finally {
    if (starts) await miner.stop();
  }
}

function reached(backend: Backend, height: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isThere: boolean) => {
      clearTimeout(timer);
      stop();
      resolve(isThere);
    };
    const timer = setTimeout(() => end(backend.chain.head.header.number >= height), MINING_TIMEOUT_MS);
    const stop = backend.onHead(({ newHead }) => {
      if (newHead.header.number >= height) end(true);
    });
  });
}
