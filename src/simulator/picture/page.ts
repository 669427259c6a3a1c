/**
 * One page with everything in it. It asks nobody for anything: its policy allows the one script and the one style sheet that
 * are in it, by their hashes, and no connection at all (CSP Level 3). What a run said is data, never markup.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { embedJson, escapeHtml } from './embed.ts';
import type { PictureModel } from './model.ts';

/** The modules of the page in the order in which they are joined: each uses only those before it when it is loaded. */
export const CLIENT_MODULES = [
  'data.js',
  'dom.js',
  'format.js',
  'palette.js',
  'view.js',
  'history.js',
  'things.js',
  'causality.js',
  'visible.js',
  'glyphs.js',
  'pick.js',
  'bands.js',
  'lanes.js',
  'arrows.js',
  'ruler.js',
  'overview.js',
  'tree-layout.js',
  'tree.js',
  'describe.js',
  'panel.js',
  'log.js',
  'legend.js',
  'jumps.js',
  'search.js',
  'input.js',
  'looks.js',
  'header.js',
  'main.js',
] as const;
export const CLIENT_STYLE = 'style.css';
export const CLIENT_BODY = 'body.html';

export interface PageSources {
  /** The texts of CLIENT_MODULES. */
  readonly modules: readonly string[];
  readonly style: string;
  readonly body: string;
}

const encoder = new TextEncoder();

export function picturePage(model: PictureModel, { modules, style, body }: PageSources): string {
  const script = joinModules(modules);
  const policy = [
    "default-src 'none'",
    `script-src '${integrity(script)}'`,
    `style-src '${integrity(style)}'`,
    'img-src data: blob:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const title = `synod: ${model.run.engine}, seed ${model.run.seed}`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="referrer" content="no-referrer">',
    '<link rel="icon" href="data:,">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${style}</style>`,
    '</head>',
    body.trim(),
    `<script type="application/json" id="picture">${embedJson(model)}</script>`,
    `<script type="module">${script}</script>`,
    '</html>',
    '',
  ].join('\n');
}

/** Modules as one: they share a scope, so what is imported is simply there. Names are unique across them (a test holds it). */
export function joinModules(modules: readonly string[]): string {
  const joined = modules.map((source) =>
    source.replace(/^import\b[\s\S]*?;\n/gm, '').replace(/^export (?=(const|let|function|class)\b)/gm, ''),
  );
  return `\n${joined.join('\n')}`;
}

function integrity(text: string): string {
  return `sha256-${btoa(String.fromCharCode(...sha256(encoder.encode(text))))}`;
}
