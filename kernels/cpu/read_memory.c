/* Reads memory and does next to nothing with it: the measure of how fast anything here can read.
 *
 * Each thread walks its own part as STREAMS streams at once, each far enough from the others to be one of its own for
 * the processor's prefetcher, as streamed_linear.c walks rows of weights; it adds what it loads, which takes less time
 * than any load. The walk is repeated inside, so that a part that lies in a cache is not held up by starting threads.
 */
#include "numbers.h"

#ifdef __AVX512F__
enum { WIDTH = 64 };
#else
enum { WIDTH = 32 }; /* wider ones would be kept in memory, and cost more than what is read */
#endif
enum { STREAMS = 4, LINE = 64, PARTS = LINE / WIDTH, AHEAD_BYTES = 1024 };

typedef uint32_t Vector __attribute__((vector_size(WIDTH)));

/* Add all lines to the result, through memory: not every processor returns such vectors from functions. */
static void walk(const char *from, size_t lines, Vector *result) {
    const size_t each = lines / STREAMS * LINE;
    Vector total[STREAMS][PARTS] = {0};
    for (size_t at = 0; at < each; at += LINE)
        for (int s = 0; s < STREAMS; s++) {
            const char *here = from + s * each + at;
            __builtin_prefetch(here + AHEAD_BYTES);
            for (int i = 0; i < PARTS; i++) {
                Vector some;
                memcpy(&some, here + i * WIDTH, sizeof some);
                total[s][i] += some;
            }
        }
    for (int s = 0; s < STREAMS; s++)
        for (int i = 0; i < PARTS; i++) *result += total[s][i];
}

/* sums [threads × LINE bytes]; `size` is a multiple of STREAMS × LINE × threads, read `times` times. */
void read_memory(const void *from, void *sums, size_t size, size_t times, int threads) {
    const size_t lines = size / LINE / threads;
    _Pragma("omp parallel for num_threads(threads) schedule(static)")
    for (int part = 0; part < threads; part++) {
        Vector total = {0};
        for (size_t time = 0; time < times; time++) {
            walk((const char *)from + part * lines * LINE, lines, &total);
            __asm__ volatile("" ::: "memory"); /* every walk reads again */
        }
        memcpy((char *)sums + part * LINE, &total, sizeof total);
    }
}
