export default {
  files: ["test/**/*.test.ts", "!test/realdata/**", "!test/**/*.slow.test.ts"],
  typescript: { rewritePaths: { "test/": "dist/test/" }, compile: false },
  workerThreads: false,
  timeout: "2m",
};
