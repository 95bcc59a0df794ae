/* softmax(q kᵀ · scale) v with the softmax taken on the way, so that scores exist only for a tile of KEYS keys at a time
 * (Milakov and Gimelshein 2018; Dao et al. 2022).
 *
 * A chunk is a tile of query rows (positions, with all heads that share one head of K and V) over a range of keys. The
 * few rows of a decode step take dot products with K as it lies, so that K and V are read once and at the speed of
 * memory; long contexts are split between chunks, and the last split that is done merges them (Dao et al. 2023,
 * Flash-Decoding). Many rows meet a tile of K that was transposed once, ROWS of them at a time, and their scores stay in
 * the first-level cache. Tiles that no row of a block sees are skipped.
 *
 * bfloat16 is widened exactly; everything else is float32. A row's result depends on its own span alone: not on the
 * spans beside it, and not on threads.
 */
#include "attention.h"
#include "crew.h"
#include "exponential.h"
#include "vectors.h"
#include <stdatomic.h>

enum { KEYS = 64, TILE = 96, DOTS = 8 /* at least ROWS */, LINE = 64 };
enum { FEW_ROWS = 48, FEW_SPLIT = 256, SPLIT = 1024, MOST_SPLITS = 8 };

#if defined(__AVX512F__) || defined(__aarch64__)
enum { ROWS = 6, ACROSS = 4 }; /* 32 registers */
#elif defined(__AVX__)
enum { ROWS = 6, ACROSS = 2 };
#else
enum { ROWS = 4, ACROSS = 2 };
#endif

INLINE size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
INLINE size_t rounded_up(size_t a, size_t to) { return (a + to - 1) / to * to; }
INLINE size_t padded(size_t head_dim) { return rounded_up(head_dim, LANES); }

/* --- the plan --------------------------------------------------------------------------------------------------------- */

/* How many keys one chunk has. With many rows splits are longer and bounded in number, because each has sums to keep. */
static size_t split_of(size_t rows, size_t keys) {
    if (rows <= FEW_ROWS) return FEW_SPLIT;
    const size_t even = rounded_up((keys + MOST_SPLITS - 1) / MOST_SPLITS, KEYS);
    return even > SPLIT ? even : SPLIT;
}

/* Bytes of the sums of `rows` rows: mixed [rows][wide], top [rows], total [rows]. */
INLINE size_t sums_bytes(size_t rows, size_t wide) { return rows * (wide + 2) * sizeof(float); }

static size_t tile_positions(size_t group) { return group < TILE ? TILE / group : 1; }

/* The number of chunks; they are written where there is a plan. The last positions come first: they take longest. */
static size_t cut(AttentionPlan *plan, const AttentionSpan *spans, size_t count, size_t group, size_t kv_heads,
                  size_t wide, size_t window) {
    const size_t most = tile_positions(group);
    size_t chunks = 0, merges = 0, partial = 0;
    for (size_t number = 0; number < count; number++) {
        const AttentionSpan *span = spans + number;
        const size_t tiles = (span->count + most - 1) / most;
        for (size_t tile = tiles; tile-- > 0;) {
            const size_t first = tile * most, positions = smaller(most, span->count - first);
            const size_t seen = span->first + first + 1, end = seen + positions - 1;
            const size_t begin = window && window < seen ? (seen - window) / KEYS * KEYS : 0;
            const size_t step = split_of(positions * group, end - begin), splits = (end - begin + step - 1) / step;
            for (size_t head = 0; head < kv_heads; head++) {
                for (size_t split = 0; split < splits; split++, chunks++) {
                    if (plan == NULL) continue;
                    const size_t from = begin + split * step;
                    plan->chunk[chunks] = (AttentionChunk){
                        .span = number, .kv_head = head, .first = first, .count = positions, .begin = from,
                        .end = smaller(from + step, end), .split = split, .splits = splits, .merge = merges,
                        .partial = partial,
                    };
                }
                if (splits > 1) merges++, partial += splits * sums_bytes(positions * group, wide);
            }
        }
    }
    if (plan) plan->merges = merges, plan->partial_bytes = partial;
    return chunks;
}

