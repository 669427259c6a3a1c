/** Who of a run's nodes is to be trusted, given the roles that its schedule gives some of them. */
import { TWIN } from './behaviours/common.ts';

/** Of each twin, the place whose identity it has: the next node that is no twin. */
export function originalsOf(roles: ReadonlyMap<number, string>, nodes: number): Map<number, number> {
  const originals = new Map<number, number>();
  for (const [place, role] of roles) {
    if (role !== TWIN) continue;
    let original = (place + 1) % nodes;
    while (roles.get(original) === TWIN && original !== place) original = (original + 1) % nodes;
    originals.set(place, original);
  }
  return originals;
}

/** Nodes that misbehave, with their behaviours. Whoever has a twin is no more to be trusted than its twin. */
export function badNodes(roles: ReadonlyMap<number, string>, nodes: number): Map<number, string> {
  const originals = [...originalsOf(roles, nodes).values()];
  return new Map([...originals.map((place) => [place, TWIN] as const), ...roles]);
}
