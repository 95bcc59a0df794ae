#define _GNU_SOURCE
#include "crew.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif

enum { LINE = 64, MOST_THREADS = 1024, SPINS = 32 };
static const int64_t PATIENCE_NS = 20000; /* then a thread repeats what another one has not finished */
static const int64_t AWAKE_NS = 200000;   /* for which a thread without work spins before it sleeps */

typedef struct {
    _Alignas(LINE) atomic_size_t done;
    size_t first; /* its first chunk's place in `committed` */
} Progress;

/* The chunks of a range that nobody has taken: [front, back), front in the upper half of the word. */
typedef struct {
    _Alignas(LINE) _Atomic uint64_t open;
} Range;

typedef struct {
    const Operation *operations;
    size_t count, own_bytes;
    int threads;
    int64_t *ended_ns;
    Progress *progress;
    Range *ranges;           /* [count, threads] */
    atomic_uchar *committed; /* by chunk, all operations one after another */
    atomic_size_t at;        /* the operation that is not whole yet */
} Run;

/* How many operations of the run that goes on are whole, and how many it has: for a thread that watches it. */
static atomic_size_t whole, all_of_run;

static struct {
    pthread_mutex_t running, sleeping;
    pthread_cond_t awaken;
    int threads; /* how many exist, the calling one included */
    _Alignas(LINE) atomic_uint ticket; /* counts the runs */
    atomic_int sleepers;
    _Alignas(LINE) atomic_int inside; /* threads that may touch the current run */
    _Atomic(Run *) current;
    Progress *progress;
    Range *ranges;
    atomic_uchar *committed;
    size_t progress_bytes, ranges_bytes, committed_bytes;
    char *own;
    size_t own_bytes;
} crew = {.running = PTHREAD_MUTEX_INITIALIZER,
          .sleeping = PTHREAD_MUTEX_INITIALIZER,
          .awaken = PTHREAD_COND_INITIALIZER,
          .threads = 1};

int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t now_ns_repeated(size_t count) {
    const int64_t since_ns = now_ns();
    int64_t last_ns = since_ns;
    for (size_t i = 0; i < count; i++) last_ns = now_ns();
    return last_ns - since_ns;
}

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* At least `bytes` of memory that begins at a cache line, in place of `memory`, whose content is lost; NULL: none. */
static void *room(void *memory, size_t *have, size_t bytes) {
    if (*have >= bytes && memory) return memory;
    free(memory);
    const size_t size = (bytes + bytes / 2 + LINE) / LINE * LINE;
    memory = aligned_alloc(LINE, size);
    *have = memory ? size : 0;
    return memory;
}

static void compute_chunk(Run *run, size_t index, size_t chunk, char *own) {
    const Operation *operation = run->operations + index;
    Progress *progress = run->progress + index;
    operation->compute(operation->work, chunk, own);
    if (atomic_exchange_explicit(run->committed + progress->first + chunk, 1, memory_order_acq_rel)) return;
    operation->commit(operation->work, chunk, own);
    if (atomic_fetch_add_explicit(&progress->done, 1, memory_order_acq_rel) + 1 < operation->chunks) return;
    if (run->ended_ns) run->ended_ns[index + 1] = now_ns();
    atomic_store_explicit(&whole, index + 1, memory_order_relaxed);
    atomic_store_explicit(&run->at, index + 1, memory_order_release);
}

/* Wait until operation `index` is whole; repeat chunks that do not get done. */
static void finish(Run *run, size_t index, char *own, int prepared) {
    const Operation *operation = run->operations + index;
    const int64_t patience_ns = operation->patience_ns > PATIENCE_NS ? operation->patience_ns : PATIENCE_NS;
    int64_t since_ns = 0;
    for (size_t spins = 0; atomic_load_explicit(&run->at, memory_order_acquire) <= index; spins++) {
        relax();
        if (spins % SPINS) continue;
        const int64_t time_ns = now_ns();
        if (since_ns == 0) since_ns = time_ns;
        if (time_ns - since_ns < patience_ns) continue;
        if (!prepared && operation->prepare) operation->prepare(operation->work, own);
        prepared = 1;
        for (size_t chunk = 0; chunk < operation->chunks; chunk++) {
            if (atomic_load_explicit(&run->at, memory_order_acquire) > index) return;
            if (!atomic_load_explicit(run->committed + run->progress[index].first + chunk, memory_order_relaxed))
                compute_chunk(run, index, chunk, own);
        }
        sched_yield(); /* what is left is being committed by a thread that may be off the processor */
        since_ns = now_ns();
    }
}

