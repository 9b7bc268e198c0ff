import type { PromptTemplate } from "./template.js";

/**
 * Direct recommendation: what a user likes, whatever the order. Short, so that it fits small models: about 60 tokens
 * under a vocabulary of 512 pieces.
 */
export const DIRECT_TEMPLATE: PromptTemplate = {
  version: "direct-1",
  instruction: {
    rank: "Recommend the next item for this user.",
    compare: "Say which of two items this user likes more.",
    choose: "Say which of these items this user likes most.",
  },
  history: "The user liked:",
  similarUser: "A similar user liked:",
  prediction: "Another recommender suggests:",
  candidates: "Candidates:",
  question: { title: "Next item:", label: "Best:" },
};
