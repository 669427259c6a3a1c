/**
 * Data in a page. JSON inside a script element ends where the text `</script` begins, whatever the JSON means by it, and
 * `<!--` changes how the rest is read (HTML Living Standard, 4.12.1.3). No `<` is left, so neither can occur.
 */

const DANGEROUS = /[<>&\u2028\u2029]/g;
const encoder = new TextEncoder();

export function embedJson(document: unknown): string {
  return JSON.stringify(document).replace(DANGEROUS, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** For text between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** What a text costs in a page, with its quotes and a comma. */
export function embeddedBytes(text: string): number {
  return encoder.encode(embedJson(text)).length + 1;
}
