/**
 * Calls that wait for a thread. What was found to be short-lived or new comes before what was found to take long, and among
 * equals the clients take turns, however many calls each has waiting (round robin; Nagle, RFC 970). Every other turn is that of
 * the client who came last and had none yet: behind a crowd of strangers a newcomer waits for two calls and not for all of
 * theirs. What takes long would wait for ever where short calls never cease, so whoever empties the queue has a turn for it now and
 * then. When there is no room, the last call of whoever has most of it goes.
 */

export interface Waiting {
  /** On whose behalf. */
  readonly client: string;
  /** How long it is known to take, from 0 on: how often it was interrupted. */
  readonly level: number;
}

export class CallQueue<T extends Waiting> {
  readonly capacity: number;
  /** By level; in each the clients in the order of their turns, nobody without a call. */
  readonly #levels: Map<string, T[]>[] = [];
  /** Of clients in the order in which they came, those who had no turn since. */
  readonly #newcomers = new Set<string>();
  #isNewcomersTurn = false;
  /** That had the last turn for long calls. */
  #longLevel = 0;
  /** How many calls each client has. */
  readonly #counts = new Map<string, number>();
  #size = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** The lowest level at which one waits; null when none does. */
  get level(): number | null {
    const level = this.#levels.findIndex((lines) => lines.size > 0);
    return level < 0 ? null : level;
  }

  /** Whether one waits that is known to take long. */
  get hasLong(): boolean {
    return this.#levels.some(({ size }, level) => level > 0 && size > 0);
  }

  /** Answers the call for which there is no room now, if any: it may be this one. */
  push(call: T): T | null {
    if (!this.#counts.has(call.client)) this.#newcomers.add(call.client);
    this.putBehind(call);
    return this.#size > this.capacity ? this.#evict(call) : null;
  }

  /** Calls that were given out already and not begun, in order: they come before all others. There is always room for them. */
  putBack(calls: readonly T[]): void {
    for (const call of calls.toReversed()) {
      this.#insert(call, (line) => line.unshift(call));
      const { client, level } = call;
      const lines = this.#levels[level] ?? new Map<string, T[]>();
      this.#levels[level] = new Map([[client, lines.get(client) ?? []], ...lines]);
    }
  }

  /** One that has had its turn, behind the others of its client. There is always room for it. */
  putBehind(call: T): void {
    this.#insert(call, (line) => line.push(call));
  }

  /** `isLongTurn`: a call that is known to take long comes first, if any; the levels of such calls take turns. */
  shift(isLongTurn = false): T | undefined {
    const lines = (isLongTurn ? this.#nextLong() : undefined) ?? this.#levels.find(({ size }) => size > 0);
    if (lines === undefined) return undefined;
    const client = this.#nextClient(lines);
    const line = lines.get(client) ?? [];
    const call = line.shift();
    // To the end of the turns.
    lines.delete(client);
    if (line.length > 0) lines.set(client, line);
    this.#newcomers.delete(client);
    this.#count(client, -1);
    return call;
  }

  #nextLong(): Map<string, T[]> | undefined {
    const levels = [...this.#levels.keys()].filter((level) => level > 0 && this.#levels[level]?.size);
    this.#longLevel = levels.find((level) => level > this.#longLevel) ?? levels[0] ?? 0;
    return levels.length > 0 ? this.#levels[this.#longLevel] : undefined;
  }

  #nextClient(lines: ReadonlyMap<string, T[]>): string {
    const [first = ''] = lines.keys();
    // Whose call was interrupted is no newcomer.
    if (lines !== this.#levels[0]) return first;
    this.#isNewcomersTurn = !this.#isNewcomersTurn;
    return this.#isNewcomersTurn ? first : ([...this.#newcomers].findLast((client) => lines.has(client)) ?? first);
  }

  #insert({ client, level }: T, into: (line: T[]) => void): void {
    while (this.#levels.length <= level) this.#levels.push(new Map());
    const lines = this.#levels[level];
    if (lines === undefined) return;
    const line = lines.get(client) ?? [];
    lines.set(client, line);
    into(line);
    this.#count(client, 1);
  }

  /**
   * Of those who have most, what is known to take longest goes first: a newcomer's call is not refused for calls that may be endless.
   * Among equals it is the one that came last, or whose turn is last.
   */
  #evict(newest: T): T {
    const most = Math.max(...this.#counts.values());
    for (const lines of this.#levels.toReversed()) {
      const clients = [...lines.keys(), newest.client].filter((client) => lines.has(client) && this.#counts.get(client) === most);
      const client = clients.at(-1);
      if (client === undefined) continue;
      const line = lines.get(client);
      const call = line?.pop();
      if (line?.length === 0) lines.delete(client);
      if (call === undefined) continue;
      this.#count(client, -1);
      return call;
    }
    return newest;
  }

  #count(client: string, change: 1 | -1): void {
    const count = (this.#counts.get(client) ?? 0) + change;
    if (count > 0) this.#counts.set(client, count);
    else {
      this.#counts.delete(client);
      this.#newcomers.delete(client);
    }
    this.#size += change;
  }
}
