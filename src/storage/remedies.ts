/** The two databases of a node, and what a person can do when one of them cannot be trusted. */
export type DatabaseName = 'chain' | 'consensus';

export const REMEDIES: Readonly<Record<DatabaseName, string>> = {
  chain: 'Restore the data directory from a backup, or start once with --resync to set the chain aside and fetch it again from peers.',
  // Never offered: starting with an empty log. A node that forgot what it signed can sign the opposite.
  consensus:
    'Restore the data directory from a backup. Without one, move its synod directory away and join again as a new node, with a new validator key if this one voted.',
};
