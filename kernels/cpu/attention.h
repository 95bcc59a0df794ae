/* Causal attention of a whole batch for one layer, as one operation of a crew (attention.c). */
#ifndef ATTENTION_H
#define ATTENTION_H
#include <stddef.h>
#include <stdint.h>

/* Where K and V of one span lie in one layer; strides in bytes, the numbers of a head adjacent. */
typedef struct {
    const char *keys; /* K of the first position of block 0, head 0 */
    ptrdiff_t values; /* from a position's K to its V */
    size_t block_stride, position_stride, head_stride;
    size_t block_size;    /* positions in a block; at least the context where the memory is one run */
    const int32_t *table; /* the block of each `block_size` positions; NULL: block 0 */
} KvPlace;

/* Rows [row, row + count) of q are a request's positions [first, first + count); they see its K and V from 0 on. */
typedef struct {
    size_t row, count, first;
} AttentionSpan;

/* Some positions of a span, with all heads that share one head of K and V, over some of the keys. */
typedef struct {
    size_t span, kv_head;
    size_t first, count; /* positions, from the span's first one */
    size_t begin, end;   /* keys */
    size_t split, splits;
    size_t merge;   /* the number of the (positions, head) among those that have splits */
    size_t partial; /* where the sums of split 0 stand in `partials`, in bytes */
} AttentionChunk;

/* How spans are cut; the same for all layers of a step that have the same window, and for any number of threads. */
typedef struct {
    size_t chunks, own_bytes, partial_bytes;
    size_t merges;
    AttentionChunk chunk[];
} AttentionPlan;

typedef struct {
    /* Rotated, not scaled: head h of row r is at q + r * q_stride + h * head_dim numbers; `mixed`, the result, too. */
    const void *q;
    void *mixed;
    size_t q_stride, mixed_stride;
    const AttentionSpan *spans;
    const KvPlace *places; /* by span */
    const AttentionPlan *plan;
    char *partials; /* plan->partial_bytes, that attention_begin has seen; begins at a cache line */
    size_t heads, kv_heads, head_dim;
    size_t window; /* a position sees itself and window - 1 before it; 0: all before it */
    float scale;
    int half;      /* K and V are bfloat16 instead of float32 */
    int half_rows; /* so are q and `mixed` */
} AttentionWork;

/* The bytes of a plan. Spans may be empty, and a plan without chunks has nothing to compute. */
size_t attention_plan_bytes(const AttentionSpan *spans, size_t count, size_t heads, size_t kv_heads, size_t window);
void attention_plan(AttentionPlan *plan, const AttentionSpan *spans, size_t count, size_t heads, size_t kv_heads,
                    size_t head_dim, size_t window);
/* Before the first layer, for every new plan or memory of partials; after a layer it holds for the next one. */
void attention_begin(const AttentionPlan *plan, char *partials);

/* Members of an Operation whose work is an AttentionWork, with plan->chunks chunks and plan->own_bytes. */
void attention_compute(const void *work, size_t chunk, char *own);
void attention_commit(const void *work, size_t chunk, const char *own);
#endif
