/** The small parts that every view is made of. Text only: nothing here turns a string into markup. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Answer } from '../data/use.ts';
import { short } from '../model/format.ts';
import { hrefs } from '../model/route.ts';
import { plain } from '../model/text.ts';

export function BlockLink({ id, label }: { readonly id: string | number; readonly label?: string }) {
  const text = label ?? (typeof id === 'number' ? id.toLocaleString('en-US') : short(id));
  return (
    <a class="mono" href={hrefs.block(id)} title={String(id)}>
      {text}
    </a>
  );
}

export function TransactionLink({ hash, whole = false }: { readonly hash: string; readonly whole?: boolean }) {
  return (
    <a class="mono" href={hrefs.transaction(hash)} title={hash}>
      {whole ? hash : short(hash, 6)}
    </a>
  );
}

export function AccountLink({ address, whole = false }: { readonly address: string; readonly whole?: boolean }) {
  if (!/^0x[0-9a-f]{40}$/i.test(address)) return <span class="quiet">none</span>;
  return (
    <a class="mono" href={hrefs.account(address)} title={address}>
      {whole ? address : short(address)}
    </a>
  );
}

/** A whole value with a button that puts it on the clipboard. */
export function Copyable({ text }: { readonly text: string }) {
  const [said, say] = useState('Copy');
  const copy = async () => {
    const done = await navigator.clipboard?.writeText(text).then(
      () => 'Copied',
      () => 'Not allowed',
    );
    say(done ?? 'Not possible here');
    setTimeout(() => say('Copy'), 1_500);
  };
  return (
    <span class="copyable">
      <code>{text}</code>
      <button type="button" class="tiny" onClick={copy} aria-label={`Copy ${short(text)}`}>
        {said}
      </button>
    </span>
  );
}

/** Bytes that may be long: cut, and shown whole on demand up to a bound. */
export function Bytes({ hex }: { readonly hex: string }) {
  const [isWhole, setWhole] = useState(false);
  if (hex === '' || hex === '0x') return <span class="quiet">none</span>;
  const shown = hex.slice(0, isWhole ? MAX_BYTES_SHOWN : FEW_BYTES_SHOWN);
  const isCut = shown.length < hex.length;
  return (
    <div class="bytes">
      <code>
        {plain(shown.slice(0, FEW_BYTES_SHOWN))}
        {isWhole ? shown.slice(FEW_BYTES_SHOWN) : ''}
        {isCut ? '…' : ''}
      </code>
      {hex.length > FEW_BYTES_SHOWN && (
        <button type="button" class="tiny" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Less' : hex.length > MAX_BYTES_SHOWN ? `First ${MAX_BYTES_SHOWN / 2 - 1} bytes` : 'All'}
        </button>
      )}
    </div>
  );
}

const FEW_BYTES_SHOWN = 202;
const MAX_BYTES_SHOWN = 100_002;

/** Names and values, in two columns. */
export function Facts({ rows }: { readonly rows: readonly (readonly [name: string, value: ComponentChildren] | null)[] }) {
  return (
    <dl class="facts">
      {rows.map(
        (row) =>
          row !== null && (
            <div key={row[0]}>
              <dt>{row[0]}</dt>
              <dd>{row[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

export function Panel({
  title,
  aside,
  children,
  id,
}: {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly id?: string;
}) {
  return (
    <section class="panel" id={id} aria-label={title}>
      <header class="panel-head">
        <h2>{title}</h2>
        {aside !== undefined && <div class="panel-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export function Problem({ sentence, again }: { readonly sentence: string; readonly again?: () => void }) {
  return (
    <div class="problem" role="alert">
      <p>{sentence}</p>
      {again !== undefined && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Waits without moving: a line of text, shown only after a moment, so that quick answers do not flicker. */
export function Loading({ what }: { readonly what: string }) {
  return (
    <p class="loading" role="status">
      Asking for {what}…
    </p>
  );
}

/** What came of a question: its answer, or honest words in its place. */
export function Answered<T>({
  answer,
  what,
  children,
}: {
  readonly answer: Answer<T>;
  readonly what: string;
  readonly children: (value: T) => ComponentChildren;
}) {
  if (answer.state === 'loading') return <Loading what={what} />;
  if (answer.state === 'failed') return <Problem sentence={answer.sentence} again={answer.again} />;
  return <>{children(answer.value)}</>;
}

/** A share as a bar with a mark at a threshold. */
export function Meter({ share, mark, label }: { readonly share: number; readonly mark?: number; readonly label: string }) {
  const width = Math.min(1, Math.max(0, share));
  return (
    <svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="meter-track" width="100" height="6" rx="1" />
      <rect class={mark !== undefined && width < mark ? 'meter-fill low' : 'meter-fill'} width={100 * width} height="6" rx="1" />
      {mark !== undefined && <rect class="meter-mark" x={100 * mark - 0.4} width="0.8" height="6" />}
    </svg>
  );
}

export function Pager({ page, pages, go }: { readonly page: number; readonly pages: number; readonly go: (page: number) => void }) {
  if (pages <= 1) return null;
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={page === 0} onClick={() => go(page - 1)}>
        ← Back
      </button>
      <span>
        {page + 1} of {pages}
      </span>
      <button type="button" disabled={page >= pages - 1} onClick={() => go(page + 1)}>
        On →
      </button>
    </nav>
  );
}
