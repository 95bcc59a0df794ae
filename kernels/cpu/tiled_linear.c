/* y = x Wᵀ (+ bias) (+ residual) in bfloat16 for up to 64 rows, on the processor's tile unit (AMX), W as stored.
 *
 * A tile of W is 16 of its rows by 32 channels, read where they lie, so that W needs no layout of its own and crosses the
 * memory bus once. x is laid out beforehand as tiles of 16 rows, channels in pairs: [rows / 16][in / 32][16][16] pairs.
 * One instruction multiplies a tile of W with a tile of x into 16 × 16 float32 sums; each result is rounded once.
 */
#define _DEFAULT_SOURCE /* syscall */
#include "tiles.h"

enum { BLOCK = TILE_CHANNELS, ROWS_AT_ONCE = 64 };

#ifdef EMULATED_TILES
int tiled_linear_allowed(void) { return 1; }
#elif defined(TILES)
#include <sys/syscall.h>
#include <unistd.h>

int tiled_linear_allowed(void) {
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#else
int tiled_linear_allowed(void) { return 0; }
#endif

#ifdef TILES
/* x [rows, in] as tiles; rows that are not there are zero. */
static void tile(const bfloat16 *x, bfloat16 *to, size_t rows, size_t in) {
    for (size_t group = 0; group < (rows + SIDE - 1) / SIDE; group++)
        for (size_t k = 0; k < in; k += 2)
            for (size_t r = 0; r < SIDE; r++) {
                const size_t row = group * SIDE + r;
                uint32_t pair = 0;
                if (row < rows) memcpy(&pair, x + row * in + k, sizeof pair);
                memcpy(to + group * SIDE * in + k * SIDE + 2 * r, &pair, sizeof pair);
            }
}

/* Tiles 0 to 3 hold the sums of up to four groups of rows, 4 a tile of W, 5 one of x. */
INLINE void multiply_tiles(const char *weight, size_t stride, const bfloat16 *x, size_t in, int groups,
                           float sums[ROWS_AT_ONCE / SIDE][SIDE][SIDE]) {
    _tile_zero(0);
    if (groups > 1) _tile_zero(1);
    if (groups > 2) _tile_zero(2);
    if (groups > 3) _tile_zero(3);
    for (size_t k = 0; k < in; k += BLOCK) {
        const char *at = weight + k * sizeof(bfloat16);
        const bfloat16 *from = x + k * SIDE;
        /* the same place in the next tile's rows, into the second-level cache */
        for (int row = SIDE; row < 2 * SIDE; row++) __builtin_prefetch(at + row * stride, 0, 2);
        _tile_loadd(4, at, stride);
        _tile_loadd(5, from, 64);
        _tile_dpbf16ps(0, 4, 5);
        if (groups > 1) {
            _tile_loadd(5, from + SIDE * in, 64);
            _tile_dpbf16ps(1, 4, 5);
        }
        if (groups > 2) {
            _tile_loadd(5, from + 2 * SIDE * in, 64);
            _tile_dpbf16ps(2, 4, 5);
        }
        if (groups > 3) {
            _tile_loadd(5, from + 3 * SIDE * in, 64);
            _tile_dpbf16ps(3, 4, 5);
        }
    }
    _tile_stored(0, sums[0], 64);
    if (groups > 1) _tile_stored(1, sums[1], 64);
    if (groups > 2) _tile_stored(2, sums[2], 64);
    if (groups > 3) _tile_stored(3, sums[3], 64);
}

/* rows up to ROWS_AT_ONCE, in a multiple of BLOCK, out one of SIDE; scratch [rows rounded up to SIDE, in]. */
void tiled_linear_bfloat16(const bfloat16 *weight, const bfloat16 *x, const bfloat16 *bias, const bfloat16 *residual,
                           bfloat16 *y, bfloat16 *scratch, size_t rows, size_t in, size_t out, int threads) {
    const int groups = (int)((rows + SIDE - 1) / SIDE);
    tile(x, scratch, rows, in);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int part = 0; part < threads; part++) {
        configure_tiles(0, 0);
        const size_t end = out / SIDE * (part + 1) / threads * SIDE, stride = in * sizeof(bfloat16);
        for (size_t column = out / SIDE * part / threads * SIDE; column < end; column += SIDE) {
            float sums[ROWS_AT_ONCE / SIDE][SIDE][SIDE];
            const char *from = (const char *)(weight + column * in);
            if (groups == 1) multiply_tiles(from, stride, scratch, in, 1, sums);
            else if (groups == 2) multiply_tiles(from, stride, scratch, in, 2, sums);
            else if (groups == 3) multiply_tiles(from, stride, scratch, in, 3, sums);
            else multiply_tiles(from, stride, scratch, in, 4, sums);
            for (size_t row = 0; row < rows; row++)
                for (size_t s = 0; s < SIDE; s++) {
                    const size_t at = row * out + column + s;
                    float value = sums[row / SIDE][s][row % SIDE];
                    if (bias) value += widened(bias[column + s]);
                    if (residual) value += widened(residual[at]);
                    y[at] = rounded(value);
                }
        }
        _tile_release();
    }
}
#else
void tiled_linear_bfloat16(const bfloat16 *weight, const bfloat16 *x, const bfloat16 *bias, const bfloat16 *residual,
                           bfloat16 *y, bfloat16 *scratch, size_t rows, size_t in, size_t out, int threads) {
    (void)weight, (void)x, (void)bias, (void)residual, (void)y, (void)scratch, (void)rows, (void)in, (void)out;
    (void)threads;
}
#endif
