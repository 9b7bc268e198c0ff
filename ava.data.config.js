export default {
  files: ["test/realdata/**/*.test.ts"],
  typescript: { rewritePaths: { "test/": "dist/test/" }, compile: false },
  workerThreads: false,
  timeout: "10m",
};
