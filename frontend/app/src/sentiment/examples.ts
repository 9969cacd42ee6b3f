/** One for each label, and two that are hard. */
export const EXAMPLES = [
  "This product is amazing! I love it!",
  "The parcel arrives on Tuesday between nine and noon.",
  "This is terrible and I hate it!",
  "The room was not bad at all, and the breakfast was better than we had hoped.",
  "The screen is beautiful, but the battery is dead by lunchtime.",
];
