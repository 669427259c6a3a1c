/**
 * As much of Go's text/template (https://pkg.go.dev/text/template) and of Helm's functions as the chart uses, so that its templates
 * can be rendered and looked at without Helm. What it does not know it refuses.
 */
import { createHash } from 'node:crypto';

type Value = unknown;
type Functions = Readonly<Record<string, (...args: Value[]) => Value>>;

/** Thrown by `fail` and `required`, as Helm would refuse the values. */
export class Refused extends Error {}

interface Scope {
  readonly dot: Value;
  readonly root: Value;
  readonly variables: Map<string, Value>;
}

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly code: string }
  | { readonly kind: 'if' | 'with'; readonly code: string; readonly then: readonly Part[]; readonly otherwise: readonly Part[] };

export class Templates {
  readonly #named = new Map<string, readonly Part[]>();
  readonly #functions: Functions;

  /** `toYaml`: of a YAML library. */
  constructor(toYaml: (value: Value) => string) {
    this.#functions = { ...FUNCTIONS, toYaml: (value) => toYaml(value).trimEnd() };
  }

  /** Takes the definitions of a file and answers what it renders to. */
  render(source: string, values: Value): string {
    const parser = new Parser(source);
    const parts = parser.parse();
    for (const [name, body] of parser.defined) this.#named.set(name, body);
    return this.#run(parts, { dot: values, root: values, variables: new Map() });
  }

  #run(parts: readonly Part[], scope: Scope): string {
    return parts.map((part) => this.#part(part, scope)).join('');
  }

  #part(part: Part, scope: Scope): string {
    if (part.kind === 'text') return part.text;
    if (part.kind === 'action') {
      const [, name, expression] = /^(\$\w+) := (.*)$/s.exec(part.code) ?? [];
      if (name === undefined || expression === undefined) return print(this.#evaluate(part.code, scope));
      scope.variables.set(name, this.#evaluate(expression, scope));
      return '';
    }
    const value = this.#evaluate(part.code, scope);
    if (!isTrue(value)) return this.#run(part.otherwise, scope);
    return this.#run(part.then, part.kind === 'with' ? { ...scope, dot: value } : scope);
  }

  #evaluate(code: string, scope: Scope): Value {
    const tokens = code.match(/"(?:[^"\\]|\\.)*"|[()|]|[^\s()|]+/g) ?? [];
    const value = this.#pipeline(tokens, scope);
    if (tokens.length > 0) throw new Error(`Cannot read the template action ${code}`);
    return value;
  }

  /** Takes its tokens from the front. */
  #pipeline(tokens: string[], scope: Scope): Value {
    let piped: Value[] = [];
    for (;;) {
      const [head, ...args] = this.#operands(tokens, scope);
      if (head === undefined) throw new Error('A template action is empty');
      const value = head.name === null ? head.value : this.#call(head.name, [...args.map((arg) => arg.value), ...piped]);
      if (tokens[0] !== '|') return value;
      tokens.shift();
      piped = [value];
    }
  }

  #operands(tokens: string[], scope: Scope): { readonly name: string | null; readonly value: Value }[] {
    const operands: { name: string | null; value: Value }[] = [];
    while (tokens.length > 0 && tokens[0] !== '|' && tokens[0] !== ')') {
      const token = tokens.shift() ?? '';
      if (token === '(') {
        operands.push({ name: null, value: this.#pipeline(tokens, scope) });
        if (tokens.shift() !== ')') throw new Error('A parenthesis of a template is not closed');
      } else if (/^[a-z]\w*$/i.test(token) && token !== 'true' && token !== 'false') operands.push({ name: token, value: token });
      else operands.push({ name: null, value: operand(token, scope) });
    }
    return operands;
  }

  #call(name: string, args: Value[]): Value {
    if (name === 'include') {
      const body = this.#named.get(String(args[0]));
      if (body === undefined) throw new Error(`No template is called ${args[0]}`);
      return this.#run(body, { dot: args[1], root: args[1], variables: new Map() });
    }
    const called = this.#functions[name];
    if (called === undefined) throw new Error(`The template function ${name} is not known here`);
    return called(...args);
  }
}

