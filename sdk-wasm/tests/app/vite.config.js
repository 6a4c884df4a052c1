// As a user's would be; the three pages are one build.
export default {
  build: { target: "es2022", rollupOptions: { input: ["index.html", "inline.html"] } },
  worker: { format: "es" },
};
