/** What somebody typed into the search box: a height, a hash (of a block or a transaction: the nodes know which), an address. */

export type Search =
  | { readonly type: 'height'; readonly number: number }
  | { readonly type: 'tag'; readonly tag: string }
  | { readonly type: 'hash'; readonly hash: string }
  | { readonly type: 'address'; readonly address: string }
  | { readonly type: 'wrong'; readonly sentence: string };

const TAGS: readonly string[] = ['latest', 'safe', 'finalized', 'earliest'];
const HASH_DIGITS = 64;
const ADDRESS_DIGITS = 40;

export function parseSearch(input: string): Search {
  const text = input.trim().toLowerCase();
  if (text === '') return wrong('Type a height, a block or transaction hash, or an address.');
  if (TAGS.includes(text)) return { type: 'tag', tag: text };
  if (/^[\d,_ ]+$/.test(text) && !/^[\da-f]{40}$|^[\da-f]{64}$/.test(text)) return height(Number(text.replace(/[,_ ]/g, '')));
  const digits = text.startsWith('0x') ? text.slice(2) : text;
  if (!/^[\da-f]*$/.test(digits)) return wrong('That is neither a number nor hex digits: expected a height, a hash or an address.');
  if (digits.length === HASH_DIGITS) return { type: 'hash', hash: `0x${digits}` };
  if (digits.length === ADDRESS_DIGITS) return { type: 'address', address: `0x${digits}` };
  if (text.startsWith('0x') && digits.length > 0 && digits.length <= 13) return height(Number.parseInt(digits, 16));
  return wrong(
    `${digits.length} hex digits are neither a hash (${HASH_DIGITS}) nor an address (${ADDRESS_DIGITS})${missing(digits.length)}.`,
  );
}

function height(number: number): Search {
  return Number.isSafeInteger(number) ? { type: 'height', number } : wrong('No chain is that high.');
}

function missing(length: number): string {
  const nearest = Math.abs(length - ADDRESS_DIGITS) < Math.abs(length - HASH_DIGITS) ? ADDRESS_DIGITS : HASH_DIGITS;
  const off = length - nearest;
  return Math.abs(off) > 8
    ? ''
    : `: ${Math.abs(off)} too ${off < 0 ? 'few' : 'many'} for ${nearest === HASH_DIGITS ? 'a hash' : 'an address'}`;
}

function wrong(sentence: string): Search {
  return { type: 'wrong', sentence };
}
