/** How much the parts hold that permissioned engines share, under the names of `Engine.sizes`. */
import type { Attestations } from './attestations.ts';
import type { Decisions } from './decisions.ts';
import type { Reads } from './reads.ts';

interface Shared {
  readonly decisions: Decisions;
  readonly reads: Reads;
  readonly attestations?: Attestations;
}

export function sharedSizes({ decisions, reads, attestations }: Shared): Readonly<Record<string, number>> {
  return {
    decidedBlocks: decisions.path.length,
    checking: decisions.checking.size,
    proofs: decisions.proofs.size,
    claims: decisions.claims.length,
    reads: reads.open.size,
    ...(attestations !== undefined && { attestations: attestations.votes.size }),
  };
}
