/* Products of many rows on the tile unit, W as stored and x as it meets single rows.
 *
 * A tile of x is 16 of its rows by 32 channels, read where they lie. 16 columns (rows of W) are turned, so that pairs of
 * channels follow each other as the unit wants them, once for all rows of x. Four tiles of sums are taken at once, of 32
 * rows and 32 columns, so that each tile that is read meets two others.
 */
#include "product.h"
#include "tiles.h"

#ifdef TILES
#include <stdatomic.h>

enum { KEPT = 1024, KEPT_TILES = KEPT / TILE_CHANNELS }; /* channels that are turned at once: near caches have room */

typedef struct {
    Vector tile[KEPT_TILES][SIDE]; /* [pairs of channels][columns] */
} Turned;

/* `channels` channels from `first` on of SIDE rows of W. What lies `ahead_bytes` further is wanted soon. */
static void turn(const char *const w[SIDE], size_t first, size_t channels, size_t ahead_bytes, Turned *to) {
    for (size_t k = 0; k < channels; k += TILE_CHANNELS) {
        Vector square[SIDE];
        for (int i = 0; i < SIDE; i++) {
            const char *at = w[i] + (first + k) * sizeof(bfloat16);
            __builtin_prefetch(at + ahead_bytes, 0, 2); /* into the second-level cache */
            square[i] = load((const float *)at);
        }
        transpose(square);
        for (int i = 0; i < SIDE; i++) to->tile[k / TILE_CHANNELS][i] = square[i];
    }
    __asm__ volatile("" ::"r"(to) : "memory"); /* compilers do not see that a tile is read from it */
}

