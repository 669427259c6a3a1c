/** Engines that the simulator knows by name. */
import type { Subject } from '../subject.ts';
import { chandraTouegSubject } from './chandra-toueg.ts';
import { paxosSubject } from './paxos.ts';
import { pbftSubject } from './pbft.ts';
import { membersChangeSubject, transitionsSubject } from './phases.ts';
import { posSubject } from './pos.ts';
import { powSubject } from './pow.ts';
import { raftMembersSubject, raftSubject } from './raft.ts';
import { zabSubject } from './zab.ts';

const SUBJECTS: ReadonlyMap<string, Subject> = new Map(
  [
    powSubject,
    posSubject,
    pbftSubject,
    raftSubject,
    paxosSubject,
    zabSubject,
    chandraTouegSubject,
    transitionsSubject('raft-to-pbft', ['raft', 'pbft']),
    transitionsSubject('pbft-to-raft', ['pbft', 'raft']),
    transitionsSubject('pos-to-pbft', ['pos', 'pbft']),
    transitionsSubject('engines-in-turn', ['raft', 'zab', 'paxos', 'chandra-toueg', 'pbft', 'raft']),
    raftMembersSubject,
    membersChangeSubject('members-of-pbft', 'pbft'),
    membersChangeSubject('members-of-zab', 'zab'),
    membersChangeSubject('members-of-paxos', 'paxos'),
    membersChangeSubject('members-of-chandra-toueg', 'chandra-toueg'),
  ].map((subject) => [subject.name, subject]),
);

export const SUBJECT_NAMES: readonly string[] = [...SUBJECTS.keys()];

export function knownSubject(name: string): Subject | undefined {
  return SUBJECTS.get(name);
}
