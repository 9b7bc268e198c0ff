import { HEADINGS, type PromptTemplate, RATE_QUESTION } from "./template.js";

/** Rating prediction: how many stars a user gives; lists are compared by how much the user likes the items. */
export const RATING_TEMPLATE: PromptTemplate = {
  version: "rating-1",
  ...HEADINGS,
  question: {
    title: "What does the user rate best?",
    choose: "Which of these does the user rate best?",
    compare: "Which of these two does the user rate better?",
    rate: RATE_QUESTION,
  },
};