/* Add the products of one or two groups of rows of x with one or two groups of columns to `y`, or store them there. */
INLINE void multiply_block(const char *x, size_t x_bytes, size_t group_bytes, const Turned turned[2], size_t channels,
                           float *const y[2], size_t y_bytes, size_t group_apart, int adds, const int tall,
                           const int wide) {
    if (adds) {
        _tile_loadd(0, y[0], y_bytes);
        if (wide) _tile_loadd(1, y[1], y_bytes);
        if (tall) _tile_loadd(2, y[0] + group_apart, y_bytes);
        if (tall && wide) _tile_loadd(3, y[1] + group_apart, y_bytes);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t k = 0; k < channels / TILE_CHANNELS; k++) {
        const char *from = x + k * TILE_CHANNELS * sizeof(bfloat16);
        _tile_loadd(4, from, x_bytes);
        _tile_loadd(6, turned[0].tile[k], 64);
        _tile_dpbf16ps(0, 4, 6);
        if (wide) {
            _tile_loadd(7, turned[1].tile[k], 64);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (tall) {
            _tile_loadd(5, from + group_bytes, x_bytes);
            _tile_dpbf16ps(2, 5, 6);
        }
        if (tall && wide) _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, y[0], y_bytes);
    if (wide) _tile_stored(1, y[1], y_bytes);
    if (tall) _tile_stored(2, y[0] + group_apart, y_bytes);
    if (tall && wide) _tile_stored(3, y[1] + group_apart, y_bytes);
}

/* The rows of W of SIDE columns, numbered as in a row of y. */
static void columns_at(const char *weight, size_t row_bytes, size_t out, Stretch at, size_t place,
                       const char *w[SIDE]) {
    const size_t length = at.end - at.begin;
    for (size_t i = place; i < place + SIDE; i++) {
        const size_t column = at.first + i / length * at.apart + at.begin + i % length;
        w[i - place] = weight + (column < out ? column : out - 1) * row_bytes;
    }
}

/* Rows of x in groups of `side`, at most SIDE. `whole` channels, a multiple of TILE_CHANNELS. */
static void multiply_groups(const char *weight, const char *x, size_t rows, size_t side, size_t in, size_t whole,
                            size_t out, Stretch at, float *y) {
    Turned turned[2];
    const char *w[SIDE];
    const size_t columns = columns_of(at), last = columns - SIDE, row_bytes = in * sizeof(bfloat16);
    const size_t y_bytes = columns * sizeof(float), group_bytes = side * row_bytes, apart = side * columns;
    const size_t ahead_bytes = (at.end - at.begin) * row_bytes; /* the next stretch follows on this one */
    configure_tiles(6, side);
    for (size_t column = 0; column < columns; column += 2 * SIDE) {
        /* The last group may begin among the columns of the one before: it finds the same sums again. */
        const size_t places[2] = {column < last ? column : last, column + SIDE < last ? column + SIDE : last};
        const int wide = column + SIDE < columns;
        for (size_t first = 0; first < whole; first += KEPT) {
            const size_t channels = whole - first < KEPT ? whole - first : KEPT;
            for (int i = 0; i <= wide; i++) {
                columns_at(weight, row_bytes, out, at, places[i], w);
                turn(w, first, channels, ahead_bytes, turned + i);
            }
            for (size_t row = 0; row < rows; row += 2 * side) {
                const char *from = x + row * row_bytes + first * sizeof(bfloat16);
                float *const to[2] = {y + row * columns + places[0], y + row * columns + places[1]};
                const int adds = first > 0, tall = row + side < rows;
#define MULTIPLY_BLOCK(TALL, WIDE)                                                                                     \
    multiply_block(from, row_bytes, group_bytes, turned, channels, to, y_bytes, apart, adds, TALL, WIDE)
                if (tall && wide) MULTIPLY_BLOCK(1, 1);
                else if (tall) MULTIPLY_BLOCK(1, 0);
                else if (wide) MULTIPLY_BLOCK(0, 1);
                else MULTIPLY_BLOCK(0, 0);
            }
        }
    }
    _tile_release();
}

void multiply_in_tiles(const void *weight, const char *x, size_t rows, size_t in, size_t out, Stretch at, float *y) {
    const size_t columns = columns_of(at), whole = in / TILE_CHANNELS * TILE_CHANNELS;
    const size_t grouped = rows / SIDE * SIDE, left = rows - grouped, row_bytes = in * sizeof(bfloat16);
    if (grouped) multiply_groups(weight, x, grouped, SIDE, in, whole, out, at, y);
    if (left) multiply_groups(weight, x + grouped * row_bytes, left, left, in, whole, out, at, y + grouped * columns);
    for (size_t column = 0; column < columns && whole < in; column += SIDE) {
        const char *w[SIDE];
        const size_t place = column < columns - SIDE ? column : columns - SIDE;
        columns_at(weight, row_bytes, out, at, place, w);
        for (size_t row = 0; row < rows; row++)
            for (size_t i = column - place; i < SIDE; i++)
                for (size_t k = whole; k < in; k++)
                    y[row * columns + place + i] += widened(((const bfloat16 *)w[i])[k]) *
                                                    widened(((const bfloat16 *)(x + row * row_bytes))[k]);
    }
}

int tiles_serve(size_t rows, size_t in) {
    enum { TILED_ROWS = 5 }; /* for fewer, W is read faster than it is turned */
    return rows >= TILED_ROWS && in >= TILE_CHANNELS && tiles_allowed();
}

int tiles_allowed(void) {
    enum { UNKNOWN, ALLOWED, FORBIDDEN };
    static atomic_int answer;
    if (atomic_load(&answer) == UNKNOWN) atomic_store(&answer, tiled_linear_allowed() ? ALLOWED : FORBIDDEN);
    return atomic_load(&answer) == ALLOWED;
}
#else
void multiply_in_tiles(const void *weight, const char *x, size_t rows, size_t in, size_t out, Stretch at, float *y) {
    (void)weight, (void)x, (void)rows, (void)in, (void)out, (void)at, (void)y;
}

int tiles_serve(size_t rows, size_t in) { return (void)rows, (void)in, 0; }
#endif
