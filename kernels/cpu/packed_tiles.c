/* Products of many rows of x with packed weights (packed.h) on the tile unit.
 *
 * A tile of x is 16 of its rows by the 32 channels of a block, read where they lie; one of W is the block's words of 16 rows
 * of W, unpacked once for all rows of x that are at hand. The unit's sums are whole numbers, so they are those of
 * packed_product.c, and scales are applied in the same order: a row's result is the same either way.
 */
#include "packed_lanes.h"
#include "tiles.h"

#ifdef BYTE_TILES
enum { BATCH = 64 };

/* 32 channels of 16 rows of W: words of four channels, and what their sums are multiplied by: one scale, or of Q6_K one for
 * each 16 channels. */
typedef struct {
    Quads q[8];
    Sixteen scale[2], minimum;
} Block;

INLINE void unpack_small(const enum Kind kind, const char *group, const Group *at, size_t block, Block *to) {
    const int vectors = kind == Q8_0 ? 8 : 4;
    Quads bits = {0};
    if (kind == Q5_0 || kind == Q5_1) bits = load_quads(group + at->bits + block * sizeof bits);
    for (int i = 0; i < vectors; i++) {
        const char *from = group + at->low + (block * vectors + i) * sizeof(Quads);
        __builtin_prefetch(from + AHEAD);
        const Quads q = load_quads(from);
        if (kind == Q8_0) {
            to->q[i] = q;
            continue;
        }
        to->q[i] = q & NIBBLES;
        to->q[i + 4] = q >> 4 & NIBBLES;
        if (kind == Q5_0 || kind == Q5_1) {
            to->q[i] |= bits << (4 - i) & FIFTH;
            to->q[i + 4] |= bits >> i & FIFTH;
        }
    }
    to->scale[0] = halves_of(group + at->wide, block);
    if (has_minimum(kind)) to->minimum = halves_of(group + at->least, block);
}

INLINE void unpack_super(const enum Kind kind, const char *group, const Group *at, size_t small, const SmallScales scales,
                         Block *to) {
    const size_t block = small / 8;
    const int s = (int)(small % 8);
    for (int i = 0; i < 8; i++) {
        const char *from = group + at->low + ((block * 4 + s / 2) * 8 + i) * sizeof(Quads);
        __builtin_prefetch(from + AHEAD);
        Quads q = load_quads(from) >> s % 2 * 4 & NIBBLES;
        if (kind == Q5_K)
            q |= (load_quads(group + at->bits + (block * 8 + i) * sizeof(Quads)) >> s & 0x01010101u) << 4;
        to->q[i] = q;
    }
    to->scale[0] = halves_of(group + at->wide, block) * load_bytes((const char *)scales[0][s], 0);
    to->minimum = -halves_of(group + at->least, block) * load_bytes((const char *)scales[1][s], 0);
}

INLINE void unpack_six_bits(const char *group, const Group *at, size_t small, Block *to) {
    const size_t block = small / 8, half = small % 8 / 4, run = small % 4;
    const Sixteen wide = halves_of(group + at->wide, block);
    for (size_t i = 0; i < 8; i++) {
        const char *from = group + at->low + (block * 32 + half * 16 + run % 2 * 8 + i) * sizeof(Quads);
        __builtin_prefetch(from + AHEAD);
        const Quads bits = load_quads(group + at->bits + (block * 16 + half * 8 + i) * sizeof(Quads));
        to->q[i] = (load_quads(from) >> run / 2 * 4 & NIBBLES) | (bits >> 2 * run & 0x03030303u) << 4;
    }
    for (int part = 0; part < 2; part++)
        to->scale[part] = wide * load_bytes(group + at->scales + (block * 16 + small % 8 * 2 + part) * PACKED_SIDE, 1);
}

/* Begin to use the tiles, for `rows` rows of x and so many channels at once: 0 to 3 hold sums, 4 and 5 x, 6 words of W. */
static void shape_tiles(size_t rows, size_t channels) {
    TileShapes shapes = {.palette = 1};
    for (int t = 0; t < 8; t++) shapes.row_bytes[t] = 64, shapes.rows[t] = (uint8_t)rows;
    shapes.row_bytes[4] = shapes.row_bytes[5] = (uint16_t)channels;
    shapes.rows[6] = (uint8_t)(channels / WORD);
    load_shapes(shapes);
}

/* Rows of x that meet a block together: two groups of up to SIDE, so that the unit works on one while the other's sums are
 * added. */
typedef struct {
    const char *x;
    size_t x_bytes, in, rows;
    Sixteen *y;
} Rows;

/* The products with `q` of the channels from `at` on of both groups, or of the first, as sums of each half of x's numbers. */
INLINE void sum_tiles(const Rows *of, const Quads *q, size_t at, const int two, Sums high[2 * SIDE], Sums low[2 * SIDE]) {
    const char *from = of->x + at, *next = from + SIDE * of->x_bytes;
    __asm__ volatile("" ::"r"(q) : "memory"); /* compilers do not see that a tile is read from it */
    _tile_loadd(6, q, sizeof *q);
    _tile_zero(0);
    _tile_zero(1);
    _tile_loadd(4, from, of->x_bytes);
    _tile_loadd(5, from + of->in, of->x_bytes);
    _tile_dpbsud(0, 4, 6);
    _tile_dpbsud(1, 5, 6);
    if (two) {
        _tile_zero(2);
        _tile_zero(3);
        _tile_loadd(4, next, of->x_bytes);
        _tile_loadd(5, next + of->in, of->x_bytes);
        _tile_dpbsud(2, 4, 6);
        _tile_dpbsud(3, 5, 6);
    }
    _tile_stored(0, high, sizeof *high);
    _tile_stored(1, low, sizeof *low);
    if (two) {
        _tile_stored(2, high + SIDE, sizeof *high);
        _tile_stored(3, low + SIDE, sizeof *low);
    }
    __asm__ volatile("" ::"r"(high), "r"(low) : "memory");
}

