/** What a leader knows of another acceptor, as far as its own ballot goes. */
export interface Progress {
  /** Up to this height it has accepted everything under the leader's ballot, or knows it to be decided; on its disk. */
  accepted: number;
  /** The slot that is proposed to it next. */
  next: number;
  /** The last heartbeat that it answered. */
  round: number;
  /** Heartbeats since its last progress, while something is on its way to it. */
  silent: number;
}

/** So many heartbeats without progress: what was sent is taken for lost, and is sent again. */
const RESEND_AFTER = 3;

export function newProgress(next: number): Progress {
  return { accepted: 0, next, round: 0, silent: 0 };
}

/** It has said how far it is. */
export function advance(progress: Progress, accepted: number, round: number): void {
  if (accepted > progress.accepted) {
    progress.accepted = accepted;
    progress.silent = 0;
  }
  progress.next = Math.max(progress.next, progress.accepted + 1);
  progress.round = Math.max(progress.round, round);
}

/** Before each heartbeat. */
export function lookForLoss(progress: Progress): void {
  if (progress.next <= progress.accepted + 1) progress.silent = 0;
  else progress.silent++;
  if (progress.silent < RESEND_AFTER) return;
  progress.silent = 0;
  progress.next = progress.accepted + 1;
}
