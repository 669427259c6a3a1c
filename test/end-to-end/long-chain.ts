/**
 * A long chain of empty blocks of a permissioned network, quickly: made and executed as its members would, signed with all their keys, and written
 * into a datadir whose node is not running. What the network itself needs a quarter of an hour for takes some seconds.
 */
import { readFileSync } from 'node:fs';
import { EMPTY } from '../../src/base/bytes.ts';
import type { Signer } from '../../src/base/signatures.ts';
import { ZERO_ADDRESS } from '../../src/base/types.ts';
import { hashHeader } from '../../src/chain/header.ts';
import type { Certificate } from '../../src/consensus/engine.ts';
import { fieldsOf } from '../../src/consensus/members/building.ts';
import { Council, type Decision } from '../../src/consensus/members/council.ts';
import { readCommonSettings } from '../../src/consensus/members/settings.ts';
import { SettingsReader } from '../../src/consensus/settings-reader.ts';
import type { Votes } from '../../src/consensus/votes.ts';
import { Executor } from '../../src/execution/executor.ts';
import type { TransactionSource } from '../../src/execution/transaction.ts';
import { type OpenChain, openChain } from '../../src/node/chain.ts';
import { blsSignatures, blsSigner } from '../../src/wallet/bls.ts';
import { deriveValidatorKeys } from '../../src/wallet/validator-keys.ts';

export interface LongChain {
  readonly blocks: number;
  /** Every so many blocks have a certificate: one in PBFT; as often as members attest elsewhere. */
  readonly certifiedEvery: number;
  readonly mnemonic: string;
}

const NOBODY = { beneficiary: ZERO_ADDRESS, produce: false, signers: [] };
/** How many blocks a second of the chain's own time has. */
const BLOCKS_PER_SECOND = 10;
const NOTHING: TransactionSource = { peek: () => undefined, take: () => undefined, drop: () => undefined };
const MAX_PENDING_BYTES = 16 * 1024 * 1024;

/** `datadir` is that of a node which has made no block yet; `genesisFile` that of its network. */
export async function writeLongChain(datadir: string, genesisFile: string, wanted: LongChain): Promise<void> {
  const chain = await openChain(datadir, JSON.parse(readFileSync(genesisFile, 'utf8')), { node: NOBODY });
  try {
    await grow(chain, wanted);
  } finally {
    await chain.close();
  }
}

async function grow(chain: OpenChain, { blocks, certifiedEvery, mnemonic }: LongChain): Promise<void> {
  const { engine, params, store } = chain;
  const { view, state } = store;
  const members = councilOf(chain, mnemonic);
  const { membership } = members.council;
  const executor = new Executor(params, state, engine, view);
  // The first view of PBFT is 0; elsewhere nothing is made before the first term, epoch, ballot or round.
  const round = engine.name === 'pbft' ? 0n : 1n;
  const gasLimit = view.genesis.header.gasLimit;
  for (let number = 1; number <= blocks; number++) {
    const parent = view.head;
    const wallMs = 1_000 * (view.genesis.header.timestamp + number / BLOCKS_PER_SECOND);
    const fields = fieldsOf({ parent, wallMs, beneficiary: ZERO_ADDRESS, membership, round, payload: EMPTY });
    const built = await executor.build(parent.header, fields, { candidates: () => NOTHING }, { gasLimit, buildTimeMs: 0 });
    const hash = hashHeader(built.block.header);
    store.insert(built.block, engine.verifyHeader(built.block, parent, view, wallMs));
    store.executed(hash, built.execution);
    void store.setHead(hash);
    if (number % certifiedEvery === 0 || number === blocks) void store.finalize(hash, certificateOf(members, { height: number, hash }));
    if (store.pendingBytes > MAX_PENDING_BYTES) await store.flush();
  }
  await store.flush();
}

/** With the keys of all members. */
function councilOf({ params, engine }: OpenChain, mnemonic: string): { readonly council: Council; readonly signers: readonly Signer[] } {
  const { settings } = params.engine;
  const reader = new SettingsReader(engine.name, settings, Object.keys(settings));
  const { membership } = readCommonSettings(reader, engine.faults, blsSignatures);
  const signers = deriveValidatorKeys(mnemonic, membership.members.length).map(({ secret }) => blsSigner(secret));
  return { council: new Council(params, membership, blsSignatures, signers), signers };
}

function certificateOf({ council, signers }: ReturnType<typeof councilOf>, decision: Decision): Certificate {
  const { electorate } = council;
  const said = new Map<number, Votes>();
  for (const [place, signer] of signers.entries()) {
    const certificate = electorate.count(said, electorate.vote(place, signer, council.statement(decision)));
    if (certificate !== null) return electorate.encode(certificate);
  }
  throw new RangeError('all members are a quorum');
}
