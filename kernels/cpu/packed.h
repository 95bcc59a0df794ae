/* Quantised weights as the products read them: the blocks of SIDE rows of W side by side, with the very bits of the file.
 *
 * A word of 4 bytes holds q of four neighbouring channels (their lower 4 bits, twice, in most kinds). The words of SIDE
 * rows lie together, so that one load gives four channels of SIDE rows, and one instruction multiplies them with the same
 * four numbers of x and adds: a lane is a row of W, and no sum has to be taken across lanes. Scales lie apart from q.
 *
 * x meets such weights as integers of 15 bits, with a scale for each 32 of them: q = 128 · high + low, two products of
 * bytes. Where the memory's speed is the limit the second one costs nothing, and what is lost of x is far less than what
 * a float32 sum loses.
 */
#ifndef PACKED_H
#define PACKED_H
#include "stretch.h"

enum { WORD = 4 };

/* Where the parts of SIDE rows of W begin, and their bytes together. Every part begins at a cache line. */
typedef struct {
    size_t low, bits, scales, wide, least, bytes;
} Group;
INLINE Group group_of(enum Kind kind, size_t in) {
    const size_t blocks = in / block_weights(kind), weights = block_weights(kind);
    const size_t low = kind == Q8_0 ? weights : weights / 2;
    const size_t bits = kind == Q6_K ? 64 : kind == Q5_K ? 32 : kind == Q5_0 || kind == Q5_1 ? 4 : 0;
    const size_t scales = kind == Q6_K ? 16 : is_super(kind) ? 12 : 0;
    Group group;
    group.low = 0;
    group.bits = whole_lines(blocks * PACKED_SIDE * low);
    group.scales = group.bits + whole_lines(blocks * PACKED_SIDE * bits);
    group.wide = group.scales + whole_lines(blocks * PACKED_SIDE * scales);
    group.least = group.wide + whole_lines(blocks * PACKED_SIDE * sizeof(uint16_t));
    group.bytes = group.least + (has_minimum(kind) ? whole_lines(blocks * PACKED_SIDE * sizeof(uint16_t)) : 0);
    return group;
}
INLINE size_t packed_groups(size_t out) { return (out + PACKED_SIDE - 1) / PACKED_SIDE; }

/* A row of x that meets packed weights: `high` and `low` int8 [in], scales float32 [in / 32], sums of q int32 [in / 16]. */
typedef struct {
    const int8_t *high, *low;
    const float *scale;
    const int32_t *sum;
} MetRow;
INLINE size_t met_packed_bytes(size_t in) {
    return whole_lines(2 * in + in / SMALL * sizeof(float) + in / 16 * sizeof(int32_t));
}
INLINE MetRow met_row(const char *row, size_t in) {
    const char *scales = row + 2 * in;
    return (MetRow){(const int8_t *)row, (const int8_t *)row + in, (const float *)scales,
                    (const int32_t *)(scales + in / SMALL * sizeof(float))};
}
void meet_packed(const float *x, char *to, size_t in, int half);

/* As `multiply` (product.h), for packed weights: y [rows, end - begin], one run of columns. */
void multiply_packed(enum Kind kind, const char *weight, const char *x, size_t rows, size_t in, Stretch at, float *y);
/* The same on the tile unit, with the same bits. */
void multiply_packed_in_tiles(enum Kind kind, const char *weight, const char *x, size_t rows, size_t in, Stretch at,
                              float *y);
/* Whether that is faster for so many rows, on a unit that there is. */
int byte_tiles_serve(size_t rows);
#endif
