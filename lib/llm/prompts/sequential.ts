import { HEADINGS, type PromptTemplate, RATE_QUESTION } from "./template.js";

/** Sequential recommendation: what comes next in a user's list. */
export const SEQUENTIAL_TEMPLATE: PromptTemplate = {
  version: "sequential-2",
  ...HEADINGS,
  question: {
    title: "What comes next in the list?",
    choose: "Which of these comes next?",
    compare: "Which of these two comes next?",
    rate: RATE_QUESTION,
  },
};
