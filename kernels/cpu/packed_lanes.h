/* Sixteen lanes, one for each row of W of a packed weight (packed.h), and what both ways to multiply it have in common:
 * how its numbers are read and how a block's sums are added, so that both give the same bits. */
#ifndef PACKED_LANES_H
#define PACKED_LANES_H
#include "packed.h"
#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

/* Compilers cut them where registers are narrower, and warn of an interface that they have no part in. */
#pragma GCC diagnostic ignored "-Wpsabi"
typedef uint32_t Quads __attribute__((vector_size(64)));
typedef int32_t Sums __attribute__((vector_size(64)));
typedef float Sixteen __attribute__((vector_size(64)));

INLINE Quads load_quads(const char *from) {
    Quads quads;
    memcpy(&quads, from, sizeof quads);
    return quads;
}
INLINE Sums all_sums(int32_t value) { return (Sums){0} + value; }

INLINE Sixteen as_floats(Sums sums) { return __builtin_convertvector(sums, Sixteen); }

/* Sixteen float16. */
INLINE Sixteen load_halves(const char *from) {
#if defined(__AVX512F__)
    __m256i halves;
    memcpy(&halves, from, sizeof halves);
    return (Sixteen)_mm512_cvtph_ps(halves);
#elif defined(__F16C__)
    Sixteen wide = {0};
    __m128i halves[2];
    memcpy(halves, from, sizeof halves);
    const __m256 both[2] = {_mm256_cvtph_ps(halves[0]), _mm256_cvtph_ps(halves[1])};
    memcpy(&wide, both, sizeof wide);
    return wide;
#else
    Sixteen wide = {0};
    for (int i = 0; i < PACKED_SIDE; i++) {
        uint16_t bits;
        memcpy(&bits, from + i * sizeof bits, sizeof bits);
        wide[i] = half_precision(bits);
    }
    return wide;
#endif
}

/* Sixteen bytes as float32. */
INLINE Sixteen load_bytes(const char *from, int is_signed) {
#if defined(__AVX512F__)
    __m128i bytes;
    memcpy(&bytes, from, sizeof bytes);
    return (Sixteen)_mm512_cvtepi32_ps(is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes));
#else
    Sums wide = {0};
    for (int i = 0; i < PACKED_SIDE; i++) wide[i] = is_signed ? (int8_t)from[i] : (uint8_t)from[i];
    return as_floats(wide);
#endif
}

enum { NIBBLES = 0x0f0f0f0f, FIFTH = 0x10101010, AHEAD = 2048 };

/* y + the products of a block, of which `high` and `low` are the sums of both halves of x's numbers. */
INLINE Sixteen with_block(Sixteen y, Sums high, Sums low, Sixteen scale, float of_x) {
    return y + as_floats((high << 7) + low) * (scale * of_x);
}

/* y + a minimum of W times a block's sum of x. */
INLINE Sixteen with_minimum(Sixteen y, Sixteen minimum, float of_x, int32_t sum) {
    return y + minimum * (of_x * (float)sum);
}

INLINE Sixteen halves_of(const char *from, size_t block) {
    return load_halves(from + block * PACKED_SIDE * sizeof(uint16_t));
}

/* The 6-bit scales and minima of eight sub-blocks of SIDE rows, as they are packed in 12 bytes. */
typedef uint8_t SmallScales[2][8][PACKED_SIDE];
INLINE void small_scales(const char *packed, SmallScales to) {
    const uint8_t *q = (const uint8_t *)packed;
    for (int s = 0; s < 4; s++)
        for (int row = 0; row < PACKED_SIDE; row++) {
            const uint8_t a = q[s * PACKED_SIDE + row], b = q[(s + 4) * PACKED_SIDE + row];
            const uint8_t c = q[(s + 8) * PACKED_SIDE + row];
            to[0][s][row] = a & 63;
            to[1][s][row] = b & 63;
            to[0][s + 4][row] = (uint8_t)((c & 15) | a >> 6 << 4);
            to[1][s + 4][row] = (uint8_t)(c >> 4 | b >> 6 << 4);
        }
}

/* FUNCTION(kind, ...) with the kind as a constant, so that each kind has loops of its own. */
#define BY_KIND(FUNCTION, kind, ...)                                                                                   \
    switch (kind) {                                                                                                    \
        case Q8_0: FUNCTION(Q8_0, __VA_ARGS__); break;                                                                 \
        case Q4_0: FUNCTION(Q4_0, __VA_ARGS__); break;                                                                 \
        case Q4_1: FUNCTION(Q4_1, __VA_ARGS__); break;                                                                 \
        case Q5_0: FUNCTION(Q5_0, __VA_ARGS__); break;                                                                 \
        case Q5_1: FUNCTION(Q5_1, __VA_ARGS__); break;                                                                 \
        case Q4_K: FUNCTION(Q4_K, __VA_ARGS__); break;                                                                 \
        case Q5_K: FUNCTION(Q5_K, __VA_ARGS__); break;                                                                 \
        case Q6_K: FUNCTION(Q6_K, __VA_ARGS__); break;                                                                 \
        default: break;                                                                                                \
    }
#endif
