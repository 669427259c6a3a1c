/**
 * Builds the dashboard's page into src/dashboard/built, which is committed, so that running a node needs no build:
 * `node src/dashboard/build.ts`. A test builds it again and compares the bytes.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
export const BUILT_DIRECTORY = here('./built');
/** With the root of everything that is bundled, so that no path of this machine gets into the result. */
const ROOT = here('./page');

/** Writes index.html, app.js, app.css and licenses.md into the directory, and nothing else. */
export async function buildDashboard(outDir: string): Promise<void> {
  const { NODE_ENV } = process.env;
  // What runs this may have its own; the page must come out the same.
  process.env.NODE_ENV = 'production';
  try {
    await build({
      root: ROOT,
      base: './',
      mode: 'production',
      configFile: false,
      envFile: false,
      logLevel: 'error',
      build: {
        outDir,
        emptyOutDir: true,
        target: 'es2022',
        // From here on browsers know light-dark(), which would else be written out as something much longer.
        cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
        modulePreload: false,
        reportCompressedSize: false,
        assetsInlineLimit: 0,
        // What is bundled asks for its notices to go along.
        license: { fileName: 'licenses.md' },
        rolldownOptions: { output: { entryFileNames: 'app.js', assetFileNames: 'app[extname]', codeSplitting: false } },
      },
    });
  } finally {
    process.env.NODE_ENV = NODE_ENV;
    if (NODE_ENV === undefined) delete process.env.NODE_ENV;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildDashboard(BUILT_DIRECTORY);