size_t attention_plan_bytes(const AttentionSpan *spans, size_t count, size_t heads, size_t kv_heads, size_t window) {
    return sizeof(AttentionPlan) + cut(NULL, spans, count, heads / kv_heads, kv_heads, 0, window) * sizeof(AttentionChunk);
}

INLINE size_t counters_bytes(const AttentionPlan *plan) {
    return rounded_up(plan->merges * sizeof(atomic_size_t), LINE);
}

void attention_plan(AttentionPlan *plan, const AttentionSpan *spans, size_t count, size_t heads, size_t kv_heads,
                    size_t head_dim, size_t window) {
    const size_t group = heads / kv_heads, rows = tile_positions(group) * group, wide = padded(head_dim);
    plan->chunks = cut(plan, spans, count, group, kv_heads, wide, window);
    plan->partial_bytes += counters_bytes(plan);
    plan->own_bytes = rounded_up(sums_bytes(rows, wide), LINE) + (rows + 2 * KEYS) * wide * sizeof(float);
}

void attention_begin(const AttentionPlan *plan, char *partials) {
    atomic_size_t *counters = (atomic_size_t *)partials;
    for (size_t i = 0; i < plan->merges; i++) atomic_init(counters + i, 0);
}

/* --- tiles ------------------------------------------------------------------------------------------------------------ */

/* What a chunk is made of, with its memory. */
typedef struct {
    const AttentionChunk *chunk;
    const AttentionSpan *span;
    const KvPlace *place;
    size_t group, rows, wide;
    float *mixed, *top, *total; /* not divided by `total` yet; the greatest score so far; the sum of exp(score - top) */
    float *query;               /* [rows][wide], scaled */
    float *across;              /* K of a tile [wide][KEYS] */
    float *lines;               /* K or V of a tile [KEYS][wide] */
} Tile;

static Tile tile_of(const AttentionWork *work, size_t index, char *own) {
    const AttentionChunk *chunk = work->plan->chunk + index;
    const size_t group = work->heads / work->kv_heads, rows = chunk->count * group, wide = padded(work->head_dim);
    float *mixed = (float *)own, *query = (float *)(own + rounded_up(sums_bytes(rows, wide), LINE));
    return (Tile){
        .chunk = chunk, .span = work->spans + chunk->span, .place = work->places + chunk->span,
        .group = group, .rows = rows, .wide = wide,
        .mixed = mixed, .top = mixed + rows * wide, .total = mixed + rows * wide + rows,
        .query = query, .across = query + rows * wide, .lines = query + (rows + KEYS) * wide,
    };
}

/* Where a row's numbers stand in q (with q_stride) or `mixed`. */
INLINE size_t place_of(const AttentionWork *work, const Tile *tile, size_t row, size_t stride) {
    const size_t head = tile->chunk->kv_head * tile->group + row % tile->group;
    return (tile->span->row + tile->chunk->first + row / tile->group) * stride + head * work->head_dim;
}

static void load_queries(const AttentionWork *work, const Tile *tile) {
    for (size_t row = 0; row < tile->rows; row++) {
        float *to = tile->query + row * tile->wide;
        const size_t at = place_of(work, tile, row, work->q_stride);
        const float32 *from = (const float32 *)work->q + at;
        const bfloat16 *half = (const bfloat16 *)work->q + at;
        if (work->half_rows)
            for (size_t d = 0; d < work->head_dim; d++) to[d] = widened(half[d]) * work->scale;
        else
            for (size_t d = 0; d < work->head_dim; d++) to[d] = from[d] * work->scale;
        for (size_t d = work->head_dim; d < tile->wide; d++) to[d] = 0.0f;
    }
}

