/** Tables of texts, each kept once, within bounds. */
import { embeddedBytes } from './embed.ts';

/** Of one text: more than a person reads beside a picture. */
const MAX_CHARACTERS = 4_096;

/** Everything that was said in a run. Places are 1-based; 0 is given for what no longer has room. */
export class TextTable {
  readonly #places = new Map<string, number>();
  readonly #texts: string[] = [];
  readonly #maxCharacters: number;
  #characters = 0;

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  place(text: string): number {
    const shown = text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}...` : text;
    const known = this.#places.get(shown);
    if (known !== undefined) return known;
    if (this.#characters + shown.length > this.#maxCharacters) return 0;
    this.#characters += shown.length;
    const place = this.#texts.push(shown);
    this.#places.set(shown, place);
    return place;
  }

  text(place: number): string {
    return this.#texts[place - 1] ?? '';
  }
}

/** A count of bytes that may still be spent. */
export interface Budget {
  bytes: number;
  /** Texts for which there was no room. */
  refused: number;
}

/** The texts that a page refers to, each paid for once, by whoever needs it first. */
export class PageTexts {
  readonly texts: string[] = [];
  readonly #places = new Map<string, number>();

  place(text: string, budget: Budget): number {
    if (text === '') return 0;
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    // No text is shorter in a page than it is; when nothing is left, none needs to be escaped to be refused.
    const cost = text.length > budget.bytes ? Number.POSITIVE_INFINITY : embeddedBytes(text);
    if (cost > budget.bytes) {
      budget.refused++;
      return 0;
    }
    budget.bytes -= cost;
    const place = this.texts.push(text);
    this.#places.set(text, place);
    return place;
  }
}
