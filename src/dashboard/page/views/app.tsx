/** The frame of all views: menu, search, whom the page asks, keys. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { useNetwork } from '../data/use.ts';
import { parseRoute, type Route, sectionOf } from '../model/route.ts';
import { Problem } from '../parts/basics.tsx';
import { Help } from '../parts/help.tsx';
import { SearchBox } from '../parts/search-box.tsx';
import { useTheme } from '../parts/use-theme.ts';
import { AccountView } from './account-view.tsx';
import { BlockView } from './block-view.tsx';
import { BlocksView } from './blocks-view.tsx';
import { ChartsView } from './charts-view.tsx';
import { ConsensusView } from './consensus-view.tsx';
import { NetworkView } from './network-view.tsx';
import { PoolView } from './pool-view.tsx';
import { TransactionView } from './transaction-view.tsx';

const MENU = [
  { section: 'network', href: '#/', name: 'Network' },
  { section: 'consensus', href: '#/consensus', name: 'Consensus' },
  { section: 'blocks', href: '#/blocks', name: 'Blocks' },
  { section: 'pool', href: '#/pool', name: 'Mempool' },
  { section: 'charts', href: '#/charts', name: 'Charts' },
] as const;

export function App() {
  const network = useNetwork();
  const route = useRoute();
  const [theme, nextTheme] = useTheme();
  const help = useRef<HTMLDialogElement>(null);
  useShortcuts(() => help.current?.showModal(), nextTheme);
  const section = sectionOf(route);
  useEffect(() => {
    document.title = `${MENU.find((item) => item.section === section)?.name ?? 'Not found'} · synod`;
  }, [section]);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        To the content
      </button>
      <header class="top">
        <a class="brand" href="#/" aria-label="synod: network">
          <Mark /> synod
        </a>
        <nav aria-label="Views">
          {MENU.map((item) => (
            <a key={item.section} href={item.href} aria-current={item.section === section ? 'page' : undefined}>
              {item.name}
            </a>
          ))}
        </nav>
        <SearchBox />
        <div class="tools">
          <AskedNode />
          <button type="button" class="icon" onClick={nextTheme} title={`Colours: ${theme} (t)`} aria-label={`Colours: ${theme}`}>
            {theme === 'light' ? '☀' : theme === 'dark' ? '☾' : '◐'}
          </button>
          <button type="button" class="icon" onClick={() => help.current?.showModal()} title="Keys (?)" aria-label="Keys">
            ?
          </button>
        </div>
      </header>
      {network.problem !== '' && (
        <p class="strip bad" role="alert">
          {network.nodes.length === 0 ? 'Nobody answers where this page came from' : 'The supervisor does not answer'}: {network.problem}{' '}
          What is shown may be old.
        </p>
      )}
      <main id="main" tabIndex={-1}>
        {network.phase === 'starting' ? (
          <p class="loading">Looking for nodes…</p>
        ) : network.phase === 'unreachable' ? (
          <Unreachable />
        ) : (
          <View route={route} />
        )}
      </main>
      <Help dialog={help} />
    </>
  );
}

function View({ route }: { readonly route: Route }) {
  switch (route.view) {
    case 'network':
      return <NetworkView />;
    case 'consensus':
      return <ConsensusView />;
    case 'blocks':
      return <BlocksView from={route.from} />;
    case 'block':
      return <BlockView id={route.id} />;
    case 'transaction':
      return <TransactionView hash={route.hash} />;
    case 'account':
      return <AccountView key={route.address} address={route.address} />;
    case 'pool':
      return <PoolView />;
    case 'charts':
      return <ChartsView />;
    case 'lost':
      return <Problem sentence="There is no such view. Choose one from the menu, or search for a height, a hash or an address." />;
  }
}

function Unreachable() {
  return (
    <Problem sentence="There is no connection to the network. It may have been stopped; this page goes on trying every two seconds." />
  );
}

/** Which node lists and pages are read from. During a partition the two sides tell different stories. */
function AskedNode() {
  const network = useNetwork();
  if (network.nodes.length < 2) return null;
  return (
    <label class="asked">
      <span>Ask</span>
      <select
        aria-label="The node that is asked for blocks, transactions and accounts"
        value={String(network.chosen ?? '')}
        onChange={({ currentTarget }) => {
          network.chosen = currentTarget.value === '' ? null : Number(currentTarget.value);
          network.changed();
        }}
      >
        <option value="">any node</option>
        {network.nodes.map(({ index, link }) => (
          <option key={index} value={String(index)}>
            node {index}
            {link === 'down' ? ' (down)' : ''}
          </option>
        ))}
      </select>
    </label>
  );
}

function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = () => {
      setRoute(parseRoute(location.hash));
      scrollTo(0, 0);
    };
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return route;
}

function useShortcuts(openHelp: () => void, nextTheme: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const item = MENU[Number(event.key) - 1];
      if (item !== undefined) location.hash = item.href;
      else if (event.key === '/') document.getElementById('search')?.focus();
      else if (event.key === '?') openHelp();
      else if (event.key === 't') nextTheme();
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [openHelp, nextTheme]);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Three branches that meet. */
function Mark() {
  return (
    <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
      <path d="M3 4.5c6 0 4 5.5 10 5.5M3 15.5c6 0 4-5.5 10-5.5M3 10h10" fill="none" stroke="currentColor" stroke-width="1.6" />
      <rect x="12" y="6.5" width="7" height="7" rx="1.8" fill="currentColor" />
    </svg>
  );
}
