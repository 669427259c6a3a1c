/** What a test network's genesis says of its engine: the template's settings, with what the options ask for. */
import type { Address, Json, NodeId } from '../base/types.ts';
import { devMembers } from '../node/dev-nodes.ts';
import { deriveValidatorKeys } from '../wallet/validator-keys.ts';
import type { TestnetOptions } from './manifest.ts';

export type JsonObject = { [key: string]: Json };

interface EngineGenesis {
  readonly engine: JsonObject;
  readonly difficulty: number;
  /** From now until the time of the genesis block. */
  readonly startsInSeconds: number;
}

/** A test network should leave the machine to its user: this is about 2% of a core with the SIMD kernel. */
export const DEFAULT_HASH_RATE = 100_000;
/** A gap of so many block times counts as a pause of the network (see the engine's settings). */
const PAUSE_BLOCK_TIMES = 20;
/** The first block after a pause is so much easier than the first of all: soon found, but not by all miners at once. */
const EASY_BLOCK_DIVISOR = 8;
/** Without a limit the machine's speed is unknown: start low, and let the difficulty find it. */
const UNLIMITED_START_HASH_RATE = 500_000;
const STAKE_ETHER = 32;
/**
 * The nodes of a new network need a few seconds until they hear each other. If all of them are there when the first whole epoch
 * begins, four slots after genesis, it is the first that becomes final; else that takes an epoch more.
 */
const HEAD_START_SECONDS = 2;

/**
 * Nodes that decide together under a permissioned engine; 0 under the others. Engines that bear crashes have an odd number
 * of members: of an even number of nodes the last only follows.
 */
export function membersAmong(nodes: number, engine: string): number {
  if (engine === 'pow' || engine === 'pos') return 0;
  return engine === 'pbft' || nodes % 2 === 1 ? nodes : nodes - 1;
}

/** `funded` are the accounts of the network; those of a stake are its depositors, in turn. `nodes`: who they are. */
export function engineOf(
  template: JsonObject,
  options: TestnetOptions,
  funded: readonly Address[],
  nodes: readonly NodeId[],
): EngineGenesis {
  switch (options.engine) {
    case 'pow':
      return proofOfWork(template, options);
    case 'pos':
      return proofOfStake(template, options, funded);
    default:
      return permissioned(template, options, nodes);
  }
}

function proofOfWork(template: JsonObject, options: TestnetOptions): EngineGenesis {
  const difficulty = initialDifficulty(options);
  const { blockTimeSeconds } = options;
  return {
    engine: {
      ...template,
      blockTimeSeconds,
      pauseAfterSeconds: PAUSE_BLOCK_TIMES * blockTimeSeconds,
      minimumDifficulty: Math.max(1, Math.floor(difficulty / EASY_BLOCK_DIVISOR)),
    },
    difficulty,
    startsInSeconds: 0,
  };
}

/** Half of what the miners can do in a block time, so that the first block does not keep anybody waiting. */
function initialDifficulty(options: TestnetOptions): number {
  const perMiner = options.hashRateLimit === 0 ? UNLIMITED_START_HASH_RATE : options.hashRateLimit;
  return Math.max(1, Math.floor((perMiner * Math.max(1, options.miners) * options.blockTimeSeconds) / 2));
}

function proofOfStake(template: JsonObject, options: TestnetOptions, funded: readonly Address[]): EngineGenesis {
  const validators = deriveValidatorKeys(options.mnemonic, options.validators).map(({ publicKey }, i) => ({
    publicKey,
    depositor: funded[i % funded.length] ?? null,
    stakeEther: STAKE_ETHER,
  }));
  return { engine: { ...template, slotSeconds: options.blockTimeSeconds, validators }, difficulty: 0, startsInSeconds: HEAD_START_SECONDS };
}

function permissioned(template: JsonObject, options: TestnetOptions, nodes: readonly NodeId[]): EngineGenesis {
  const members = devMembers(options.mnemonic, nodes.slice(0, membersAmong(options.nodes, options.engine)));
  return { engine: { ...template, emptyBlockMs: 1_000 * options.blockTimeSeconds, members }, difficulty: 0, startsInSeconds: 0 };
}
