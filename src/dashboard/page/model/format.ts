/** How figures, hashes, amounts and spans of time are written. All of it is for people: units stand with the figures. */

const ELLIPSIS = '…';
const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `12,345`. */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** At most `digits` after the point, none that say nothing: `1.5`, `12`, `0.07`. */
export function decimal(value: number, digits = 1): string {
  return new Intl.NumberFormat('en-US', { maximumFractionDigits: digits }).format(value);
}

/** A hash, an address or a peer id by its ends: `0x8438…6ef8`. */
export function short(text: string, ends = 4): string {
  const head = text.startsWith('0x') ? 2 + ends : ends;
  return text.length <= head + ends + 1 ? text : `${text.slice(0, head)}${ELLIPSIS}${text.slice(-ends)}`;
}

/** Seconds as one unit, as an age or a length: `0.4 s`, `12 s`, `3 min`, `5 h`, `2 d`. */
export function span(seconds: number): string {
  const value = Math.max(0, seconds);
  if (value < 9.95) return `${decimal(value)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  if (value < 7_200) return `${Math.round(value / 60)} min`;
  if (value < 172_800) return `${Math.round(value / 3_600)} h`;
  return `${Math.round(value / 86_400)} d`;
}

/** Unix time in seconds as `2026-11-21 20:15:49 UTC`. */
export function instant(seconds: number): string {
  const date = new Date(seconds * 1_000);
  return Number.isNaN(date.getTime()) ? 'no time' : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** An amount with `unit` decimals as digits with a point, cut (never rounded up) after `digits`: 1.5 ether is not 2. */
export function units(amount: bigint, unit: number, digits = 6): string {
  const sign = amount < 0n ? '-' : '';
  const whole = (amount < 0n ? -amount : amount).toString().padStart(unit + 1, '0');
  const integer = BigInt(whole.slice(0, -unit)).toLocaleString('en-US');
  const fraction = whole.slice(-unit).slice(0, digits).replace(/0+$/, '');
  const isCut = /[1-9]/.test(whole.slice(-unit).slice(digits));
  return `${sign}${integer}${fraction === '' ? '' : `.${fraction}`}${isCut ? ELLIPSIS : ''}`;
}

/** In ether, or where nothing of it would be left to see, in gwei or wei. */
export function ether(wei: bigint, digits = 6): string {
  if (wei > 0n && wei < 10n ** BigInt(18 - digits)) return gwei(wei);
  return `${units(wei, 18, digits)} ETH`;
}

/** As `ether`, one unit lower. */
export function gwei(wei: bigint, digits = 4): string {
  if (wei > 0n && wei < 10n ** BigInt(9 - digits)) return `${wei.toLocaleString('en-US')} wei`;
  return `${units(wei, 9, digits)} gwei`;
}

/** The same of what is drawn, which may lie between whole wei: `7 wei`, `1.5 gwei`. */
export function gasPrice(wei: number): string {
  return wei < 1e5 ? `${decimal(wei, 1)} wei` : `${decimal(wei / 1e9, 4)} gwei`;
}

export function percent(share: number, digits = 0): string {
  return `${decimal(100 * share, digits)} %`;
}

const THREE_DIGITS = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });

/** Transactions a second, with the digits that the value needs, as an idle network has few: `0.0625 tx/s`, `12.5 tx/s`, `1,234 tx/s`. */
export function transactionRate(value: number): string {
  return `${value < 100 ? THREE_DIGITS.format(value) : count(value)} tx/s`;
}

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'];

/** With a metric prefix: `90.5 kH/s` for (90,534, 'H/s'). */
export function metric(value: number, unit: string): string {
  const power = value < 1_000 ? 0 : Math.min(PREFIXES.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1_000 ** power;
  return `${decimal(scaled, scaled < 100 ? 1 : 0)} ${PREFIXES[power] ?? ''}${unit}`;
}

export function byteLength(hex: string): number {
  return Math.max(0, Math.floor((hex.length - 2) / 2));
}

/** `1 block`, `2 blocks`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}
