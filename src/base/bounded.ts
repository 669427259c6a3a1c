/** Collections with an explicit bound, since an unbounded map is a memory leak that waits for an attacker. */

/** A map that forgets its least recently used entry when it is full. */
export class BoundedMap<K, V> {
  readonly capacity: number;
  readonly #entries = new Map<K, V>();
  readonly #onEvict: ((key: K, value: V) => void) | undefined;

  constructor(capacity: number, onEvict?: (key: K, value: V) => void) {
    this.capacity = capacity;
    this.#onEvict = onEvict;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  /** Reads and marks as recently used. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.capacity) return;
    const [oldest] = this.#entries;
    if (oldest === undefined) return;
    this.#entries.delete(oldest[0]);
    this.#onEvict?.(oldest[0], oldest[1]);
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** Oldest first. */
  entries(): IterableIterator<[K, V]> {
    return this.#entries.entries();
  }

  keys(): IterableIterator<K> {
    return this.#entries.keys();
  }

  values(): IterableIterator<V> {
    return this.#entries.values();
  }
}

/** Places of a list that is empty, or that were taken from its beginning, beyond which it is made anew. */
const MAX_KEPT_ITEMS = 1_024;

/** First in, first out; `push` answers false when it is full, and the caller says what that means. */
export class BoundedQueue<T> {
  readonly capacity: number;
  #items: (T | undefined)[] = [];
  #start = 0;
  #end = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#end - this.#start;
  }

  push(item: T): boolean {
    if (this.size >= this.capacity) return false;
    this.#items[this.#end++] = item;
    return true;
  }

  shift(): T | undefined {
    if (this.#start === this.#end) return undefined;
    const item = this.#items[this.#start];
    // What is taken is not kept alive, and a queue that is empty, as it mostly is, begins anew in the same list.
    this.#items[this.#start++] = undefined;
    if (this.#start === this.#end) this.#beginAnew();
    // Amortised: drop the consumed half at once instead of moving every element on each shift.
    if (this.#start > MAX_KEPT_ITEMS && this.#start * 2 > this.#end) {
      this.#items = this.#items.slice(this.#start, this.#end);
      [this.#start, this.#end] = [0, this.#items.length];
    }
    return item;
  }

  #beginAnew(): void {
    [this.#start, this.#end] = [0, 0];
    if (this.#items.length > MAX_KEPT_ITEMS) this.#items = [];
  }
}