/* Take a chunk of a range, at its front or at its back; 0 where none is left. */
static inline int take(Range *range, int at_front, size_t *chunk) {
    uint64_t open = atomic_load_explicit(&range->open, memory_order_relaxed);
    for (;;) {
        const uint64_t front = open >> 32, back = open & 0xffffffff;
        if (front >= back) return 0;
        const uint64_t left = at_front ? (front + 1) << 32 | back : front << 32 | (back - 1);
        if (atomic_compare_exchange_weak_explicit(&range->open, &open, left, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            *chunk = at_front ? front : back - 1;
            return 1;
        }
    }
}

static void walk(Run *run, int number, char *own) {
    size_t index, chunk;
    while ((index = atomic_load_explicit(&run->at, memory_order_acquire)) < run->count) {
        const Operation *operation = run->operations + index;
        Range *ranges = run->ranges + index * run->threads;
        int prepared = 0;
        for (int other = 0; other < run->threads; other++) {
            Range *range = ranges + (number + other) % run->threads;
            while (take(range, other == 0, &chunk)) {
                if (!prepared && operation->prepare) operation->prepare(operation->work, own);
                prepared = 1;
                compute_chunk(run, index, chunk, own);
            }
        }
        finish(run, index, own, prepared);
    }
}

static void alone(const Operation *operations, size_t count, char *own, int64_t *ended_ns) {
    for (size_t index = 0; index < count; index++) {
        const Operation *operation = operations + index;
        if (operation->prepare && operation->chunks) operation->prepare(operation->work, own);
        for (size_t chunk = 0; chunk < operation->chunks; chunk++) {
            operation->compute(operation->work, chunk, own);
            operation->commit(operation->work, chunk, own);
        }
        if (ended_ns) ended_ns[index + 1] = now_ns();
        atomic_store_explicit(&whole, index + 1, memory_order_relaxed);
    }
}

/* Spin for a while, then sleep, until there has been a run after `seen`; returns its ticket. */
static unsigned wait_for_run(unsigned seen) {
    unsigned ticket;
    const int64_t since_ns = now_ns();
    for (size_t spins = 1; (ticket = atomic_load(&crew.ticket)) == seen; spins++) {
        relax();
        if (spins % SPINS || now_ns() - since_ns < AWAKE_NS) continue;
        pthread_mutex_lock(&crew.sleeping);
        atomic_fetch_add(&crew.sleepers, 1);
        while ((ticket = atomic_load(&crew.ticket)) == seen) pthread_cond_wait(&crew.awaken, &crew.sleeping);
        atomic_fetch_sub(&crew.sleepers, 1);
        pthread_mutex_unlock(&crew.sleeping);
        break;
    }
    return ticket;
}

static void *work(void *number) {
    const int own_number = (int)(intptr_t)number;
    char *own = NULL;
    size_t own_bytes = 0;
    unsigned seen = 0;
    for (;;) {
        seen = wait_for_run(seen);
        atomic_fetch_add(&crew.inside, 1);
        Run *run = atomic_load(&crew.current);
        if (run && own_number < run->threads && (own = room(own, &own_bytes, run->own_bytes))) walk(run, own_number, own);
        atomic_fetch_sub(&crew.inside, 1);
    }
    return NULL;
}

/* Make threads until there are `wanted`; fewer where the system gives no more. */
static void enlist(int wanted) {
    pthread_attr_t detached;
    if (crew.threads >= wanted || pthread_attr_init(&detached)) return;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (pthread_t thread; crew.threads < wanted && crew.threads < MOST_THREADS; crew.threads++)
        if (pthread_create(&thread, &detached, work, (void *)(intptr_t)crew.threads)) break;
    pthread_attr_destroy(&detached);
}

/* Start the others on a run, take part, and wait until all of them have left it. */
static void lead(Run *run) {
    atomic_store(&crew.current, run);
    atomic_fetch_add(&crew.ticket, 1);
    if (atomic_load(&crew.sleepers)) {
        pthread_mutex_lock(&crew.sleeping);
        pthread_cond_broadcast(&crew.awaken);
        pthread_mutex_unlock(&crew.sleeping);
    }
    walk(run, 0, crew.own);
    atomic_store(&crew.current, NULL);
    for (size_t spins = 1; atomic_load(&crew.inside); spins++) {
        relax();
        if (spins % SPINS == 0) sched_yield();
    }
}

#ifdef _OPENMP
/* The same with OpenMP's threads, which begin and end a run together. */
static void lead_openmp(Run *run) {
#pragma omp parallel num_threads(run->threads)
    {
        static _Thread_local char *own;
        static _Thread_local size_t own_bytes;
        const int number = omp_get_thread_num();
        char *mine = number == 0 ? crew.own : (own = room(own, &own_bytes, run->own_bytes));
        if (mine) walk(run, number, mine);
    }
}
#else
#define lead_openmp lead
#endif

static int start(const Operation *operations, size_t count, size_t own_bytes, int threads, int64_t *ended_ns,
                 void (*leads)(Run *)) {
    if (ended_ns) ended_ns[0] = now_ns();
    atomic_store_explicit(&whole, 0, memory_order_relaxed);
    atomic_store_explicit(&all_of_run, count, memory_order_relaxed);
    if (pthread_mutex_trylock(&crew.running)) {
        size_t have = 0;
        char *own = room(NULL, &have, own_bytes);
        if (own == NULL) return -1;
        alone(operations, count, own, ended_ns);
        free(own);
        return 0;
    }
    size_t chunks = 0;
    for (size_t index = 0; index < count; index++) chunks += operations[index].chunks;
    crew.own = room(crew.own, &crew.own_bytes, own_bytes);
    int failed = crew.own == NULL;
    if (threads > 1) {
        crew.progress = room(crew.progress, &crew.progress_bytes, count * sizeof *crew.progress);
        crew.committed = room((void *)crew.committed, &crew.committed_bytes, chunks);
        crew.ranges = room(crew.ranges, &crew.ranges_bytes, count * threads * sizeof *crew.ranges);
        failed |= crew.progress == NULL || crew.committed == NULL || crew.ranges == NULL;
    }
    if (!failed && threads <= 1) alone(operations, count, crew.own, ended_ns);
    else if (!failed) {
        if (leads == lead) enlist(threads);
        memset((void *)crew.committed, 0, chunks);
        for (size_t index = 0, first = 0; index < count; first += operations[index++].chunks) {
            const uint64_t all = operations[index].chunks;
            atomic_init(&crew.progress[index].done, 0);
            crew.progress[index].first = first;
            for (int r = 0; r < threads; r++)
                atomic_init(&crew.ranges[index * threads + r].open, all * r / threads << 32 | all * (r + 1) / threads);
        }
        Run run = {operations, count, own_bytes, threads, ended_ns, crew.progress, crew.ranges, crew.committed, 0};
        leads(&run);
    }
    pthread_mutex_unlock(&crew.running);
    return failed ? -1 : 0;
}

int crew_run(const Operation *operations, size_t count, size_t own_bytes, int threads, int64_t *ended_ns) {
    return start(operations, count, own_bytes, threads, ended_ns, lead);
}

double crew_progress(void) {
    const size_t all = atomic_load_explicit(&all_of_run, memory_order_relaxed);
    return all ? (double)atomic_load_explicit(&whole, memory_order_relaxed) / (double)all : 0;
}

int crew_run_between(const Operation *operations, size_t count, size_t own_bytes, int threads) {
    return start(operations, count, own_bytes, threads, NULL, lead_openmp);
}
