/* softmax(q kᵀ · scale) v with the softmax taken on the way, so that scores exist for a tile of keys at a time only
 * (Milakov and Gimelshein 2018; Dao et al. 2022).
 *
 * A chunk is a tile of query rows (positions, with all heads that share one head of K and V) over a range of keys. The
 * few rows of a decode step take dot products with K where it lies, so that K and V are read once, at the speed of
 * memory. Long contexts are split between chunks, and the split that is done last merges them (Dao et al. 2023,
 * Flash-Decoding). Many rows meet a tile of K that was turned once, ROWS of them at a time, and their scores stay in the
 * first-level cache. Tiles that no row of a block sees are skipped.
 *
 * bfloat16 is widened exactly; everything else is float32. A row's result depends on its own span alone: not on the
 * spans beside it, and not on threads.
 */
#include "attention.h"
#include "crew.h"
#include "exponential.h"
#include "kv_lines.h"
#include <stdatomic.h>

enum { TILE = 96, DOTS = 8, FEW_ROWS = 48, FEW_SPLIT = 512, SPLIT = 1024, MOST_SPLITS = 8 };

/* How many keys one chunk has. With many rows splits are longer and bounded in number, because each has sums to keep. */
static size_t split_of(size_t rows, size_t keys) {
    if (rows <= FEW_ROWS) return FEW_SPLIT;
    const size_t even = rounded_up((keys + MOST_SPLITS - 1) / MOST_SPLITS, KEYS);
    return even > SPLIT ? even : SPLIT;
}

/* Many rows are computed ROWS at a time, so there are a few more of them in memory. */
INLINE size_t whole(size_t rows) { return rows > DOTS ? rounded_up(rows, ROWS) : rows; }

/* Bytes of the sums of `rows` rows: mixed [rows][wide], total [rows][LANES], top [rows]. */
INLINE size_t sums_bytes(size_t rows, size_t wide) { return rows * (wide + LANES + 1) * sizeof(float); }

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
                if (splits > 1) merges++, partial += splits * sums_bytes(whole(positions * group), wide);
            }
        }
    }
    if (plan) plan->merges = merges, plan->partial_bytes = partial;
    return chunks;
}

size_t attention_plan_bytes(const AttentionSpan *spans, size_t count, size_t heads, size_t kv_heads, size_t window) {
    const size_t chunks = cut(NULL, spans, count, heads / kv_heads, kv_heads, 0, window);
    return sizeof(AttentionPlan) + chunks * sizeof(AttentionChunk);
}

INLINE size_t counters_bytes(const AttentionPlan *plan) {
    return rounded_up(plan->merges * sizeof(atomic_size_t), LINE);
}

void attention_plan(AttentionPlan *plan, const AttentionSpan *spans, size_t count, size_t heads, size_t kv_heads,
                    size_t head_dim, size_t window) {
    const size_t group = heads / kv_heads, rows = whole(tile_positions(group) * group), wide = padded(head_dim);
    plan->chunks = cut(plan, spans, count, group, kv_heads, wide, window);
    plan->partial_bytes += counters_bytes(plan);
    plan->own_bytes = rounded_up(sums_bytes(rows, wide), LINE) + (rows + 2 * KEYS) * wide * sizeof(float);
}

void attention_begin(const AttentionPlan *plan, char *partials) {
    atomic_size_t *counters = (atomic_size_t *)partials;
    for (size_t i = 0; i < plan->merges; i++) atomic_init(counters + i, 0);
}

/* What a chunk is made of, with its memory. */
typedef struct {
    const AttentionChunk *chunk;
    const AttentionSpan *span;
    const KvPlace *place;
    size_t group, rows, whole, wide;
    float *mixed;  /* [rows][wide], not divided by the total yet */
    float *total;  /* [rows][LANES]: the sum of exp(score - top) in LANES parts */
    float *top;    /* [rows]: the greatest score so far */
    float *query;  /* [rows][wide], scaled */
    float *across; /* K of a tile [wide][KEYS]; or as `lines` */
    float *lines;  /* K or V of a tile [KEYS][wide], where they are copied */
} Tile;

INLINE void set_sums(Tile *tile, float *sums) {
    tile->mixed = sums;
    tile->total = sums + tile->whole * tile->wide;
    tile->top = tile->total + tile->whole * LANES;
}

static Tile tile_of(const AttentionWork *work, size_t index, char *own) {
    const AttentionChunk *chunk = work->plan->chunk + index;
    const size_t group = work->heads / work->kv_heads, rows = chunk->count * group, wide = padded(work->head_dim);
    float *query = (float *)(own + rounded_up(sums_bytes(whole(rows), wide), LINE));
    Tile tile = {
        .chunk = chunk, .span = work->spans + chunk->span, .place = work->places + chunk->span,
        .group = group, .rows = rows, .whole = whole(rows), .wide = wide,
        .query = query, .across = query + whole(rows) * wide, .lines = query + (whole(rows) + KEYS) * wide,
    };
    set_sums(&tile, (float *)own);
    return tile;
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
    memset(tile->query + tile->rows * tile->wide, 0, (tile->whole - tile->rows) * tile->wide * sizeof(float));
}

