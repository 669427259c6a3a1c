/** Where one is in the page, kept behind the # of the address, so that every view can be linked and the back button works. */

export type Route =
  | { readonly view: 'network' }
  | { readonly view: 'consensus' }
  | { readonly view: 'blocks'; readonly from: number | null }
  | { readonly view: 'block'; readonly id: string }
  | { readonly view: 'transaction'; readonly hash: string }
  | { readonly view: 'account'; readonly address: string }
  | { readonly view: 'pool' }
  | { readonly view: 'charts' }
  | { readonly view: 'lost'; readonly path: string };

export function parseRoute(fragment: string): Route {
  const path = fragment.replace(/^#?\/?/, '');
  const [view = '', argument = ''] = path.split('/', 2);
  switch (view) {
    case '':
      return { view: 'network' };
    case 'consensus':
    case 'pool':
    case 'charts':
      return { view };
    case 'blocks':
      return { view, from: /^\d{1,15}$/.test(argument) ? Number(argument) : null };
    case 'block':
      if (/^(\d{1,15}|0x[0-9a-f]{64}|latest|safe|finalized|earliest)$/i.test(argument)) return { view, id: argument.toLowerCase() };
      break;
    case 'tx':
      if (/^0x[0-9a-f]{64}$/i.test(argument)) return { view: 'transaction', hash: argument.toLowerCase() };
      break;
    case 'address':
      if (/^0x[0-9a-f]{40}$/i.test(argument)) return { view: 'account', address: argument.toLowerCase() };
      break;
  }
  return { view: 'lost', path };
}

export const hrefs = {
  network: '#/',
  consensus: '#/consensus',
  blocks: '#/blocks',
  blocksFrom: (number: number) => `#/blocks/${number}`,
  block: (id: string | number) => `#/block/${id}`,
  transaction: (hash: string) => `#/tx/${hash}`,
  account: (address: string) => `#/address/${address}`,
  pool: '#/pool',
  charts: '#/charts',
} as const;

/** Of which item of the menu a view is part. */
export function sectionOf({ view }: Route): string {
  return view === 'block' || view === 'transaction' || view === 'account' ? 'blocks' : view;
}
