/** The rules of a simulated network of stake: one object for all who need them, so that they share what they remember of states. */
import type { Signatures } from '../../base/signatures.ts';
import type { ChainParams } from '../../chain/params.ts';
import { rememberedOfTwo } from '../../consensus/pos/memo.ts';
import type { PosRules } from '../../consensus/pos/rules.ts';
import { parseSettings } from '../../consensus/pos/settings.ts';

export const posRulesOf = rememberedOfTwo((params: ChainParams, signatures: Signatures): PosRules => {
  return { params, settings: parseSettings(params.engine.settings), signatures };
});
