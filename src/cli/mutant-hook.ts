/**
 * Plants a mutant (`simulator/mutants/`): the file that it names is changed while Node loads it, in this process alone.
 * Node strips the types afterwards, as always, and its compile cache goes by the content.
 *
 * It has to be done before anything else is loaded, so this module is given to Node itself, `node --import mutant-hook.ts
 * main.ts simulate --mutant <name>`, and plants what the command line names; `simulate-mutants.ts` starts such a process.
 */
import { registerHooks } from 'node:module';
import { InternalError } from '../base/errors.ts';
import { type Mutant, plant } from '../simulator/mutants/mutant.ts';
import { knownMutant } from '../simulator/mutants/registry.ts';

export interface Planted {
  readonly mutant: Mutant;
  /** Throws `simulator/mutant-not-loaded` when the file was not loaded since: the bug is not in the code that runs. */
  assertLoaded(): void;
}

/** To be called before anything imports the mutant's file. Importing it throws `simulator/mutant-text` where its text is not found. */
export function plantMutant(mutant: Mutant): Planted {
  const target = new URL(`../${mutant.file}`, import.meta.url).href;
  let loaded = false;
  registerHooks({
    load(url, context, nextLoad) {
      const result = nextLoad(url, context);
      if (url !== target) return result;
      const source = plant(mutant, textOf(result.source));
      loaded = true;
      return { ...result, source };
    },
  });
  return {
    mutant,
    assertLoaded() {
      if (loaded) return;
      const { name, file } = mutant;
      const message = `Mutant ${name} is in src/${file}, which a simulation does not load, or which was loaded before the mutant could be planted.`;
      throw new InternalError('simulator/mutant-not-loaded', message, { name, file });
    },
  };
}

function textOf(source: unknown): string {
  if (typeof source === 'string') return source;
  return source instanceof Uint8Array ? new TextDecoder().decode(source) : '';
}

/** `--mutant name` or `--mutant=name`. */
function namedIn(argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word) => word === '--mutant' || word.startsWith('--mutant='));
  return argv[at]?.split('=')[1] ?? argv[at + 1];
}

const wanted = process.execArgv.includes(import.meta.url) ? knownMutant(namedIn(process.argv) ?? '') : undefined;

/** What this process was started with; null where it was started without. */
export const planted: Planted | null = wanted === undefined ? null : plantMutant(wanted);
