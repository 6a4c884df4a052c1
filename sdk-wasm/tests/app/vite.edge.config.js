// As an edge runtime's own tools bundle: one script, and the module beside it, which stays an import.
export default {
  resolve: { conditions: ["workerd", "import", "default"] },
  ssr: { target: "webworker", noExternal: true, resolve: { conditions: ["workerd", "import", "default"] } },
  plugins: [
    {
      name: "wasm-stays-an-import",
      enforce: "pre",
      async resolveId(source, importer) {
        if (!source.endsWith(".wasm")) return null;
        const found = await this.resolve(source, importer, { skipSelf: true });
        this.emitFile({ type: "asset", fileName: "waypost.wasm", source: await (await import("node:fs/promises")).readFile(found.id) });
        return { id: "./waypost.wasm", external: true };
      },
    },
  ],
  build: { ssr: "edge.js", outDir: "edge", target: "es2022", emitAssets: true, rollupOptions: { output: { format: "es", entryFileNames: "edge.js" } } },
};
