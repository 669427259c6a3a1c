/** How long an epoch of proof-of-stake lasts, as a genesis document has it. */
import { parseSettings } from '../consensus/pos/settings.ts';
import { parseGenesis } from '../execution/genesis-document.ts';

/** Throws UsageError for a document that is wrong, and for another engine's. */
export function epochMs(document: unknown): number {
  const { slotSeconds, slotsPerEpoch } = parseSettings(parseGenesis(document).engine.settings);
  return 1_000 * slotSeconds * slotsPerEpoch;
}