/* K (offset 0) or V of `count` positions from `key` on, a line each: where they lie, or widened and padded in `lines`. */
static const float *lines_at(const AttentionWork *work, const Tile *tile, size_t key, size_t count, ptrdiff_t offset,
                             size_t *stride) {
    const KvPlace *place = tile->place;
    const char *start = place->keys + offset + tile->chunk->kv_head * place->head_stride;
    size_t block = key / place->block_size, inside = key % place->block_size;
    const char *at = start + (place->table ? place->table[block] * place->block_stride : 0);
    if (!work->half && work->head_dim == tile->wide && inside + count <= place->block_size) {
        *stride = place->position_stride / sizeof(float);
        return (const float *)(at + inside * place->position_stride);
    }
    for (size_t line = 0; line < count; line++, inside++) {
        if (inside == place->block_size) {
            inside = 0, block++;
            at = start + place->table[block] * place->block_stride;
        }
        const char *from = at + inside * place->position_stride;
        float *to = tile->lines + line * tile->wide;
        if (work->half)
            for (size_t d = 0; d < work->head_dim; d++) to[d] = widened(((const bfloat16 *)from)[d]);
        else memcpy(to, from, work->head_dim * sizeof(float));
        for (size_t d = work->head_dim; d < tile->wide; d++) to[d] = 0.0f;
    }
    *stride = tile->wide;
    return tile->lines;
}

/* Scores of all rows with `count` lines of K, each the sum over a line: for few rows. scores [rows][KEYS]. */
static void dot(const Tile *tile, const float *lines, size_t stride, size_t count, float *scores) {
    for (size_t first = 0; first < count; first += LANES)
        for (size_t row = 0; row < tile->rows; row++) {
            const float *query = tile->query + row * tile->wide;
            Vector products[LANES] = {0};
            for (size_t d = 0; d < tile->wide; d += LANES) {
                const Vector part = load(query + d);
                for (int i = 0; i < LANES; i++)
                    products[i] += part * load(lines + smaller(first + i, count - 1) * stride + d);
            }
            store(scores + row * KEYS + first, sums_of(products));
        }
}

/* `count` lines of K, as columns of `across`. */
static void turn(const Tile *tile, const float *lines, size_t stride, size_t count) {
    for (size_t first = 0; first < count; first += LANES)
        for (size_t d = 0; d < tile->wide; d += LANES) {
            Vector square[LANES];
            for (int i = 0; i < LANES; i++) square[i] = load(lines + smaller(first + i, count - 1) * stride + d);
            transpose(square);
            for (int i = 0; i < LANES; i++) store(tile->across + (d + i) * KEYS + first, square[i]);
        }
}

/* c [rows][across · LANES] = a [rows][depth] · b [depth][across · LANES], or added to it; strides in numbers. */
INLINE void multiply_block(const float *a, size_t a_stride, const float *b, size_t b_stride, float *c, size_t c_stride,
                           size_t depth, int add, const int rows, const int across) {
    Vector sums[ROWS][ACROSS];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < across; v++) sums[r][v] = add ? load(c + r * c_stride + v * LANES) : (Vector){0};
    for (size_t k = 0; k < depth; k++) {
        Vector columns[ACROSS];
        for (int v = 0; v < across; v++) columns[v] = load(b + k * b_stride + v * LANES);
        for (int r = 0; r < rows; r++) {
            const Vector factor = (Vector){0} + a[r * a_stride + k];
            for (int v = 0; v < across; v++) sums[r][v] += factor * columns[v];
        }
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < across; v++) store(c + r * c_stride + v * LANES, sums[r][v]);
}

/* The same for any number of columns (a multiple of LANES); the loops are copied for each number of rows, so that the
 * compiler keeps every sum in a register. */
INLINE void multiply_rows(const float *a, size_t a_stride, const float *b, size_t b_stride, float *c, size_t c_stride,
                          size_t depth, size_t columns, int add, const int rows) {
    size_t column = 0;
    for (; column + ACROSS * LANES <= columns; column += ACROSS * LANES)
        multiply_block(a, a_stride, b + column, b_stride, c + column, c_stride, depth, add, rows, ACROSS);
    for (; column + 2 * LANES <= columns; column += 2 * LANES)
        multiply_block(a, a_stride, b + column, b_stride, c + column, c_stride, depth, add, rows, 2);
    for (; column < columns; column += LANES)
        multiply_block(a, a_stride, b + column, b_stride, c + column, c_stride, depth, add, rows, 1);
}

