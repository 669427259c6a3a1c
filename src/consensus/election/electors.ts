/** The electors by the names that genesis files give them. */
import { unreachable } from '../../base/assert.ts';
import { BullyElector } from './bully.ts';
import type { Elector } from './elector.ts';
import { RingElector } from './ring.ts';
import { TimeoutElector } from './timeout.ts';

export const ELECTIONS = ['bully', 'ring', 'timeout'] as const;

export type Election = (typeof ELECTIONS)[number];

export function createElector(election: Election): Elector {
  switch (election) {
    case 'bully':
      return new BullyElector();
    case 'ring':
      return new RingElector();
    case 'timeout':
      return new TimeoutElector();
    default:
      return unreachable(election);
  }
}
