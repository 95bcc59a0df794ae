/* softmax(q kᵀ · scale) itself, as float16, for those who look at it, as one operation of a crew (attention_maps.c). */
#ifndef ATTENTION_MAPS_H
#define ATTENTION_MAPS_H
#include "attention.h"

/* Rows [row, row + count) of q are a request's positions [first, first + count). */
typedef struct {
    size_t row, count, first;
    const KvPlace *place;
    uint16_t *maps; /* out: float16 [count, heads, first + count], 0 where a row does not see a position */
} MapSpan;

typedef struct {
    const void *q; /* as in AttentionWork; so are `q_stride`, `window` and `scale` */
    size_t q_stride;
    const MapSpan *span;
    size_t spans;
    size_t head, heads; /* the recorded heads [head, head + heads) */
    size_t group;       /* so many of all heads share a head of K */
    size_t head_dim, window;
    float scale;
    int half, half_rows; /* K, and q, is bfloat16 instead of float32 */
} MapsWork;

/* Members of an Operation whose work is a MapsWork. */
void attention_maps_compute(const void *work, size_t chunk, char *own);
void attention_maps_commit(const void *work, size_t chunk, const char *own);
size_t attention_maps_chunks(const MapsWork *work);
size_t attention_maps_own_bytes(const MapsWork *work);
int64_t attention_maps_patience_ns(const MapsWork *work);

/* The operation by itself; returns 0, or -1 where there was no memory. */
int attention_maps(const MapsWork *work, int threads);
#endif
