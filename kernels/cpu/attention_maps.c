/* A chunk is a few positions with the heads that share one head of K. Its scores are computed as attention.c computes
 * them, kept for the whole context, and become probabilities when all of them are there.
 */
#include "attention_maps.h"
#include "crew.h"
#include "exponential.h"
#include "kv_lines.h"

enum { DOTS = 4, TILE = 24 }; /* up to so many rows take dot products with K where it lies; most rows of a chunk */

/* A value from 0 to 1, or one that is not a number, to the nearest float16, ties to even. */
INLINE uint16_t half_of(float value) {
    uint32_t word, small;
    const float shifted = value + 0.5f; /* whose last place is that of float16 below 2^-14 */
    memcpy(&word, &value, sizeof word);
    memcpy(&small, &shifted, sizeof small);
    const uint32_t normal = (word - (112u << 23) + 0xfff + (word >> 13 & 1)) >> 13;
    const uint32_t found = value < 0x1p-14f ? small - 0x3f000000u : normal;
    return (uint16_t)(value == value ? found : 0x7e00);
}

/* Some positions with the recorded ones of the heads that share a head of K, and their memory. */
typedef struct {
    const MapSpan *span;
    size_t kv_head, head, heads;  /* recorded heads [head, head + heads) */
    size_t position, positions;   /* of the span's rows */
    size_t rows, whole, end;      /* positions · heads, the same rounded up to what is computed at once; keys */
    size_t columns;               /* keys of the last row, rounded up to tiles */
    float *query, *tile, *scores; /* [whole][wide], 2 · [KEYS][wide], [whole][columns] */
    uint16_t *maps;               /* [rows][end] */
} Part;

INLINE size_t columns_of(const MapSpan *span) { return rounded_up(span->first + span->count, KEYS); }
INLINE size_t most_positions(const MapsWork *work) { return work->group < TILE ? TILE / work->group : 1; }
INLINE size_t most_rows(const MapsWork *work) { return rounded_up(most_positions(work) * work->group, ROWS); }
INLINE size_t kv_heads_of(const MapsWork *work) {
    return (work->head + work->heads - 1) / work->group - work->head / work->group + 1;
}

INLINE size_t chunks_of(const MapsWork *work, const MapSpan *span) {
    const size_t most = most_positions(work);
    return (span->count + most - 1) / most * kv_heads_of(work);
}

static Part part_of(const MapsWork *work, size_t chunk, char *own) {
    const MapSpan *span = work->span;
    for (size_t chunks; chunk >= (chunks = chunks_of(work, span)); span++) chunk -= chunks;
    const size_t kv_heads = kv_heads_of(work), most = most_positions(work), wide = padded(work->head_dim);
    const size_t kv_head = work->head / work->group + chunk % kv_heads, position = chunk / kv_heads * most;
    const size_t from = kv_head * work->group, head = from > work->head ? from : work->head;
    const size_t heads = smaller(from + work->group, work->head + work->heads) - head;
    const size_t positions = smaller(most, span->count - position), rows = positions * heads;
    Part part = {
        .span = span, .kv_head = kv_head, .head = head, .heads = heads, .position = position, .positions = positions,
        .rows = rows, .whole = rows > DOTS ? rounded_up(rows, ROWS) : rows, .end = span->first + position + positions,
        .columns = columns_of(span),
    };
    part.query = (float *)own;
    part.tile = part.query + most_rows(work) * wide;
    part.scores = part.tile + 2 * KEYS * wide;
    part.maps = (uint16_t *)(part.scores + most_rows(work) * part.columns);
    return part;
}

size_t attention_maps_chunks(const MapsWork *work) {
    size_t chunks = 0;
    for (size_t i = 0; i < work->spans; i++) chunks += chunks_of(work, work->span + i);
    return chunks;
}

size_t attention_maps_own_bytes(const MapsWork *work) {
    const size_t wide = padded(work->head_dim), rows = most_rows(work);
    size_t columns = 0;
    for (size_t i = 0; i < work->spans; i++)
        if (columns < columns_of(work->span + i)) columns = columns_of(work->span + i);
    return ((rows + 2 * KEYS) * wide + rows * columns) * sizeof(float) + rows * columns * sizeof(uint16_t);
}

int64_t attention_maps_patience_ns(const MapsWork *work) {
    const size_t own = attention_maps_own_bytes(work) / sizeof(float);
    return patience_of(own * work->head_dim);
}

