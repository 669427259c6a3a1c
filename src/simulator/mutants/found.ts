/**
 * Where each mutant was found last: `found.json`, written by `synod simulate --mutants --update`. A hunt tries this run first,
 * so that hunting all of them takes as little as it can. It is a hint: where it shows the mutant no more, the hunt begins anew.
 */
import found from './found.json' with { type: 'json' };

export interface Found {
  readonly seed: string;
  /** The faults end here, right after what the checker saw, or where the run has it if that is sooner. */
  readonly faultsMs: number;
}

const FOUND: { readonly [mutant: string]: Found } = found;

/** Null for a mutant that nobody has written down. */
export function lastFound(mutant: string): Found | null {
  return FOUND[mutant] ?? null;
}
