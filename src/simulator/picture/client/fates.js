/** What can come of a message; from `lost` on, reasons for which it was lost. */
export const FATE = { underWay: 0, received: 1, lost: 2 };
