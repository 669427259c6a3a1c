/** What happened, the newest first. */
import type { Happening } from '../model/feed.ts';
import { span } from '../model/format.ts';
import { BlockLink, Empty } from './basics.tsx';
import { useNow } from './use-now.ts';

const SHOWN = 40;

export function FeedList({ items }: { readonly items: readonly Happening[] }) {
  const now = useNow();
  if (items.length === 0)
    return <Empty>Nothing out of the ordinary since this page was opened: no reorganisation, no stall, no node lost.</Empty>;
  return (
    <ol class="feed" aria-live="polite" aria-relevant="additions">
      {items.slice(0, SHOWN).map(({ id, at, tone, text, block }) => (
        <li key={id} class={tone}>
          <span class="feed-text">
            {text}
            {block !== null && (
              <>
                {' '}
                <BlockLink id={block} />
              </>
            )}
          </span>
          <time dateTime={new Date(at).toISOString()} title={new Date(at).toLocaleTimeString()}>
            {span(now - at / 1_000)} ago
          </time>
        </li>
      ))}
    </ol>
  );
}