static void load_queries(const MapsWork *work, const Part *part) {
    const size_t wide = padded(work->head_dim);
    memset(part->query, 0, part->whole * wide * sizeof(float));
    for (size_t row = 0; row < part->rows; row++) {
        const size_t head = part->head + row % part->heads;
        const size_t position = part->span->row + part->position + row / part->heads;
        const size_t at = position * work->q_stride + head * work->head_dim;
        float *to = part->query + row * wide;
        for (size_t d = 0; d < work->head_dim; d++)
            to[d] = work->scale * (work->half_rows ? widened(((const bfloat16 *)work->q)[at + d])
                                                   : ((const float *)work->q)[at + d]);
    }
}

/* Scores of all rows of a part with `count` keys from `key` on, columns of `scores`. */
static void score_tile(const MapsWork *work, const Part *part, Lines keys, size_t key, size_t count) {
    const size_t wide = padded(work->head_dim);
    float found[ROWS * KEYS] __attribute__((aligned(LINE)));
    const int odd = work->head_dim != wide, half = work->half && !odd;
    if (odd) widen(&keys, count, 0, work->head_dim, work->half, part->tile + KEYS * wide);
    if (part->rows > DOTS) turn(&keys, wide, count, part->tile, half);
    for (size_t row = 0; row < part->rows; row += part->rows > DOTS ? ROWS : 1) {
        const float *query = part->query + row * wide;
        const size_t rows = part->rows > DOTS ? smaller(ROWS, part->rows - row) : 1;
        if (part->rows > DOTS) score(query, wide, part->tile, found, count);
        else if (half) dot(query, wide, &keys, &keys, count, found, 1, 1, 1);
        else dot(query, wide, &keys, &keys, count, found, 0, 1, 1);
        for (size_t r = 0; r < rows; r++)
            memcpy(part->scores + (row + r) * part->columns + key, found + r * KEYS, count * sizeof(float));
    }
}

/* A row's scores become probabilities; it sees the keys [begin, end). */
static void soften(float *scores, size_t begin, size_t end, size_t all, uint16_t *map) {
    const size_t whole = begin + (end - begin) / LANES * LANES;
    Vector best = (Vector){0} - INFINITY, sums = {0};
    for (size_t i = begin; i < whole; i += LANES) best = greater(load(scores + i), best);
    float top = greatest(best), total = 0.0f;
    for (size_t i = whole; i < end; i++) top = scores[i] > top ? scores[i] : top;
    for (size_t i = begin; i < end; i++) scores[i] = exponential(scores[i] - top);
    for (size_t i = begin; i < whole; i += LANES) sums += load(scores + i);
    for (size_t i = 0; i < LANES; i++) total += sums[i];
    for (size_t i = whole; i < end; i++) total += scores[i];
    memset(map, 0, all * sizeof *map);
    const float share = 1.0f / total;
    for (size_t i = begin; i < end; i++) map[i] = half_of(scores[i] * share);
}

void attention_maps_compute(const void *from, size_t chunk, char *own) {
    const MapsWork *work = from;
    const Part part = part_of(work, chunk, own);
    const size_t first = part.span->first + part.position; /* of the chunk's positions */
    const size_t begin = work->window && work->window < first + 1 ? (first + 1 - work->window) / KEYS * KEYS : 0;
    load_queries(work, &part);
    Cursor cursor = cursor_at(part.span->place, part.kv_head, begin);
    for (size_t key = begin; key < part.end; key += KEYS) {
        const size_t count = smaller(KEYS, part.end - key);
        Lines keys;
        next_lines(&cursor, count, &keys);
        score_tile(work, &part, keys, key, count);
    }
    for (size_t row = 0; row < part.rows; row++) {
        const size_t end = first + row / part.heads + 1;
        const size_t low = work->window && work->window < end ? end - work->window : 0;
        soften(part.scores + row * part.columns, low, end, part.end, part.maps + row * part.end);
    }
}

void attention_maps_commit(const void *from, size_t chunk, const char *own) {
    const MapsWork *work = from;
    const Part part = part_of(work, chunk, (char *)own);
    const size_t all = part.span->first + part.span->count;
    for (size_t row = 0; row < part.rows; row++) {
        const size_t head = part.head - work->head + row % part.heads;
        uint16_t *to = part.span->maps + ((part.position + row / part.heads) * work->heads + head) * all;
        memcpy(to, part.maps + row * part.end, part.end * sizeof *to);
        memset(to + part.end, 0, (all - part.end) * sizeof *to);
    }
}

int attention_maps(const MapsWork *work, int threads) {
    const Operation operation = {.compute = attention_maps_compute, .commit = attention_maps_commit, .work = work,
                                 .chunks = attention_maps_chunks(work),
                                 .patience_ns = attention_maps_patience_ns(work)};
    return operation.chunks ? crew_run_between(&operation, 1, attention_maps_own_bytes(work), threads) : 0;
}
