/** Bounds of what runs seeds on threads; apart from the threads, so that reading options loads nothing else. */
export const MAX_JOBS = 256;
