/** The first state: validators of the genesis file, active from epoch 0, and the genesis block as justified and finalized checkpoint. */
import { UsageError } from '../../base/errors.ts';
import type { Signatures } from '../../base/signatures.ts';
import { type Header, hashHeader } from '../../chain/header.ts';
import { proofMessage } from './contract.ts';
import { smaller } from './gwei.ts';
import { rootSlots } from './history.ts';
import { rememberedOfTwo } from './memo.ts';
import { wholeEther } from './registry.ts';
import { type GenesisValidator, type PosSettings, RANDAO_EPOCHS, SLASHING_EPOCHS } from './settings.ts';
import { FAR_FUTURE_EPOCH, type StakeState, type Validator } from './types.ts';

/** "initialize_beacon_state_from_eth1". The first seeds come from the hash of genesis, which is as random as a chain's id needs. */
export const genesisState = rememberedOfTwo((settings: PosSettings, header: Header): StakeState => {
  const block = hashHeader(header);
  const genesis = { epoch: 0, root: block };
  const { validators } = settings;
  return {
    slot: 0,
    block,
    validators: validators.map((validator) => validatorOf(settings, validator)),
    balances: validators.map(({ stake }) => stake),
    randaoMixes: Array.from({ length: RANDAO_EPOCHS }, () => block),
    slashings: Array.from({ length: SLASHING_EPOCHS }, () => 0n),
    blockRoots: Array.from({ length: rootSlots(settings) }, () => block),
    previousParticipation: validators.map(() => 0),
    currentParticipation: validators.map(() => 0),
    justificationBits: 0b0001,
    previousJustified: genesis,
    currentJustified: genesis,
    finalized: genesis,
    epochsSinceFinality: 0,
    withdrawals: [],
  };
});

/** Throws UsageError `genesis/pos-key` or `genesis/pos-proof` that names the validator. */
export function checkGenesisKeys({ validators }: PosSettings, chainId: number, signatures: Signatures): void {
  for (const [index, { publicKey, depositor, signature }] of validators.entries()) {
    if (!signatures.isPublicKey(publicKey)) {
      throw new UsageError('genesis/pos-key', `validators[${index}].publicKey ${publicKey} is not a BLS12-381 public key.`, { index });
    }
    if (signature === null) continue;
    const message = proofMessage(chainId, depositor, publicKey);
    if (signatures.verify({ publicKeys: [publicKey], message, signature })) continue;
    throw new UsageError(
      'genesis/pos-proof',
      `validators[${index}].signature is not a proof of possession by its publicKey for depositor ${depositor} on chain ${chainId}.`,
      { index },
    );
  }
}

function validatorOf(settings: PosSettings, { publicKey, depositor, stake }: GenesisValidator): Validator {
  return {
    publicKey,
    depositor,
    effectiveBalance: smaller(wholeEther(stake), settings.maximumEffectiveBalance),
    slashed: false,
    activationEpoch: 0,
    exitEpoch: FAR_FUTURE_EPOCH,
    withdrawableEpoch: FAR_FUTURE_EPOCH,
  };
}
