/**
 * Builds the pages' scripts, styles, fonts and icon sprite into server/pages/static/bundle.
 *
 * Every file's name carries a hash of its content, so it can be cached for ever; manifest.json
 * maps the names that templates use ("main.js") to the hashed ones.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** One SVG with a <symbol> for each icon that a template names. */
function iconSprite(): string {
  const names = JSON.parse(readFileSync(here("icons.json"), "utf8")) as string[];
  const symbols = names.map((name) => {
    const svg = readFileSync(here(`node_modules/lucide-static/icons/${name}.svg`), "utf8");
    const body = /<svg[^>]*>([\s\S]*)<\/svg>/.exec(svg)?.[1]?.replace(/\s+/g, " ").trim();
    if (!body) throw new Error(`icon ${name} is empty`);
    return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${body}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
}

function spriteAndManifest(): Plugin {
  return {
    name: "forewarn-sprite-and-manifest",
    enforce: "post", // after the style sheet has its file
    generateBundle(_options, bundle) {
      const sprite = iconSprite();
      const hash = createHash("sha256").update(sprite).digest("hex").slice(0, 8);
      const manifest: Record<string, string> = { "icons.svg": `icons-${hash}.svg` };
      this.emitFile({ type: "asset", fileName: `icons-${hash}.svg`, source: sprite });
      for (const file of Object.values(bundle)) {
        if (file.type === "chunk" && file.isEntry) manifest[`${file.name}.js`] = file.fileName;
        if (file.type === "asset") {
          const name = file.names[0];
          if (name?.endsWith(".css")) manifest[name] = file.fileName;
        }
      }
      const text = JSON.stringify(manifest, Object.keys(manifest).sort(), 2);
      this.emitFile({ type: "asset", fileName: "manifest.json", source: `${text}\n` });
    },
  };
}

export default defineConfig({
  root: here("."),
  base: "/static/bundle/",
  publicDir: false,
  plugins: [spriteAndManifest()],
  build: {
    outDir: here("../server/pages/static/bundle"),
    emptyOutDir: true,
    target: "es2022",
    cssCodeSplit: false,
    assetsInlineLimit: 0, // the content security policy allows no data: fonts
    modulePreload: { polyfill: false },
    rolldownOptions: {
      checks: { eval: false }, // htmx has an eval for hx-on, switched off in main.ts
      input: { main: here("source/main.ts") },
      output: {
        entryFileNames: "[name]-[hash].js",
        chunkFileNames: "[name]-[hash].js",
        assetFileNames: "[name]-[hash][extname]",
      },
    },
  },
});