/** Text and actions to a tree. */
class Parser {
  readonly defined = new Map<string, readonly Part[]>();
  readonly #pieces: readonly { readonly text: string; readonly isAction: boolean }[];
  #at = 0;

  constructor(source: string) {
    // A dash inside the braces takes the white space beside them away.
    const trimmed = source.replace(/\s*\{\{-/g, '{{').replace(/-\}\}\s*/g, '}}');
    this.#pieces = trimmed.split(/(\{\{[\s\S]*?\}\})/).map((piece) => {
      const isAction = piece.startsWith('{{');
      return { isAction, text: isAction ? piece.slice(2, -2).trim() : piece };
    });
  }

  parse(): Part[] {
    const [parts, end] = this.#until();
    if (end !== null) throw new Error(`A template has {{ ${end} }} where nothing is open`);
    return parts;
  }

  /** Up to an `end` or an `else`, which is answered too; null at the end of the file. */
  #until(): [Part[], 'end' | 'else' | null] {
    const parts: Part[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at++];
      if (piece === undefined) return [parts, null];
      if (!piece.isAction) parts.push({ kind: 'text', text: piece.text });
      else if (piece.text === 'end' || piece.text === 'else') return [parts, piece.text];
      else if (!piece.text.startsWith('/*')) this.#action(piece.text, parts);
    }
  }

  #action(text: string, parts: Part[]): void {
    const [, word = '', code = ''] = /^(if|with|define) (.*)$/s.exec(text) ?? [];
    if (word === '') return void parts.push({ kind: 'action', code: text });
    const [then, stop] = this.#until();
    const [otherwise, end] = stop === 'else' ? this.#until() : [[], stop];
    if (end !== 'end') throw new Error(`{{ ${text} }} has no end`);
    if (word === 'define') this.defined.set(code.replaceAll('"', ''), then);
    else parts.push({ kind: word as 'if' | 'with', code, then, otherwise });
  }
}

function operand(token: string, { dot, root, variables }: Scope): Value {
  if (token.startsWith('"')) return JSON.parse(token);
  if (/^-?\d+$/.test(token)) return Number(token);
  if (token === 'true' || token === 'false') return token === 'true';
  const [first = '', ...path] = token.split('.');
  const from = first === '' ? dot : first === '$' ? root : variables.get(first);
  return path.filter((key) => key !== '').reduce((value, key) => (value as Record<string, Value> | undefined)?.[key], from);
}

function isTrue(value: Value): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

function print(value: Value): string {
  return value === undefined || value === null ? '' : String(value);
}

const indented = (spaces: Value, text: Value) => `\n${String(text).replace(/^(?=.)/gm, ' '.repeat(Number(spaces)))}`;

const FUNCTIONS: Functions = {
  and: (...args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1),
  not: (value) => !isTrue(value),
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  gt: (a, b) => Number(a) > Number(b),
  int: (value) => Math.trunc(Number(value)),
  list: (...args) => args,
  has: (item, items) => (items as Value[]).includes(item),
  contains: (part, text) => String(text).includes(String(part)),
  default: (otherwise, value) => (isTrue(value) ? value : otherwise),
  join: (separator, items) => (items as Value[]).join(String(separator)),
  nindent: indented,
  printf: (format, ...args) => String(format).replace(/%s/g, () => String(args.shift())),
  quote: (value) => JSON.stringify(String(value)),
  sha256sum: (text) => createHash('sha256').update(String(text)).digest('hex'),
  trimSuffix: (suffix, text) => (String(text).endsWith(String(suffix)) ? String(text).slice(0, -String(suffix).length) : text),
  trunc: (length, text) => String(text).slice(0, Number(length)),
  fail: (message) => {
    throw new Refused(String(message));
  },
  required: (message, value) => {
    if (!isTrue(value)) throw new Refused(String(message));
    return value;
  },
};
