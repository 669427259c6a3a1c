/**
 * How members choose who should lead. A choice made here is advice: two members may be chosen at once (a partition, a late
 * message), and none of the algorithms notices. An engine that takes the advice must fence it: an elected member orders
 * nothing before a majority has promised to follow its ballot and no older one. Safety rests on that fence alone, and only
 * the speed of the next leader on what happens here.
 *
 * Members are called by their places in the list of members. Pure: time, chance and the network are in the turn.
 */

/** `candidate` is a place; what it means is with each algorithm. */
export interface ElectionMessage {
  readonly word: 'election' | 'answer' | 'coordinator';
  readonly candidate: number;
}

export const ELECTION_WORDS: readonly ElectionMessage['word'][] = ['election', 'answer', 'coordinator'];

export interface ElectionTurn {
  /** Of this member, and how many there are. */
  readonly place: number;
  readonly size: number;
  /** Monotonic. */
  readonly nowMs: number;
  /** A message there and back, with what is done for it, should not take longer than this. */
  readonly patienceMs: number;
  /** Who leads and is heard; this member itself if it leads; null when nobody is known to lead. */
  readonly leader: number | null;
  /** Uniform in [0, 1). */
  random(): number;
  suspects(place: number): boolean;
  send(place: number, message: ElectionMessage): void;
  /** This member is chosen: it should try to get a majority behind it. Not a promise that it will. */
  lead(): void;
}

export interface Elector {
  /** Whether members that do not lead have to be heard too: whoever is chosen must be up. */
  readonly needsHeartbeats: boolean;
  /** Called often, and at any time: the only clock that an elector has. */
  tick(turn: ElectionTurn): void;
  /** `from` is another member. */
  receive(turn: ElectionTurn, from: number, message: ElectionMessage): void;
  /** Whether a member at this place, once it leads, is left to lead, as things seem to be. */
  keeps(turn: Pick<ElectionTurn, 'place' | 'size' | 'suspects'>, place: number): boolean;
  /** Somebody is on the way to lead (this member has followed its call), and should not be disturbed for a while. */
  yield(turn: Pick<ElectionTurn, 'nowMs' | 'patienceMs' | 'random'>): void;
}
