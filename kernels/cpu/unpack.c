/* Weights as float32, from any kind and as the file stores them: for rows of an embedding, and for devices that have no
 * kernel for a kind. This is the plain reading of the formats, one weight after another.
 */
#include "crew.h"
#include "kinds.h"

INLINE float half_at(const uint8_t *block, size_t at) {
    uint16_t bits;
    memcpy(&bits, block + at, sizeof bits);
    return half_precision(bits);
}

/* The 6-bit scale and minimum of sub-block s of a K-quant. */
INLINE int small_scale(const uint8_t *q, int s) { return s < 4 ? q[s] & 63 : (q[s + 4] & 15) | q[s - 4] >> 6 << 4; }
INLINE int small_minimum(const uint8_t *q, int s) { return s < 4 ? q[s + 4] & 63 : q[s + 4] >> 4 | q[s] >> 6 << 4; }

static void unpack_block(enum Kind kind, const uint8_t *block, float *to) {
    const BlockPlaces at = places_of(kind);
    const uint8_t *low = block + at.low, *bits = block + at.bits, *scales = block + at.scales;
    const float wide = half_at(block, at.wide), least = has_minimum(kind) ? half_at(block, at.least) : 0;
    uint32_t fifth = 0;
    if (kind == Q5_0 || kind == Q5_1) memcpy(&fifth, bits, sizeof fifth);
    for (int i = 0; i < (int)block_weights(kind); i++) {
        if (kind == Q8_0) to[i] = wide * (int8_t)low[i];
        else if (!is_super(kind)) {
            const int q = (low[i % 16] >> i / 16 * 4 & 15) | (fifth >> i & 1) << 4;
            to[i] = wide * (q - offset_of(kind)) + least;
        } else if (kind == Q6_K) {
            const int half = i / 128, quarter = i % 128 / 32, l = i % 32;
            const int q = (low[64 * half + 32 * (quarter & 1) + l] >> quarter / 2 * 4 & 15) |
                          (bits[32 * half + l] >> 2 * quarter & 3) << 4;
            to[i] = wide * (int8_t)scales[i / 16] * (q - offset_of(kind));
        } else {
            const int s = i / 32, high = kind == Q5_K ? bits[i % 32] >> s & 1 : 0;
            const int q = (low[s / 2 * 32 + i % 32] >> s % 2 * 4 & 15) | high << 4;
            to[i] = wide * small_scale(scales, s) * q - least * small_minimum(scales, s);
        }
    }
}

void unpack_row(enum Kind kind, const char *stored, size_t in, float *to) {
    if (kind == FLOAT32) memcpy(to, stored, in * sizeof *to);
    else if (kind == BFLOAT16)
        for (size_t i = 0; i < in; i++) to[i] = widened(((const bfloat16 *)stored)[i]);
    else if (kind == FLOAT16)
        for (size_t i = 0; i < in; i++) to[i] = half_precision(((const uint16_t *)stored)[i]);
    else
        for (size_t i = 0; i < in; i += block_weights(kind), stored += block_bytes(kind))
            unpack_block(kind, (const uint8_t *)stored, to + i);
}

typedef struct {
    const char *stored;
    float *to;
    size_t rows, in, kind;
} Unpacking;

enum { UNPACKED_ROWS = 16 };

static void commit(const void *work, size_t chunk, const char *own) {
    const Unpacking *of = work;
    const size_t first = chunk * UNPACKED_ROWS, end = first + UNPACKED_ROWS < of->rows ? first + UNPACKED_ROWS : of->rows;
    memcpy(of->to + first * of->in, own, (end - first) * of->in * sizeof(float));
}

static void compute(const void *work, size_t chunk, char *own) {
    const Unpacking *of = work;
    for (size_t row = chunk * UNPACKED_ROWS, i = 0; row < of->rows && i < UNPACKED_ROWS; row++, i++)
        unpack_row((enum Kind)of->kind, of->stored + row * stored_row_bytes((enum Kind)of->kind, of->in), of->in,
                   (float *)own + i * of->in);
}

/* `rows` rows of `in` weights; returns -1 where there is no memory. */
int unpacked(const char *stored, float *to, size_t rows, size_t in, size_t kind, int threads) {
    const Unpacking work = {stored, to, rows, in, kind};
    const Operation operation = {.compute = compute, .commit = commit, .work = &work,
                                 .chunks = (rows + UNPACKED_ROWS - 1) / UNPACKED_ROWS,
                                 .patience_ns = patience_of(100 * UNPACKED_ROWS * in)};
    return crew_run_between(&operation, 1, UNPACKED_ROWS * in * sizeof(float), threads);
}
