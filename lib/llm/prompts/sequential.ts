import type { PromptTemplate } from "./template.js";

/** Sequential recommendation: histories in order, and what comes next. Hardly longer than the direct template. */
export const SEQUENTIAL_TEMPLATE: PromptTemplate = {
  version: "sequential-1",
  instruction: {
    rank: "Continue this user's list with the item that comes next.",
    compare: "Say which of two items comes next in this user's list.",
    choose: "Say which of these items comes next in this user's list.",
  },
  history: "The list so far, oldest first, newest last:",
  similarUser: "The list of a similar user, oldest first:",
  prediction: "Another recommender expects next:",
  candidates: "Candidates for the next place:",
  question: { title: "Next in the list:", label: "Next:" },
};
