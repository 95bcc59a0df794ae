/* Products of a few rows with a tile of K or V, as attention.c takes them.
 *
 * `wide` is head_dim rounded up to LANES; rows of queries and sums are padded with zeros. The numbers of rows and of
 * vectors are constants wherever these functions are called, so that the compiler keeps every sum in a register.
 */
#ifndef ATTENTION_TILE_H
#define ATTENTION_TILE_H
#include "vectors.h"

enum { KEYS = 64, LINE = 64 }; /* positions in a tile; bytes of a cache line */
#if defined(__AVX512F__) || defined(__aarch64__)
enum { ROWS = 6, ACROSS = 4 }; /* 32 registers */
#elif defined(__AVX__)
enum { ROWS = 6, ACROSS = 2 };
#else
enum { ROWS = 4, ACROSS = 2 };
#endif

/* K of up to KEYS positions, a line each, wherever they lie; after the last position it is repeated. */
typedef struct {
    const char *at[KEYS];
} Lines;

INLINE Vector load_line(const char *line, size_t index, const int half) {
    return half ? load_widened((const bfloat16 *)line + index) : load((const float *)line + index);
}

/* The cache line with a number of a later line begins to come from memory, once for all numbers in it. */
INLINE void fetch_line(const char *line, size_t index, const int half) {
    const size_t bytes = half ? sizeof(bfloat16) : sizeof(float);
    if (LANES * bytes >= LINE || index * bytes % LINE == 0) __builtin_prefetch(line + index * bytes);
}

/* Scores [rows][KEYS] of `rows` queries with `count` lines of K, each the sum over a line. LANES sums are taken at once,
 * of `side` rows with LANES / side lines. */
INLINE void dot(const float *query, size_t wide, const Lines *lines, const Lines *later, size_t count, float *scores,
                const int half, const int rows, const int side) {
    const int across = LANES / side;
    for (size_t first = 0; first < count; first += across) {
        Vector products[LANES] = {0};
        float sums[LANES];
        for (size_t d = 0; d < wide; d += LANES) {
            Vector asked[4];
            for (int r = 0; r < rows; r++) asked[r] = load(query + r * wide + d);
            for (int i = 0; i < across; i++) {
                const Vector part = load_line(lines->at[first + i], d, half);
                fetch_line(later->at[first + i], d, half);
                for (int r = 0; r < rows; r++) products[r * across + i] += asked[r] * part;
            }
        }
        store(sums, sums_of(products));
        for (int r = 0; r < rows; r++) memcpy(scores + r * KEYS + first, sums + r * across, across * sizeof(float));
    }
}

/* Lines of K as columns of `across` [wide][KEYS]. */
INLINE void turn(const Lines *lines, size_t wide, size_t count, float *across, const int half) {
    for (size_t first = 0; first < count; first += LANES)
        for (size_t d = 0; d < wide; d += LANES) {
            Vector square[LANES];
            for (int i = 0; i < LANES; i++) square[i] = load_line(lines->at[first + i], d, half);
            transpose(square);
            for (int i = 0; i < LANES; i++) store(across + (d + i) * KEYS + first, square[i]);
        }
}

/* Scores [ROWS][KEYS] of queries with `vectors` · LANES keys, columns of `across`. */
INLINE void score_block(const float *query, size_t wide, const float *across, float *scores, const int vectors) {
    Vector sums[ROWS][ACROSS] = {0};
    for (size_t d = 0; d < wide; d++) {
        Vector keys[ACROSS];
        for (int v = 0; v < vectors; v++) keys[v] = load(across + d * KEYS + v * LANES);
        for (int r = 0; r < ROWS; r++) {
            const float factor = query[r * wide + d];
            for (int v = 0; v < vectors; v++) sums[r][v] += factor * keys[v];
        }
    }
    for (int r = 0; r < ROWS; r++)
        for (int v = 0; v < vectors; v++) store(scores + r * KEYS + v * LANES, sums[r][v]);
}

INLINE void score(const float *query, size_t wide, const float *across, float *scores, size_t count) {
    size_t column = 0;
    for (; column + (ACROSS - 1) * LANES < count; column += ACROSS * LANES)
        score_block(query, wide, across + column, scores + column, ACROSS);
    for (; column < count; column += LANES) score_block(query, wide, across + column, scores + column, 1);
}

/* mixed [rows][wide] += weights [rows][KEYS] · lines of V, `vectors` · LANES numbers of each from `first` on. */
INLINE void mix_block(const float *weights, const Lines *lines, const Lines *later, ptrdiff_t offset, size_t count,
                      float *mixed, size_t wide, size_t first, const int half, const int rows, const int vectors) {
    Vector sums[ROWS][ACROSS];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) sums[r][v] = load(mixed + r * wide + first + v * LANES);
    for (size_t k = 0; k < count; k++) {
        Vector values[ACROSS];
        for (int v = 0; v < vectors; v++) {
            values[v] = load_line(lines->at[k] + offset, first + v * LANES, half);
            if (later) fetch_line(later->at[k] + offset, first + v * LANES, half);
        }
        for (int r = 0; r < rows; r++) {
            const float factor = weights[r * KEYS + k];
            for (int v = 0; v < vectors; v++) sums[r][v] += factor * values[v];
        }
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) store(mixed + r * wide + first + v * LANES, sums[r][v]);
}

INLINE void mix(const float *weights, const Lines *lines, const Lines *later, ptrdiff_t offset, size_t count,
                float *mixed, size_t wide, const int half, const int rows) {
    size_t first = 0;
    for (; first + ACROSS * LANES <= wide; first += ACROSS * LANES)
        mix_block(weights, lines, later, offset, count, mixed, wide, first, half, rows, ACROSS);
    for (; first + 2 * LANES <= wide; first += 2 * LANES)
        mix_block(weights, lines, later, offset, count, mixed, wide, first, half, rows, 2);
    for (; first < wide; first += LANES)
        mix_block(weights, lines, later, offset, count, mixed, wide, first, half, rows, 1);
}
#endif
