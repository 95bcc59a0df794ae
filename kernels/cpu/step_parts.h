/* The operations of a compiled step (step_parts.c), as members of `Operation` whose work is a Part. */
#ifndef STEP_PARTS_H
#define STEP_PARTS_H
#include "crew.h"
#include "product.h"
#include "step.h"
#include <stdatomic.h>

/* What a step's rows are while it goes through the layers. */
typedef struct {
    const Model *model;
    size_t count;
    const int64_t *token_ids, *positions;
    const AttentionSpan *spans;
    const uint32_t *span_of; /* by row */
    float *x;                /* the residual stream [count, hidden] */
    float *qkv;              /* [count, heads + 2 · kv_heads, head_dim] */
    float *mixed;            /* [count, heads, head_dim] */
    float *delta;            /* a projection's output before its norm [count, hidden] */
    float *inner;            /* between the two products of the feed-forward part [count, ffn] */
    char *laid;              /* rows as they meet a weight, where all threads share them */
    int timed;
} Rows;

/* One operation: a product of rows with a weight, or a smaller one between products. */
typedef struct {
    const Rows *rows;
    const Layer *layer;
    const KvPlace *places; /* of this layer, by span */
    const float *from;     /* rows of x, `width` numbers each */
    const int64_t *chosen; /* which rows; NULL: all */
    size_t count, width;
    const Norm *norm; /* NULL, or without a weight: x meets the weight as it is */
    const Matrix *matrix;
    size_t parts, pieces[MOST_SLABS]; /* how each slab is cut (see `stretch_of`) */
    Meeting meeting;
    char *laid; /* NULL: each thread lays its own rows */
    float *to;  /* [count, out] */
    int adds;   /* the product is added to what `to` holds */
    _Atomic int64_t prepared_ns; /* when the first thread had laid its rows */
    _Atomic int64_t turning_ns, writing_ns; /* what all threads spent on the two parts of `turn` */
} Part;

/* Own memory: laid rows, if they are the thread's own, then a chunk's results. */
INLINE size_t laid_bytes(const Part *part) {
    return part->laid ? 0 : whole_lines(part->count * met_bytes(part->meeting, part->width));
}

/* Chunks of the product: first those of the first slab. */
INLINE size_t product_chunks(const Part *part) {
    size_t chunks = 0;
    for (size_t slab = 0; slab < part->matrix->slabs; slab++) chunks += part->parts * part->pieces[slab];
    return chunks;
}

enum { ROWS_A_CHUNK = 8 }; /* of the operations that are cut by rows */

void embed_compute(const void *work, size_t chunk, char *own);
void embed_commit(const void *work, size_t chunk, const char *own);
/* Rows, normalised, as they meet the weight; into own memory, or by chunks into `laid`. */
void lay_prepare(const void *work, char *own);
void lay_compute(const void *work, size_t chunk, char *own);
void lay_commit(const void *work, size_t chunk, const char *own);
void product_compute(const void *work, size_t chunk, char *own);
void product_commit(const void *work, size_t chunk, const char *own);
/* The first product of the feed-forward part with its activation. */
void inner_compute(const void *work, size_t chunk, char *own);
void inner_commit(const void *work, size_t chunk, const char *own);
/* Norm of q's and k's heads, their rotation, and K and V into the cache. */
void turn_compute(const void *work, size_t chunk, char *own);
void turn_commit(const void *work, size_t chunk, const char *own);
/* x += norm(delta). */
void join_compute(const void *work, size_t chunk, char *own);
void join_commit(const void *work, size_t chunk, const char *own);

/* Bytes of own memory that the operations of rows, and the product of a part, need. */
size_t rows_own_bytes(const Model *model);
size_t product_own_bytes(const Part *part);
#endif
