/** What the operating system and LevelDB report, as StorageErrors that say what happened and what to do. */
import { explain, StorageError, SynodError } from '../base/errors.ts';

interface Kind {
  readonly code: string;
  /** Codes of Node and classic-level, and the texts that LevelDB 1.20 passes on from strerror. */
  readonly signs: readonly string[];
  /** Null for damage, where it depends on the database. */
  readonly advice: string | null;
}

/** In order: the first kind with a sign in the error is taken. */
const KINDS: readonly Kind[] = [
  {
    code: 'storage/locked',
    signs: ['LEVEL_LOCKED'],
    advice: 'Another process has it open. Stop that one, or give this one its own --datadir.',
  },
  {
    code: 'storage/full',
    signs: ['ENOSPC', 'EDQUOT', 'EFBIG', 'No space left on device', 'Disk quota exceeded', 'File too large'],
    advice: 'Free some space and start again; nothing that was acknowledged is lost.',
  },
  {
    code: 'storage/too-many-files',
    signs: ['EMFILE', 'ENFILE', 'Too many open files'],
    advice: 'Raise the limit of open files (ulimit -n) and start again.',
  },
  {
    code: 'storage/read-only',
    signs: ['EROFS', 'EACCES', 'EPERM', 'Read-only file system', 'Permission denied', 'Operation not permitted'],
    advice: 'Make it writable for this user, or use another --datadir.',
  },
  {
    code: 'storage/corrupt',
    signs: ['LEVEL_CORRUPTION', 'Corruption:', 'does not exist (create_if_missing is false)'],
    advice: null,
  },
];

const OTHER: Kind = { code: 'storage/io', signs: [], advice: 'Check the disk and the system log, then start again.' };

/** `doing` completes "Could not ...", such as "open the database"; `remedy` is what to do about damage. */
export function storageError(cause: unknown, path: string, doing: string, remedy: string): StorageError {
  if (cause instanceof StorageError) return cause;
  const text = signsOf(cause);
  const kind = KINDS.find(({ signs }) => signs.some((sign) => text.includes(sign))) ?? OTHER;
  return new StorageError(kind.code, `Could not ${doing} in ${path}. ${kind.advice ?? remedy}`, { path }, cause);
}

/** Runs a step on files; what the system throws becomes a StorageError, errors of ours pass. */
export async function onFiles<Result>(path: string, doing: string, remedy: string, step: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    throw error instanceof SynodError ? error : storageError(error, path, doing, remedy);
  }
}

/** The codes and messages of an error and its causes; classic-level puts the telling one into the cause. */
function signsOf(error: unknown): string {
  const codes: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) codes.push('code' in cause ? String(cause.code) : '');
  return `${codes.join(' ')} ${explain(error)}`;
}
