/** Engines that the simulator knows by name. */
import type { Subject } from '../subject.ts';
import { chandraTouegSubject } from './chandra-toueg.ts';
import { paxosSubject } from './paxos.ts';
import { pbftSubject } from './pbft.ts';
import { posSubject } from './pos.ts';
import { powSubject } from './pow.ts';
import { raftSubject } from './raft.ts';
import { zabSubject } from './zab.ts';

const SUBJECTS: ReadonlyMap<string, Subject> = new Map(
  [powSubject, posSubject, pbftSubject, raftSubject, paxosSubject, zabSubject, chandraTouegSubject].map((subject) => [
    subject.name,
    subject,
  ]),
);

export const SUBJECT_NAMES: readonly string[] = [...SUBJECTS.keys()];

export function knownSubject(name: string): Subject | undefined {
  return SUBJECTS.get(name);
}