static void multiply(const float *a, size_t a_stride, const float *b, size_t b_stride, float *c, size_t c_stride,
                     size_t depth, size_t columns, int add, size_t rows) {
    switch (rows) {
    case 1: multiply_rows(a, a_stride, b, b_stride, c, c_stride, depth, columns, add, 1); break;
    case 2: multiply_rows(a, a_stride, b, b_stride, c, c_stride, depth, columns, add, 2); break;
    case 3: multiply_rows(a, a_stride, b, b_stride, c, c_stride, depth, columns, add, 3); break;
    case 4: multiply_rows(a, a_stride, b, b_stride, c, c_stride, depth, columns, add, 4); break;
#if defined(__AVX__) || defined(__aarch64__)
    case 5: multiply_rows(a, a_stride, b, b_stride, c, c_stride, depth, columns, add, 5); break;
    case 6: multiply_rows(a, a_stride, b, b_stride, c, c_stride, depth, columns, add, 6); break;
#endif
    }
}

/* --- the softmax ------------------------------------------------------------------------------------------------------ */

static float greatest(const float *scores, size_t count) {
    float best[LANES], top;
    memcpy(best, scores, sizeof best);
    for (size_t at = LANES; at < count; at += LANES)
        for (size_t i = 0; i < LANES; i++) best[i] = scores[at + i] > best[i] ? scores[at + i] : best[i];
    top = best[0];
    for (size_t i = 1; i < LANES; i++) top = best[i] > top ? best[i] : top;
    return top;
}

static float sum(const float *numbers, size_t count) {
    Vector parts = load(numbers);
    for (size_t at = LANES; at < count; at += LANES) parts += load(numbers + at);
    float total = 0.0f;
    for (size_t i = 0; i < LANES; i++) total += parts[i];
    return total;
}

/* Turn a row's scores [count] into exp(score - top), 0 outside [low, high); `top` and `total` follow. Returns the factor
 * for what was summed before. */
static float soften(float *scores, size_t count, size_t low, size_t high, float *top, float *total) {
    for (size_t i = 0; i < low; i++) scores[i] = -INFINITY;
    for (size_t i = high; i < count; i++) scores[i] = -INFINITY;
    const float here = greatest(scores, count), above = here > *top ? here : *top;
    for (size_t i = 0; i < count; i++) scores[i] = exponential(scores[i] - above);
    for (size_t i = 0; i < low; i++) scores[i] = 0.0f;
    for (size_t i = high; i < count; i++) scores[i] = 0.0f;
    const float factor = exponential(*top - above);
    *total = *total * factor + sum(scores, count);
    *top = above;
    return factor;
}

/* Keys of a tile of `count` keys from `key` on that a row sees: [low, high), perhaps none. */
INLINE void seen_by(const AttentionWork *work, const Tile *tile, size_t row, size_t key, size_t count, size_t *low,
                    size_t *high) {
    const size_t end = tile->span->first + tile->chunk->first + row / tile->group + 1;
    const size_t begin = work->window && work->window < end ? end - work->window : 0;
    *low = begin > key ? smaller(begin - key, count) : 0;
    *high = end > key ? smaller(end - key, count) : 0;
}

/* --- the operation ---------------------------------------------------------------------------------------------------- */

static void attend(const AttentionWork *work, const Tile *tile, size_t key, size_t count) {
    const int few = tile->rows <= DOTS;
    const size_t wide = tile->wide, columns = rounded_up(count, LANES);
    float scores[DOTS * KEYS] __attribute__((aligned(LINE)));
    size_t stride;
    const float *keys = lines_at(work, tile, key, count, 0, &stride);
    if (few) dot(tile, keys, stride, count, scores);
    else turn(tile, keys, stride, count);
    const float *values = lines_at(work, tile, key, count, tile->place->values, &stride);
    for (size_t row = 0; row < tile->rows; row += ROWS) {
        const size_t rows = smaller(ROWS, tile->rows - row);
        float *weights = few ? scores + row * KEYS : scores, *mixed = tile->mixed + row * wide;
        size_t low, high, first, last;
        seen_by(work, tile, row, key, count, &first, &high);
        seen_by(work, tile, row + rows - 1, key, count, &low, &last);
        if (first >= last) continue;
        if (!few) multiply(tile->query + row * wide, wide, tile->across, KEYS, weights, KEYS, wide, columns, 0, rows);
        for (size_t r = 0; r < rows; r++) {
            seen_by(work, tile, row + r, key, count, &low, &high);
            if (low >= high) {
                memset(weights + r * KEYS, 0, columns * sizeof(float));
                continue;
            }
            const float factor =
                soften(weights + r * KEYS, columns, low, high, tile->top + row + r, tile->total + row + r);
            if (factor != 1.0f)
                for (size_t d = 0; d < wide; d++) mixed[r * wide + d] *= factor;
        }
        multiply(weights, KEYS, values, stride, mixed, wide, count, wide, 1, rows);
    }
}

