/* The tile unit's instructions (kernels/cpu/tiles.h) as functions over arrays: for processors without it. */
#ifndef EMULATED_TILES_H
#define EMULATED_TILES_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local struct {
    int in_use;
    uint16_t row_bytes[8];
    uint8_t rows[8];
    uint8_t tile[8][16][64];
} emulated;

/* What the unit answers with a fault. */
static inline void require(int holds) {
    if (!holds) abort();
}

static inline void emulated_loadconfig(const void *from) {
    const uint8_t *shapes = from;
    require(shapes[0] == 1 && shapes[1] == 0);
    memset(&emulated, 0, sizeof emulated);
    emulated.in_use = 1;
    memcpy(emulated.row_bytes, shapes + 16, sizeof emulated.row_bytes);
    memcpy(emulated.rows, shapes + 48, sizeof emulated.rows);
    for (int t = 0; t < 8; t++) require(emulated.row_bytes[t] <= 64 && emulated.rows[t] <= 16 && emulated.rows[t] > 0);
}

static inline void emulated_release(void) { emulated.in_use = 0; }

static inline void emulated_zero(int t) {
    require(emulated.in_use);
    memset(emulated.tile[t], 0, sizeof emulated.tile[t]);
}

static inline void emulated_loadd(int t, const void *from, size_t stride) {
    emulated_zero(t);
    for (int row = 0; row < emulated.rows[t]; row++)
        memcpy(emulated.tile[t][row], (const char *)from + row * stride, emulated.row_bytes[t]);
}

static inline void emulated_stored(int t, void *to, size_t stride) {
    require(emulated.in_use);
    for (int row = 0; row < emulated.rows[t]; row++)
        memcpy((char *)to + row * stride, emulated.tile[t][row], emulated.row_bytes[t]);
}

static inline float emulated_half(int t, int row, int column) {
    uint16_t half;
    memcpy(&half, emulated.tile[t][row] + 2 * column, sizeof half);
    const uint32_t word = (uint32_t)half << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

/* sums [m][n] += Σ a [m][2k, 2k + 1] · b [k][2n, 2n + 1] */
static inline void emulated_dpbf16ps(int sums, int a, int b) {
    require(emulated.in_use && emulated.rows[sums] == emulated.rows[a]);
    require(emulated.row_bytes[sums] == emulated.row_bytes[b] && emulated.row_bytes[a] == 4 * emulated.rows[b]);
    for (int m = 0; m < emulated.rows[sums]; m++)
        for (int n = 0; n < emulated.row_bytes[sums] / 4; n++) {
            float sum;
            memcpy(&sum, emulated.tile[sums][m] + 4 * n, sizeof sum);
            for (int k = 0; k < emulated.rows[b]; k++)
                for (int odd = 0; odd < 2; odd++)
                    sum += emulated_half(a, m, 2 * k + odd) * emulated_half(b, k, 2 * n + odd);
            memcpy(emulated.tile[sums][m] + 4 * n, &sum, sizeof sum);
        }
}

/* sums [m][n] += Σ a [m][4k ... 4k + 3] · b [k][4n ... 4n + 3], of which a is signed and b is not */
static inline void emulated_dpbsud(int sums, int a, int b) {
    require(emulated.in_use && emulated.rows[sums] == emulated.rows[a]);
    require(emulated.row_bytes[sums] == emulated.row_bytes[b] && emulated.row_bytes[a] == 4 * emulated.rows[b]);
    for (int m = 0; m < emulated.rows[sums]; m++)
        for (int n = 0; n < emulated.row_bytes[sums] / 4; n++) {
            int32_t sum;
            memcpy(&sum, emulated.tile[sums][m] + 4 * n, sizeof sum);
            for (int k = 0; k < emulated.rows[b]; k++)
                for (int byte = 0; byte < 4; byte++)
                    sum += (int8_t)emulated.tile[a][m][4 * k + byte] * emulated.tile[b][k][4 * n + byte];
            memcpy(emulated.tile[sums][m] + 4 * n, &sum, sizeof sum);
        }
}

/* Compilers define the five that take the number of a tile even where the processor has none. */
#include <immintrin.h>
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#undef _tile_dpbsud
#define _tile_loadconfig emulated_loadconfig
#define _tile_release emulated_release
#define _tile_zero emulated_zero
#define _tile_loadd emulated_loadd
#define _tile_stored emulated_stored
#define _tile_dpbf16ps emulated_dpbf16ps
#define _tile_dpbsud emulated_dpbsud
#endif
