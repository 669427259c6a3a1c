/** How proof-of-stake's finality does, by the epochs that have ended since the final one. */
import { plural } from './format.ts';

/**
 * Those that end as they should: an epoch is final when the next one ends with the votes of two thirds. (Gasper, arXiv 2003.03052:
 * a justified checkpoint is final once the one after it is justified.)
 */
const PUNCTUAL_EPOCHS = 1;

export interface FinalityWords {
  readonly words: string;
  readonly tone: '' | 'warning' | 'bad';
}

export function finalityWords(epochsSince: number): FinalityWords {
  const late = epochsSince - PUNCTUAL_EPOCHS;
  if (late <= 0) return { words: 'final as it should be', tone: '' };
  if (late === 1) return { words: 'final an epoch later than it should be', tone: 'warning' };
  return { words: `finality away for ${plural(epochsSince, 'epoch')}`, tone: 'bad' };
}
