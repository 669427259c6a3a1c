/**
 * Words that strangers chose: extra data of blocks, inputs, reasons of failures, versions of nodes. Markup in them is
 * harmless, since the page only ever sets text; but characters that cannot be seen, or that turn the direction of what
 * follows (Unicode TR 36), could make a line say what it does not. They are shown by their numbers.
 */

const MAX_SHOWN_CHARACTERS = 2_000;
// Controls, line separators, lone surrogates, what fonts leave out (zero widths, directions, tags), marks of annotations.
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{DI}\ufff9-\ufffb]/gu;

/** The same words with everything unseen written as `⟨U+202E⟩`, and cut where they are very long. */
export function plain(text: string): string {
  const cut = text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}… (${text.length} characters)` : text;
  return cut.replace(UNSEEN, (character) => {
    const number = character.codePointAt(0) ?? 0;
    return `⟨U+${number.toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}

/** Bytes as words, where they are UTF-8 and most of them can be seen; null otherwise. */
export function wordsIn(hex: string): string | null {
  if (!/^0x([0-9a-f]{2})+$/i.test(hex)) return null;
  const pairs = hex.slice(2, 2 + 4 * MAX_SHOWN_CHARACTERS).match(/../g) ?? [];
  const bytes = Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
  const text = decodeUtf8(bytes)?.replace(/\0+$/, '') ?? '';
  const unseen = text.match(UNSEEN)?.length ?? 0;
  return text === '' || unseen * 2 > text.length ? null : plain(text);
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

const ERROR_SELECTOR = '0x08c379a0';
const PANIC_SELECTOR = '0x4e487b71';
const WORD = 64;
/** Solidity's manual, "Panic via assert and error via require". */
const PANICS: { readonly [code: string]: string } = {
  '1': 'an assertion failed',
  '11': 'arithmetic overflow or underflow',
  '12': 'division by zero',
  '21': 'a value outside its enum',
  '22': 'a badly encoded storage array',
  '31': 'pop from an empty array',
  '32': 'an index outside its array',
  '41': 'too much memory was asked for',
  '51': 'a function pointer that was never set',
};

/** What a revert says: the words of Error(string), the meaning of Panic(uint256), or the bytes themselves. */
export function revertReason(data: string): string {
  if (data === '' || data === '0x') return 'It gave no reason.';
  const body = data.slice(ERROR_SELECTOR.length);
  if (data.startsWith(ERROR_SELECTOR)) {
    const words = stringIn(body);
    if (words !== null) return `“${words}”`;
  }
  if (data.startsWith(PANIC_SELECTOR)) {
    const code = body.replace(/^0+/, '').slice(0, 8);
    return `Panic 0x${code}: ${PANICS[code] ?? 'a code that Solidity does not list'}.`;
  }
  return `It returned the custom error ${data.slice(0, 10)} (${data.length / 2 - 1} bytes).`;
}

/** The words of one string as the ABI encodes it: offset, length, bytes; null where it is none. */
function stringIn(body: string): string | null {
  const [offset, length] = [Number.parseInt(body.slice(0, WORD), 16), Number.parseInt(body.slice(WORD, 2 * WORD), 16)];
  if (offset !== WORD / 2 || !Number.isSafeInteger(length) || body.length < 2 * (WORD + length)) return null;
  return wordsIn(`0x${body.slice(2 * WORD, 2 * WORD + 2 * length)}`);
}

/** What a call returned, as far as that can be told without its ABI: a string, a number, or so many bytes. */
export function returnedWords(output: string): string {
  const body = output.slice(2);
  if (body === '') return 'It returned nothing.';
  const words = stringIn(body) ?? wordsIn(output);
  if (words !== null) return `“${words}”`;
  if (body.length === WORD && /^0{16}[0-9a-f]+$/i.test(body)) return `${BigInt(output).toLocaleString('en-US')}, if it is a number.`;
  return `It returned ${body.length / 2} bytes.`;
}
