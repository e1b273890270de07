// How V8 is told to keep house where much of the log is read. It remembers of each place in the code whether what is made there lives
// long, and learns that from the first collections, when the room for new objects is small and all of them are still in use: what
// is read later then lies where only a full collection finds it, and a record costs half as much again.
export const READING_V8_FLAGS = ['--no-allocation-site-pretenuring'] as const;
