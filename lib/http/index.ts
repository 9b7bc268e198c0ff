/**
 * The recommender over HTTP: a Fastify plugin, and a server that is nothing else.
 *
 * @packageDocumentation
 */
export { type RecommenderPluginOptions, recommenderPlugin } from "./plugin.js";
export { type RecommenderServer, type ServeOptions, serveRecommender } from "./server.js";
