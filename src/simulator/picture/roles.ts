/**
 * How nodes see their part in the protocol. By convention an engine names it in what `inspect` answers: `role` (a text
 * such as leader, follower, proposer) and one of `term`, `view`, `round`, `epoch`, `slot` (a number or a text). A trace whose
 * data has a `role` says the same at once; a trace without one may use these words for anything. Pictures colour a node's
 * line by its role and write the other beside it.
 */
import type { Json } from '../../base/types.ts';

/** The first that is there is shown. */
export const PERIOD_FIELDS = ['term', 'view', 'round', 'epoch', 'slot'] as const;

const MAX_NAME_CHARACTERS = 40;

export interface RoleChange {
  readonly atUs: number;
  readonly role: string;
  /** 'term 4'; empty where the engine counts nothing. */
  readonly label: string;
}

export class RoleCollector {
  readonly changes: RoleChange[][];
  readonly #most: number;
  #count = 0;
  leftOut = 0;

  constructor(nodes: number, most: number) {
    this.#most = most;
    this.changes = Array.from({ length: nodes }, () => []);
  }

  /** `data` may have other fields, or none of these. */
  told(atUs: number, node: number, data: { readonly [key: string]: Json }): void {
    const changes = this.changes[node];
    const last = changes?.at(-1) ?? { role: '', label: '' };
    const role = typeof data.role === 'string' ? data.role.slice(0, MAX_NAME_CHARACTERS) : last.role;
    const label = periodOf(data) ?? last.label;
    if (role !== last.role || label !== last.label) this.#add(node, { atUs, role, label });
  }

  /** A node that is down has no part. */
  stopped(atUs: number, node: number): void {
    const last = this.changes[node]?.at(-1);
    if (last !== undefined && (last.role !== '' || last.label !== '')) this.#add(node, { atUs, role: '', label: '' });
  }

  #add(node: number, change: RoleChange): void {
    if (this.#count >= this.#most) {
      this.leftOut++;
      return;
    }
    this.#count++;
    this.changes[node]?.push(change);
  }
}

function periodOf(data: { readonly [key: string]: Json }): string | undefined {
  for (const field of PERIOD_FIELDS) {
    const value = data[field];
    if (typeof value === 'number' || typeof value === 'string') return `${field} ${String(value).slice(0, MAX_NAME_CHARACTERS)}`;
  }
  return undefined;
}
