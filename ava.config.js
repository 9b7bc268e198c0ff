export default {
  files: ["test/**/*.test.ts", "!test/realdata/**"],
  typescript: { rewritePaths: { "test/": "dist/test/" }, compile: false },
  workerThreads: false,
  timeout: "2m",
};