/* The rows meet part `part` of a block of 32 channels, which is all of it but in Q6_K. */
INLINE void multiply_part(const enum Kind kind, const Rows *of, const Block *block, size_t small, int part) {
    const int span = kind == Q6_K ? 16 : SMALL, offset = kind == Q8_0 ? 128 : offset_of(kind);
    Sums high[2 * SIDE], low[2 * SIDE];
    const Quads *q = block->q + part * span / WORD;
    const size_t at = small * SMALL + part * span;
    if (of->rows > SIDE) sum_tiles(of, q, at, 1, high, low);
    else sum_tiles(of, q, at, 0, high, low);
    for (size_t r = 0; r < of->rows; r++) {
        const MetRow met = met_row(of->x + r * of->x_bytes, of->in);
        const int32_t sum = span == SMALL ? met.sum[2 * small] + met.sum[2 * small + 1] : met.sum[2 * small + part];
        const Sums low_half = offset ? low[r] - all_sums(offset * sum) : low[r];
        Sixteen y = with_block(of->y[r], high[r], low_half, block->scale[part], met.scale[small]);
        of->y[r] = has_minimum(kind) ? with_minimum(y, block->minimum, met.scale[small], sum) : y;
    }
}

/* All blocks of one group of W; of Q6_K in the order of packed_product.c. */
INLINE void multiply_group(const enum Kind kind, const char *group, const Group *at, const Rows *tiles, size_t count,
                           size_t in) {
    if (kind == Q6_K) {
        for (size_t small = 0; small < in / SMALL; small += small % 2 ? 3 : 1) { /* runs 0 and 2, then 1 and 3 */
            Block block[2];
            unpack_six_bits(group, at, small, block);
            unpack_six_bits(group, at, small + 2, block + 1);
            for (size_t i = 0; i < count; i++)
                for (int part = 0; part < 2; part++) {
                    multiply_part(kind, tiles + i, block, small, part);
                    multiply_part(kind, tiles + i, block + 1, small + 2, part);
                }
        }
        return;
    }
    SmallScales scales;
    for (size_t small = 0; small < in / SMALL; small++) {
        Block block;
        if (is_super(kind)) {
            if (small % 8 == 0) small_scales(group + at->scales + small / 8 * 12 * PACKED_SIDE, scales);
            unpack_super(kind, group, at, small, scales, &block);
        } else unpack_small(kind, group, at, small, &block);
        for (size_t i = 0; i < count; i++) multiply_part(kind, tiles + i, &block, small, 0);
    }
}

/* `rows` rows of x, of which the groups that meet W at once have `side` each. */
INLINE void multiply_rows(const enum Kind kind, const char *weight, const char *x, size_t rows, size_t side, size_t in,
                          Stretch at, float *y) {
    const Group group = group_of(kind, in);
    const size_t columns = at.end - at.begin, x_bytes = met_packed_bytes(in);
    shape_tiles(side, kind == Q6_K ? 16 : SMALL);
    for (size_t batch = 0; batch < rows; batch += BATCH) {
        const size_t some = rows - batch < BATCH ? rows - batch : BATCH;
        for (size_t column = 0; column < columns; column += PACKED_SIDE) {
            const char *from = weight + (at.first + at.begin + column) / PACKED_SIDE * group.bytes;
            Sixteen sums[BATCH];
            Rows tiles[BATCH / SIDE];
            size_t count = 0;
            for (size_t r = 0; r < some; r++) sums[r] = (Sixteen){0};
            for (size_t row = 0; row < some; row += 2 * side, count++)
                tiles[count] = (Rows){x + (batch + row) * x_bytes, x_bytes, in,
                                      some - row < 2 * side ? some - row : 2 * side, sums + row};
            multiply_group(kind, from, &group, tiles, count, in);
            for (size_t r = 0; r < some; r++)
                memcpy(y + (batch + r) * columns + column, sums + r, sizeof *sums);
        }
    }
    _tile_release();
}

INLINE void multiply_kind(const enum Kind kind, const char *weight, const char *x, size_t rows, size_t in, Stretch at,
                          float *y) {
    const size_t grouped = rows / SIDE * SIDE, left = rows - grouped, columns = at.end - at.begin;
    if (grouped) multiply_rows(kind, weight, x, grouped, SIDE, in, at, y);
    if (left) multiply_rows(kind, weight, x + grouped * met_packed_bytes(in), left, left, in, at, y + grouped * columns);
}

void multiply_packed_in_tiles(enum Kind kind, const char *weight, const char *x, size_t rows, size_t in, Stretch at,
                              float *y) {
    BY_KIND(multiply_kind, kind, weight, x, rows, in, at, y)
}

int byte_tiles_serve(size_t rows) {
    enum { TILED_ROWS = 6 };
    return rows >= TILED_ROWS && tiles_allowed();
}
#else
void multiply_packed_in_tiles(enum Kind kind, const char *weight, const char *x, size_t rows, size_t in, Stretch at,
                              float *y) {
    (void)kind, (void)weight, (void)x, (void)rows, (void)in, (void)at, (void)y;
}

int byte_tiles_serve(size_t rows) { return (void)rows, 0; }
#endif
