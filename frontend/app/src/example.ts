/** One of several, so that a second press shows something else. */
export const EXAMPLES = [
  `We need 240 brackets, bent from 3 mm stainless steel sheet (1.4301), two M6 threads each, edges deburred.
Please quote with and without powder coating in RAL 7016. Drawings as STEP and PDF. Delivery within five weeks.`,
  `Our office of 1,100 square metres needs new LED lighting: about 180 recessed panels, dimmable by DALI, including
removal and disposal of the old fluorescent fittings. Work can only be done after 6 pm.`,
  `Please offer the repair of a flat roof of 420 square metres after storm damage: new bitumen sheeting on two layers,
insulation to be checked and replaced where wet, gutters cleaned. Scaffolding is already on site.`,
];
