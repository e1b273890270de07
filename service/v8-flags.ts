// How V8 is told to keep house where very much passes through and little stays. It remembers of each place in the code whether what is made there lives
// long, and learns that from the first collections, when the room for new objects is small and all of them are still in use: what
// is made later then lies where only a full collection finds it, and holds on to what it points at. A record that is read costs half as much
// again by it, and under full load a gateway marks its whole heap every two seconds.
export const STREAMING_V8_FLAGS = ['--no-allocation-site-pretenuring'] as const;
