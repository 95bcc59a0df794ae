/* The kinds of numbers in which a weight may be stored, and the blocks of the quantised ones as a GGUF file has them
 * (ggml's block formats; `gguf.quants` of the package gguf describes them in Python).
 *
 * A quantised row is a sequence of blocks. A weight of a block is scale · q - offset · scale, scale · q + minimum, or for
 * the K-quants (blocks of 256) scale · s · q - minimum · m with small integers s and m for each 32, or 16, of its weights.
 */
#ifndef KINDS_H
#define KINDS_H
#include "numbers.h"

/* In the order of `KINDS` (kinds.py). */
enum Kind { FLOAT32, BFLOAT16, FLOAT16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K };

INLINE int is_quantised(enum Kind kind) { return kind >= Q8_0; }
INLINE int is_super(enum Kind kind) { return kind >= Q4_K; }

enum { SMALL = 32, SUPER = 256 };

/* The weights of a block, and its bytes. */
INLINE size_t block_weights(enum Kind kind) { return is_super(kind) ? SUPER : is_quantised(kind) ? SMALL : 1; }
INLINE size_t block_bytes(enum Kind kind) {
    static const uint8_t bytes[] = {4, 2, 2, 34, 18, 20, 22, 24, 144, 176, 210};
    return bytes[kind];
}
/* Bytes of a row of `in` weights as stored. */
INLINE size_t stored_row_bytes(enum Kind kind, size_t in) { return in / block_weights(kind) * block_bytes(kind); }

/* Where the parts of a block begin. `wide` and `least` are its float16 scale and minimum, `bits` the fifth bits, or the upper two of six. */
typedef struct {
    uint8_t wide, least, scales, bits, low;
} BlockPlaces;
INLINE BlockPlaces places_of(enum Kind kind) {
    static const BlockPlaces places[] = {
        [Q8_0] = {.low = 2},
        [Q4_0] = {.low = 2},
        [Q4_1] = {.least = 2, .low = 4},
        [Q5_0] = {.bits = 2, .low = 6},
        [Q5_1] = {.least = 2, .bits = 4, .low = 8},
        [Q4_K] = {.least = 2, .scales = 4, .low = 16},
        [Q5_K] = {.least = 2, .scales = 4, .bits = 16, .low = 48},
        [Q6_K] = {.wide = 208, .scales = 192, .bits = 128},
    };
    return places[kind];
}
INLINE int has_minimum(enum Kind kind) { return kind == Q4_1 || kind == Q5_1 || kind == Q4_K || kind == Q5_K; }
/* What is taken from each q. */
INLINE int offset_of(enum Kind kind) { return kind == Q4_0 ? 8 : kind == Q5_0 ? 16 : kind == Q6_K ? 32 : 0; }

INLINE float half_precision(uint16_t bits) {
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (exponent == 0) return (sign ? -1.0f : 1.0f) * fraction * 0x1p-24f;
    const uint32_t word = sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

/* A row of `in` weights as stored, as float32. */
void unpack_row(enum Kind kind, const char *stored, size_t in, float *to);
#endif
