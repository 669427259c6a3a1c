/** Search by height, hash or address. A hash may be a block's or a transaction's: a node is asked which. */
import { useEffect, useState } from 'preact/hooks';
import { sentenceOf } from '../data/failure.ts';
import type { Network } from '../data/network.ts';
import { useStill } from '../data/use.ts';
import { numberOf } from '../model/decode.ts';
import { count } from '../model/format.ts';
import { hrefs } from '../model/route.ts';
import { parseSearch } from '../model/search.ts';

export function SearchBox() {
  const network = useStill();
  const [text, setText] = useState('');
  const [said, say] = useState('');
  // What was looked for on one page says nothing on the next.
  useEffect(() => {
    const clear = () => {
      setText('');
      say('');
    };
    addEventListener('hashchange', clear);
    return () => removeEventListener('hashchange', clear);
  }, []);
  const go = async (event: Event) => {
    event.preventDefault();
    say('');
    try {
      const found = await find(network, text);
      if (found.href === null) return say(found.sentence);
      location.hash = found.href;
      setText('');
      // On to what was found; the next / comes back.
      document.getElementById('main')?.focus();
    } catch (error) {
      say(sentenceOf(error));
    }
  };
  return (
    <form class="search" onSubmit={go}>
      <input
        id="search"
        type="search"
        aria-label="Search"
        aria-describedby="search-said"
        placeholder="Height, hash or address  ( / )"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        maxLength={200}
        value={text}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          say('');
        }}
        onBlur={() => say('')}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          event.currentTarget.blur();
          // It is for this box alone.
          event.stopPropagation();
        }}
      />
      <p id="search-said" class="search-said" role="status" hidden={said === ''}>
        {said}
      </p>
    </form>
  );
}

type Found = { readonly href: string } | { readonly href: null; readonly sentence: string };

async function find(network: Network, text: string): Promise<Found> {
  const search = parseSearch(text);
  switch (search.type) {
    case 'wrong':
      return { href: null, sentence: search.sentence };
    case 'tag':
      return { href: hrefs.block(search.tag) };
    case 'address':
      return { href: hrefs.account(search.address) };
    case 'height': {
      const head = numberOf(await network.call('eth_blockNumber'));
      if (search.number <= head) return { href: hrefs.block(search.number) };
      return { href: null, sentence: `There is no block ${count(search.number)} yet: the head is ${count(head)}.` };
    }
    case 'hash': {
      const [transaction, block] = await network.batch([
        { method: 'eth_getTransactionByHash', params: [search.hash] },
        { method: 'eth_getHeaderByHash', params: [search.hash] },
      ]);
      if (isThere(transaction)) return { href: hrefs.transaction(search.hash) };
      if (isThere(block)) return { href: hrefs.block(search.hash) };
      return { href: null, sentence: 'The node that was asked knows no block and no transaction of this hash.' };
    }
  }
}

function isThere(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && !(answer instanceof Error);
}
