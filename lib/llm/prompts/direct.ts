import { HEADINGS, type PromptTemplate, RATE_QUESTION } from "./template.js";

/** Direct recommendation: what a user likes, whatever the order. */
export const DIRECT_TEMPLATE: PromptTemplate = {
  version: "direct-2",
  ...HEADINGS,
  question: {
    title: "What else does the user like?",
    choose: "Which of these does the user like most?",
    compare: "Which of these two does the user like more?",
    rate: RATE_QUESTION,
  },
};
