// How much of the contract suite is run: PMC_FAULTS=long is for hours when nobody waits.
export const IS_LONG = process.env['PMC_FAULTS'] === 'long';
