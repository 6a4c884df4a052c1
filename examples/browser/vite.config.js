export default {
  // Vite's development server bundles dependencies beforehand, and a file beside a script is lost on the way.
  optimizeDeps: { exclude: ["@waypost/wasm"] },
  build: { target: "es2022", rollupOptions: { input: ["index.html", "sign_in.html"] } },
};
