/* Threads that share a list of operations unevenly: whoever has time takes the next chunk (crew.c).
 *
 * An operation is cut into chunks, and these into a range for each thread. A thread takes the chunks of its own range in
 * order, which suits the processor's prefetcher, and then the last ones of the other ranges. It computes a chunk into
 * memory of its own and then commits it. No thread waits for one that is off the processor: after a short while it
 * computes the missing chunk again, and only one of the two commits. All threads are equal, the calling one too, so the
 * others go on where it is held up.
 */
#ifndef CREW_H
#define CREW_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    /* Once for each thread before its first chunk of this operation; may be NULL. It writes to `own`. */
    void (*prepare)(const void *work, char *own);
    /* A chunk's results into `own`, behind what `prepare` wrote. It may run on several threads at once, and must not
     * write to anything else. What it reads may change meanwhile; then its results are not committed. */
    void (*compute)(const void *work, size_t chunk, char *own);
    /* Store a chunk's results; runs once for each chunk. It should be short, because here the others do wait. */
    void (*commit)(const void *work, size_t chunk, const char *own);
    const void *work;
    size_t chunks; /* at least 1, less than 2^31 */
    /* How long a chunk surely does not take, if that is more than some microseconds: then others repeat it. */
    int64_t patience_ns;
} Operation;

/* A patience for a chunk of so many products of two numbers. */
static inline int64_t patience_of(size_t products) { return (int64_t)(products / 8); }

/* Run the operations in order, each after the one before is whole. When this returns, no thread is inside any more.
 *
 * `own_bytes` is the size of each thread's own memory, which begins at a cache line. `ended_ns` [count + 1] gets the
 * moments at which the run began and each operation ended, or is NULL. A call from a second thread at the same time runs
 * alone. Returns 0, or -1 where there was no memory; then nothing ran. */
int crew_run(const Operation *operations, size_t count, size_t own_bytes, int threads, int64_t *ended_ns);

/* Range r of an operation on so many threads is its chunks [chunks · r / threads, chunks · (r + 1) / threads). */

/* The same on OpenMP's threads: for single operations between those of PyTorch, whose threads these are. Two sets of
 * threads that take turns would disturb each other, because both spin for a while when they have nothing to do. */
int crew_run_between(const Operation *operations, size_t count, size_t own_bytes, int threads);

/* Which share of the operations of the run that goes on, or was the last, is whole; from any thread. */
double crew_progress(void);

/* CLOCK_MONOTONIC in ns. */
int64_t now_ns(void);
/* How long so many readings of it take. */
int64_t now_ns_repeated(size_t count);
#endif
