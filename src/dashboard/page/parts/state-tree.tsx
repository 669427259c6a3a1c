/** Any JSON as a tree that opens and closes. Long lists are cut; nothing is drawn before it is opened. */
import { useState } from 'preact/hooks';
import { short } from '../model/format.ts';
import { plain } from '../model/text.ts';

const MAX_ENTRIES = 64;
const MAX_DEPTH = 8;

export function StateTree({ value }: { readonly value: unknown }) {
  return (
    <div class="tree-of-state">
      {entriesOf(value).map(([name, child]) => (
        <Branch key={name} name={name} value={child} depth={0} />
      ))}
    </div>
  );
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null ? Object.entries(value).slice(0, MAX_ENTRIES) : [];
}

function Branch({ name, value, depth }: { readonly name: string; readonly value: unknown; readonly depth: number }) {
  const [isOpen, setOpen] = useState(false);
  if (typeof value !== 'object' || value === null || depth >= MAX_DEPTH) {
    return (
      <div class="leaf">
        <span class="quiet">{plain(name)}:</span>{' '}
        <bdi title={String(value)}>{plain(typeof value === 'string' ? short(value, 10) : String(value))}</bdi>
      </div>
    );
  }
  const size = Object.keys(value).length;
  if (size === 0) {
    return (
      <div class="leaf">
        <span class="quiet">{plain(name)}: none</span>
      </div>
    );
  }
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <span class="quiet">{plain(name)}</span> {Array.isArray(value) ? `[${size}]` : `{${size}}`}
      </summary>
      {isOpen && entriesOf(value).map(([key, child]) => <Branch key={key} name={key} value={child} depth={depth + 1} />)}
      {isOpen && size > MAX_ENTRIES && <div class="leaf quiet">{size - MAX_ENTRIES} more</div>}
    </details>
  );
}
