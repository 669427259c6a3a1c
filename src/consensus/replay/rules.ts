/**
 * The rules for headers of a chain that was made elsewhere, on each of Ethereum's forks. Seals are not checked: neither
 * Ethash's, which needs gigabytes, nor those of a beacon chain, which are not in the file.
 * Sources: Yellow Paper 4.4.4 and 11.1; EIP-1559, 3675, 4895, 4844, 7918, 4788, 7685.
 */
import { RuleError } from '../../base/errors.ts';
import { blobRulesAt, GAS_PER_BLOB, nextExcessBlobGas } from '../../chain/blobs.ts';
import { EMPTY_NONCE, EMPTY_UNCLES_HASH, type Header, hashHeader } from '../../chain/header.ts';
import { type ChainParams, type Fork, forkAt, isAtLeast } from '../../chain/params.ts';
import { gasLimitBounds, nextBaseFee } from '../../chain/rules.ts';
import type { Facts, HeaderNode, HeaderView } from '../../chain/tree.ts';
import { expectedDifficulty } from './difficulty.ts';
import type { ReplaySettings } from './settings.ts';

export interface ReplayRules {
  readonly params: ChainParams;
  readonly settings: ReplaySettings;
}

const ELASTICITY_MULTIPLIER = 2n;
const MAX_UNCLE_DEPTH = 6;

type Expect = (field: keyof Header, holds: boolean, expected: unknown) => void;

/** Throws RuleError `header/<field>`. The weight is the total difficulty, as long as there is any, and then the height too. */
export function verifyHeader({ params, settings }: ReplayRules, header: Header, parent: HeaderNode): Facts {
  const fork = forkAt(params.forks, header.number, header.timestamp);
  const expect: Expect = (field, holds, expected) => {
    if (holds) return;
    const got = header[field] ?? 'missing';
    throw new RuleError(`header/${field}`, `Block ${header.number} has ${field} ${got}; expected ${expected}.`, { number: header.number });
  };
  expect('parentHash', header.parentHash === parent.hash, parent.hash);
  expect('number', header.number === parent.header.number + 1, parent.header.number + 1);
  expect('timestamp', header.timestamp > parent.header.timestamp, `more than its parent's ${parent.header.timestamp}`);
  expect('gasUsed', header.gasUsed <= header.gasLimit, `at most the gas limit ${header.gasLimit}`);
  checkFees(header, parent.header, fork, expect);
  checkProofFields(header, parent.header, fork, settings, expect);
  checkTrailing(header, fork, expect);
  checkBlobs(header, parent.header, params, expect);
  // One more for each block, so that what comes after the merge counts as well.
  return { weight: parent.facts.weight + header.difficulty + 1n, carried: 0n };
}

function checkFees(header: Header, parent: Header, fork: Fork, expect: Expect): void {
  const isFirst = isAtLeast(fork, 'london') && parent.baseFeePerGas === undefined;
  const { low, high } = gasLimitBounds(isFirst ? parent.gasLimit * ELASTICITY_MULTIPLIER : parent.gasLimit);
  expect('gasLimit', header.gasLimit >= low && header.gasLimit <= high, `${low} to ${high}`);
  const baseFee = isAtLeast(fork, 'london') ? nextBaseFee(parent) : undefined;
  expect('baseFeePerGas', header.baseFeePerGas === baseFee, baseFee ?? 'none');
}

function checkProofFields(header: Header, parent: Header, fork: Fork, settings: ReplaySettings, expect: Expect): void {
  if (isAtLeast(fork, 'paris')) {
    expect('difficulty', header.difficulty === 0n, 0);
    expect('nonce', header.nonce === EMPTY_NONCE, EMPTY_NONCE);
    expect('unclesHash', header.unclesHash === EMPTY_UNCLES_HASH, EMPTY_UNCLES_HASH);
    return;
  }
  const difficulty = expectedDifficulty(header.timestamp, parent, fork, settings);
  expect('difficulty', header.difficulty === difficulty, difficulty);
}

function checkTrailing(header: Header, fork: Fork, expect: Expect): void {
  const since: readonly (readonly [keyof Header, Fork])[] = [
    ['withdrawalsRoot', 'shanghai'],
    ['blobGasUsed', 'cancun'],
    ['excessBlobGas', 'cancun'],
    ['parentBeaconBlockRoot', 'cancun'],
    ['requestsHash', 'prague'],
  ];
  for (const [field, first] of since) {
    const wanted = isAtLeast(fork, first);
    expect(field, (header[field] !== undefined) === wanted, wanted ? `a value under ${fork}` : `none under ${fork}`);
  }
}

function checkBlobs(header: Header, parent: Header, { blobs = [], forks }: ChainParams, expect: Expect): void {
  if (header.blobGasUsed === undefined) return;
  const rules = blobRulesAt(blobs, header.timestamp);
  if (rules === undefined) {
    throw new RuleError(
      'header/blobGasUsed',
      `Block ${header.number} may have blobs, but the genesis document has no blobSchedule for it.`,
    );
  }
  const most = BigInt(rules.max) * GAS_PER_BLOB;
  expect('blobGasUsed', header.blobGasUsed <= most && header.blobGasUsed % GAS_PER_BLOB === 0n, `whole blobs, ${rules.max} at most`);
  const hasReserve = isAtLeast(forkAt(forks, header.number, header.timestamp), 'osaka');
  const excess = nextExcessBlobGas(parent, rules, hasReserve);
  expect('excessBlobGas', header.excessBlobGas === excess, excess);
}

/**
 * An uncle is a sibling of one of the last six ancestors, valid on its own parent, and not an ancestor itself. That it is
 * not in an earlier block as well is not checked. Throws RuleError.
 */
export function checkUncles(rules: ReplayRules, header: Header, uncles: readonly Header[], ancestors: HeaderView): void {
  const line = new Map<string, HeaderNode>();
  let at = ancestors.get(header.parentHash);
  for (let depth = 0; depth <= MAX_UNCLE_DEPTH && at !== undefined; depth++) {
    line.set(at.hash, at);
    at = ancestors.get(at.header.parentHash);
  }
  for (const uncle of uncles) {
    const parent = line.get(uncle.parentHash);
    if (parent === undefined || line.has(hashHeader(uncle)) || uncle.parentHash === header.parentHash) {
      throw new RuleError(
        'block/uncle',
        `An uncle of block ${header.number} is no sibling of one of its last ${MAX_UNCLE_DEPTH} ancestors.`,
      );
    }
    verifyHeader(rules, uncle, parent);
  }
}
