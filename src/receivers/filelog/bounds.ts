/** Bytes of batches that await their verdict at most, over all files; one batch more may be under way. */
export const WINDOW_BYTES = 8 * 1024 * 1024;

/** All records of a receiver that are not whole yet have at most so many bytes together. */
export const HELD_LIMIT_BYTES = 16 * 1024 * 1024;
