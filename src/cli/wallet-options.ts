/** Options that the wallet's commands share, named as geth names them. */
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { explain, SynodError } from '../base/errors.ts';
import { absolutePath, defaultDatadir } from './options.ts';
import { argumentError } from './output.ts';

export interface KeystoreFlags {
  readonly datadir: string;
  readonly keystore?: string;
}

export function addKeystoreOptions(command: Command): Command {
  return command
    .option('--datadir <directory>', 'where the node and its keys live', absolutePath, defaultDatadir())
    .option('--keystore <directory>', 'where the key files are (default: keystore in the datadir)', absolutePath);
}

export function keystoreDirectory(flags: KeystoreFlags): string {
  return flags.keystore ?? join(flags.datadir, 'keystore');
}

export function passwordOption(): Option {
  return new Option('--password <file>', 'take the password from the first line of a file instead of asking for it');
}

export function jsonOption(): Option {
  return new Option('--json', 'print one JSON document instead of text for people');
}

/** A parser of the library as one of commander's: what it refuses is a wrong argument. */
export function parsedBy<T>(name: string, parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw error instanceof SynodError ? argumentError(name.replace(/^--/, ''), `${name}: ${explain(error)}`) : error;
    }
  };
}
