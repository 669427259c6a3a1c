/**
 * Long work on the event loop takes a breath: after a slice of time it lets everything else that waits have its turn.
 * Without it a log query over thousands of blocks would hold up gossip, mining and every other client. Of all the work
 * that takes a breath only one piece goes on in each turn of the loop, so that many clients wait for each other and not
 * the node for all of them.
 */
const SLICE_MS = 8;

/** First in, first out. Bounded by the requests that the server lets in. */
const waiting: (() => void)[] = [];

function nextTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (waiting.push(resolve) === 1) setImmediate(resumeOne);
  return promise;
}

function resumeOne(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(resumeOne);
}

export class Breather {
  #sliceStartMs = performance.now();

  /** Call it once for each small piece of work. */
  async breathe(): Promise<void> {
    if (performance.now() - this.#sliceStartMs < SLICE_MS) return;
    await nextTurn();
    this.#sliceStartMs = performance.now();
  }
}
