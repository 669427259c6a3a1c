/** A mining thread that never gets as far as to its first job. */
process.exit(3);
