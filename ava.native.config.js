export default {
  files: ["test/**/*.native.test.ts"],
  typescript: { rewritePaths: { "test/": "dist/test/" }, compile: false },
  workerThreads: false,
};
