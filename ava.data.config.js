export default {
  files: ["test/realdata/**/*.test.ts", "test/**/*.slow.test.ts"],
  typescript: { rewritePaths: { "test/": "dist/test/" }, compile: false },
  workerThreads: false,
  timeout: "10m",
};
