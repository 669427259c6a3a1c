/** Says something once in a turn of the event loop, however often there is reason to: transactions come many at a time. */
export class OncePerTurn {
  readonly #say: () => void;
  #isDue = false;

  constructor(say: () => void) {
    this.#say = say;
  }

  announce(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#say();
    });
  }
}