void attention_compute(const void *from, size_t index, char *own) {
    const AttentionWork *work = from;
    const Tile tile = tile_of(work, index, own);
    load_queries(work, &tile);
    memset(tile.mixed, 0, tile.rows * tile.wide * sizeof(float));
    for (size_t row = 0; row < tile.rows; row++) tile.top[row] = -INFINITY, tile.total[row] = 0.0f;
    for (size_t key = tile.chunk->begin; key < tile.chunk->end; key += KEYS)
        attend(work, &tile, key, smaller(KEYS, tile.chunk->end - key));
}

/* Divide by the totals and store. */
static void put(const AttentionWork *work, const Tile *tile) {
    for (size_t row = 0; row < tile->rows; row++) {
        const float *mixed = tile->mixed + row * tile->wide, share = 1.0f / tile->total[row];
        const size_t at = place_of(work, tile, row, work->mixed_stride);
        float32 *to = (float32 *)work->mixed + at;
        bfloat16 *half = (bfloat16 *)work->mixed + at;
        if (work->half_rows)
            for (size_t d = 0; d < work->head_dim; d++) half[d] = rounded(mixed[d] * share);
        else
            for (size_t d = 0; d < work->head_dim; d++) to[d] = mixed[d] * share;
        if (work->lse == NULL) continue;
        const size_t position = tile->span->row + tile->chunk->first + row / tile->group;
        work->lse[position * work->heads + tile->chunk->kv_head * tile->group + row % tile->group] =
            tile->top[row] + logf(tile->total[row]);
    }
}

/* Merge the sums of all splits, in their order, into those of split 0. */
static void merge(const Tile *tile, float *parts) {
    const size_t rows = tile->rows, wide = tile->wide, apart = sums_bytes(rows, wide) / sizeof(float);
    float *tops = parts + rows * wide, *totals = tops + rows;
    for (size_t row = 0; row < rows; row++) {
        float top = tops[row], total = 0.0f, *mixed = parts + row * wide;
        for (size_t split = 1; split < tile->chunk->splits; split++)
            top = tops[split * apart + row] > top ? tops[split * apart + row] : top;
        for (size_t split = 0; split < tile->chunk->splits; split++) {
            const float *part = mixed + split * apart, factor = exponential(tops[split * apart + row] - top);
            total += totals[split * apart + row] * factor;
            for (size_t d = 0; d < wide; d++) mixed[d] = (split ? mixed[d] : 0.0f) + part[d] * factor;
        }
        tops[row] = top, totals[row] = total;
    }
}

void attention_commit(const void *from, size_t index, const char *own) {
    const AttentionWork *work = from;
    Tile tile = tile_of(work, index, (char *)own);
    const AttentionChunk *chunk = tile.chunk;
    if (chunk->splits == 1) {
        put(work, &tile);
        return;
    }
    const size_t bytes = sums_bytes(tile.rows, tile.wide);
    char *parts = work->partials + counters_bytes(work->plan) + chunk->partial;
    memcpy(parts + chunk->split * bytes, own, bytes);
    atomic_size_t *counter = (atomic_size_t *)work->partials + chunk->merge;
    if (atomic_fetch_add_explicit(counter, 1, memory_order_acq_rel) + 1 < chunk->splits) return;
    atomic_store_explicit(counter, 0, memory_order_relaxed);
    tile.mixed = (float *)parts, tile.top = tile.mixed + tile.rows * tile.wide, tile.total = tile.top + tile.rows;
    merge(&tile, tile.mixed);
    put(work, &tile);
}

/* One layer's attention by itself; returns 0, or -1 where there was no memory. */
int attention(const AttentionWork *work, int threads) {
    const Operation operation = {.compute = attention_compute, .commit = attention_commit, .work = work,
                                 .chunks = work->plan->chunks};
    return operation.chunks ? crew_run(&operation, 1, work->plan->own_bytes, threads, NULL) : 0;
}
