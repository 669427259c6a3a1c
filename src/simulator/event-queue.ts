/** The order of events: a binary heap by time, and by sequence for events of the same time, so that ties never vary. */

/** Something that is due. Cancelling leaves it in the heap without its action; it costs nothing when its time comes. */
export interface Scheduled {
  readonly atUs: number;
  readonly sequence: number;
  action: (() => void) | null;
}

export class EventQueue {
  readonly #heap: Scheduled[] = [];
  #sequence = 0;

  get size(): number {
    return this.#heap.length;
  }

  push(atUs: number, action: () => void): Scheduled {
    const item: Scheduled = { atUs, sequence: this.#sequence++, action };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(item);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || precedes(parent, item)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = item;
    return item;
  }

  /** The next event that was not cancelled, unless it is due later than this. */
  pop(untilUs: number): Scheduled | undefined {
    for (let top = this.#heap[0]; top !== undefined && top.atUs <= untilUs; top = this.#heap[0]) {
      this.#take();
      if (top.action !== null) return top;
    }
    return undefined;
  }

  #take(): Scheduled | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    const size = heap.length;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= size) break;
      let child = heap[below] as Scheduled;
      const right = heap[below + 1];
      if (right !== undefined && precedes(right, child)) {
        below++;
        child = right;
      }
      if (precedes(last, child)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
    return top;
  }
}

function precedes(a: Scheduled, b: Scheduled): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.sequence < b.sequence);
}