/* Turn a row's scores [columns] into exp(score - top), 0 outside [low, high); `top` and `total` [LANES] follow. Returns
 * the factor for what was summed before. */
INLINE float soften(float *scores, const size_t columns, size_t low, size_t high, float *top, float *total) {
    for (size_t i = 0; i < low; i++) scores[i] = -INFINITY;
    for (size_t i = high; i < columns; i++) scores[i] = -INFINITY;
    Vector best = load(scores);
    for (size_t at = LANES; at < columns; at += LANES) best = greater(load(scores + at), best);
    const float here = greatest(best), above = here > *top ? here : *top;
    for (size_t i = 0; i < columns; i++) scores[i] = exponential(scores[i] - above);
    for (size_t i = 0; i < low; i++) scores[i] = 0.0f;
    for (size_t i = high; i < columns; i++) scores[i] = 0.0f;
    const float factor = *top == above ? 1.0f : exponential(*top - above);
    Vector parts = load(total) * factor;
    for (size_t at = 0; at < columns; at += LANES) parts += load(scores + at);
    store(total, parts);
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

/* Scores of a block of rows become weights. */
static void soften_rows(const AttentionWork *work, const Tile *tile, size_t row, size_t rows, size_t key, size_t count,
                        float *scores) {
    const size_t columns = rounded_up(count, LANES);
    for (size_t r = row; r < row + rows; r++, scores += KEYS) {
        float *top = tile->top + r, *total = tile->total + r * LANES, *mixed = tile->mixed + r * tile->wide;
        size_t low, high;
        seen_by(work, tile, r, key, count, &low, &high);
        if (low >= high) {
            memset(scores, 0, columns * sizeof(float));
            continue;
        }
        const float factor = columns == KEYS ? soften(scores, KEYS, low, high, top, total)
                                             : soften(scores, columns, low, high, top, total);
        if (factor != 1.0f)
            for (size_t d = 0; d < tile->wide; d++) mixed[d] *= factor;
    }
}

/* Up to four rows over a tile that is read where it lies, while the next tile begins to come from memory. */
INLINE void attend_rows(const AttentionWork *work, const Tile *tile, const Lines *keys, const Lines *values,
                        const Lines *later, ptrdiff_t offset, size_t row, size_t key, size_t count, const int half,
                        const int rows, const int side) {
    float scores[4 * KEYS] __attribute__((aligned(LINE)));
    const size_t wide = tile->wide;
    dot(tile->query + row * wide, wide, keys, later, count, scores, half, rows, side);
    soften_rows(work, tile, row, rows, key, count, scores);
    mix(scores, values, later, offset, count, tile->mixed + row * wide, wide, half, rows);
}

INLINE void attend_few(const AttentionWork *work, const Tile *tile, const Lines *keys, const Lines *values,
                       const Lines *later, ptrdiff_t offset, size_t key, size_t count, const int half) {
    for (size_t row = 0; row < tile->rows; row += 4) switch (tile->rows - row) {
        case 1: attend_rows(work, tile, keys, values, later, offset, row, key, count, half, 1, 1); break;
        case 2: attend_rows(work, tile, keys, values, later, offset, row, key, count, half, 2, 2); break;
        case 3: attend_rows(work, tile, keys, values, later, offset, row, key, count, half, 3, 4); break;
        default: attend_rows(work, tile, keys, values, later, offset, row, key, count, half, 4, 4);
        }
}

/* Many rows over a tile whose K was turned and whose V is float32. */
static void attend_many(const AttentionWork *work, const Tile *tile, const Lines *values, ptrdiff_t offset, size_t key,
                        size_t count) {
    float scores[ROWS * KEYS] __attribute__((aligned(LINE)));
    const size_t wide = tile->wide;
    for (size_t row = 0; row < tile->rows; row += ROWS) {
        const size_t rows = smaller(ROWS, tile->rows - row);
        size_t low, high, first, last;
        seen_by(work, tile, row, key, count, &first, &high);
        seen_by(work, tile, row + rows - 1, key, count, &low, &last);
        if (first >= last) continue;
        score(tile->query + row * wide, wide, tile->across, scores, count);
        soften_rows(work, tile, row, rows, key, count, scores);
        mix(scores, values, NULL, offset, count, tile->mixed + row * wide, wide, 0, ROWS);
    }
}

static void attend(const AttentionWork *work, const Tile *tile, const Lines *lines, const Lines *later, size_t key,
                   size_t count) {
    const ptrdiff_t offset = tile->place->values;
    const int odd = work->head_dim != tile->wide, few = tile->rows <= DOTS, half = work->half && !odd;
    Lines keys = *lines, values = *lines;
    if (odd) widen(&keys, count, 0, work->head_dim, work->half, tile->lines);
    if (!few && half) turn(&keys, tile->wide, count, tile->across, 1);
    else if (!few) turn(&keys, tile->wide, count, tile->across, 0);
    const int copied = odd || (half && !few);
    if (copied) widen(&values, count, offset, work->head_dim, work->half, few ? tile->across : tile->lines);
    if (!few) attend_many(work, tile, &values, copied ? 0 : offset, key, count);
    else if (half) attend_few(work, tile, &keys, &values, later, offset, key, count, 1);
    else attend_few(work, tile, &keys, &values, later, copied ? 0 : offset, key, count, 0);
}

void attention_compute(const void *from, size_t index, char *own) {
    const AttentionWork *work = from;
    const Tile tile = tile_of(work, index, own);
    const AttentionChunk *chunk = tile.chunk;
    load_queries(work, &tile);
    memset(tile.mixed, 0, tile.whole * (tile.wide + LANES) * sizeof(float)); /* and `total` */
    for (size_t row = 0; row < tile.rows; row++) tile.top[row] = -INFINITY;
    Cursor cursor = cursor_at(tile.place, chunk->kv_head, chunk->begin);
    Lines lines, later;
    const size_t reach = tile.span->first + chunk->first + chunk->count; /* beyond a split: the next one reads it soon */
    next_lines(&cursor, smaller(KEYS, reach - chunk->begin), &later);
    for (size_t key = chunk->begin; key < chunk->end; key += KEYS) {
        const size_t count = smaller(KEYS, chunk->end - key);
        lines = later;
        if (reach > key + KEYS) next_lines(&cursor, smaller(KEYS, reach - key - KEYS), &later);
        attend(work, &tile, &lines, &later, key, count);
    }
}

/* Divide by the totals and store. */
static void put(const AttentionWork *work, const Tile *tile) {
    for (size_t row = 0; row < tile->rows; row++) {
        const float *mixed = tile->mixed + row * tile->wide;
        float total = 0.0f;
        for (size_t i = 0; i < LANES; i++) total += tile->total[row * LANES + i];
        const float share = 1.0f / total;
        const size_t at = place_of(work, tile, row, work->mixed_stride);
        float32 *to = (float32 *)work->mixed + at;
        bfloat16 *half = (bfloat16 *)work->mixed + at;
        if (work->half_rows)
            for (size_t d = 0; d < work->head_dim; d++) half[d] = rounded(mixed[d] * share);
        else
            for (size_t d = 0; d < work->head_dim; d++) to[d] = mixed[d] * share;
    }
}

/* Merge the sums of all splits, in their order, into those of split 0, where `tile` has its own. */
static void merge(const Tile *tile) {
    const size_t wide = tile->wide, apart = sums_bytes(tile->whole, wide) / sizeof(float);
    for (size_t row = 0; row < tile->rows; row++) {
        float *mixed = tile->mixed + row * wide, *total = tile->total + row * LANES, *tops = tile->top + row;
        float top = tops[0];
        for (size_t split = 1; split < tile->chunk->splits; split++)
            top = tops[split * apart] > top ? tops[split * apart] : top;
        for (size_t split = 0; split < tile->chunk->splits; split++) {
            const size_t at = split * apart;
            const float factor = exponential(tops[at] - top);
            for (size_t d = 0; d < wide; d++) mixed[d] = (split ? mixed[d] : 0.0f) + mixed[at + d] * factor;
            for (size_t i = 0; i < LANES; i++) total[i] = (split ? total[i] : 0.0f) + total[at + i] * factor;
        }
        tops[0] = top;
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
    const size_t bytes = sums_bytes(tile.whole, tile.wide);
    char *parts = work->partials + counters_bytes(work->plan) + chunk->partial;
    memcpy(parts + chunk->split * bytes, own, bytes);
    atomic_size_t *counter = (atomic_size_t *)work->partials + chunk->merge;
    if (atomic_fetch_add_explicit(counter, 1, memory_order_acq_rel) + 1 < chunk->splits) return;
    atomic_store_explicit(counter, 0, memory_order_relaxed);
    set_sums(&tile, (float *)parts);
    merge(&tile);
    put(work, &tile);
}

/* One layer's attention by itself; returns 0, or -1 where there was no memory. */
int attention(const AttentionWork *work, int threads) {
    const Operation operation = {.compute = attention_compute, .commit = attention_commit, .work = work,
                                 .chunks = work->plan->chunks};
    return operation.chunks ? crew_run_between(&operation, 1, work->plan->own_bytes, threads) : 0;
}
