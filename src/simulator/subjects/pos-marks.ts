/** What a batch of runs of proof-of-stake must reach sometimes, or it tests less than it seems to. */
import { decodeRlp } from '../../chain/rlp.ts';
import { decodePayload } from '../../consensus/pos/codec.ts';
import type { Payload } from '../../consensus/pos/types.ts';
import { type MarkRule, sometimes, traced } from '../marks.ts';
import type { Observation } from '../observations.ts';

/** A block of a correct node, before its proof. */
function built(name: string, fits: (payload: Payload) => boolean): MarkRule {
  return sometimes(name, (seen) => seen.type === 'built' && fits(decodePayload(seen.block.payload)));
}

/** Of validators, for good. */
function changed(name: string, list: 'joined' | 'left' | 'slashed'): MarkRule {
  return traced(name, 'validators', ({ [list]: indices }) => Array.isArray(indices) && indices.length > 0);
}

function notSigned(name: string, reason: string): MarkRule {
  return traced(name, 'notSigned', (data) => data.reason === reason);
}

/** Rules 1 and 3 of finality: of the checkpoint two epochs before, with the one in between justified as well. */
function isByTwoLinks(seen: Observation): boolean {
  if (seen.type !== 'finalized') return false;
  const links = decodeRlp(seen.certificate, 'a certificate');
  return Array.isArray(links) && links.length === 2;
}

export const POS_MARKS: readonly MarkRule[] = [
  traced('an orphan', 'orphan'),
  traced('an early block', 'early'),
  traced('the boost of a proposer made a reorganisation', 'reorg', ({ byBoost }) => byBoost === true),
  sometimes('a link over two epochs made a checkpoint final', isByTwoLinks),
  traced('finality was lost and the leak began', 'leakBegan'),
  traced('finality came back and the leak ended', 'leakEnded'),
  traced('a double proposal was found, and its proposer discounted', 'offence', ({ type }) => type === 'proposals'),
  traced('contradicting votes were found, and their validators discounted', 'offence', ({ type }) => type === 'votes'),
  built('a block carried evidence', ({ offences }) => offences.length > 0),
  changed('a slashing became final', 'slashed'),
  changed('a validator joined', 'joined'),
  changed('a validator left', 'left'),
  built('a stake was topped up', ({ requests }) => requests.some(({ type }) => type === 'topUp')),
  built('a stake was paid out', ({ withdrawals }) => withdrawals.length > 0),
  notSigned('nothing was signed after a jump of the clock', 'the clock jumped'),
  notSigned('nothing was signed in another time than that of others', 'others live in another slot'),
  traced('a chain that is not final was read again at a start', 'replayed'),
];
