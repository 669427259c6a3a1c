/** The YAML library, where the tools of the tests have it: types of as much as is used here. */

export interface Yaml {
  parseAllDocuments(text: string, options: { readonly merge: boolean }): readonly { readonly errors: readonly Error[]; toJS(): unknown }[];
  stringify(value: unknown): string;
}

/** By a name that the compiler does not look up: null where the package is not installed. */
async function load(name: string): Promise<Yaml | null> {
  return await (import(/* @vite-ignore */ name) as Promise<Yaml>).catch(() => null);
}

export const yaml = await load('yaml');

/** Every document of the text; throws the first error. */
export function documents(text: string): unknown[] {
  if (yaml === null) throw new Error('The package yaml is not installed');
  return yaml.parseAllDocuments(text, { merge: true }).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS();
  });
}
