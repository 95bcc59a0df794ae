/* Sums of products of a few rows of W [out, in] with rows of x, as the products of a decode step need them.
 *
 * W lies as the checkpoint stores it, row after row. STREAMS of its rows are walked at once, each a stream of its own for
 * the processor's prefetcher, and meet up to ROWS rows of x before the next load. bfloat16 weights are widened in
 * registers, exactly: the upper half of a float32. A word holds two neighbours, so one load gives the even channels
 * (word << 16) and the odd ones (word & 0xffff0000), and x is laid out beforehand to meet them: [in / BLOCK][even, odd]
 * [LANES]. Where the processor multiplies pairs of bfloat16 itself (AVX-512 BF16), bfloat16 activations meet them as
 * they are. float16 weights are widened as well. Sums are float32. Channels beyond the last whole block are added one by
 * one. Quantised weights lie otherwise, and have products of their own (packed.h).
 *
 * A sum's order depends only on `in`, and on whether there are rows enough for the tile unit (`tiles_serve`): not
 * otherwise on the rows beside it, nor on threads.
 */
#ifndef PRODUCT_H
#define PRODUCT_H
#include "packed.h"
#include "stretch.h"
#include "vectors.h"
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

/* Half as many registers leave room for half as many sums. */
enum { ROWS = LANES == 16 ? 4 : 2, BLOCK = 2 * LANES, AHEAD_BYTES = 1024 };

typedef uint32_t Words __attribute__((vector_size(4 * LANES)));
typedef float Four __attribute__((vector_size(16)));

INLINE Words load_words(const void *from) {
    Words words;
    memcpy(&words, from, sizeof words);
    return words;
}

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLED_FOUR(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int32_t FourPlaces __attribute__((vector_size(16)));
#define SHUFFLED_FOUR(a, b, ...) __builtin_shuffle(a, b, (FourPlaces){__VA_ARGS__})
#endif

/* The sums of each fourth number. */
INLINE Four quarter_sums(Vector v) {
    Four part[LANES / 4], sum = {0};
    memcpy(part, &v, sizeof part);
    if (LANES == 16) return (part[0] + part[2]) + (part[1] + part[3]);
    for (int i = 0; i < LANES / 4; i++) sum += part[i];
    return sum;
}

/* The sums of four vectors at once. */
INLINE Four sums(const Vector v[STREAMS]) {
    const Four a = quarter_sums(v[0]), b = quarter_sums(v[1]), c = quarter_sums(v[2]), d = quarter_sums(v[3]);
    const Four ab = SHUFFLED_FOUR(a, b, 0, 4, 1, 5) + SHUFFLED_FOUR(a, b, 2, 6, 3, 7);
    const Four cd = SHUFFLED_FOUR(c, d, 0, 4, 1, 5) + SHUFFLED_FOUR(c, d, 2, 6, 3, 7);
    return SHUFFLED_FOUR(ab, cd, 0, 1, 4, 5) + SHUFFLED_FOUR(ab, cd, 2, 3, 6, 7);
}

/* What x is when it meets W: float32 in order; float32 spread, even channels of each block before its odd ones; whole
 * numbers (packed.h); or bfloat16 in order, TILED where it is multiplied in tiles (tiled_product.c). */
typedef enum { PLAIN, SPREAD, PACKED, PAIRED, TILED } Meeting;

INLINE Meeting meeting_of(enum Kind kind, int half_activations) {
    if (is_quantised(kind)) return PACKED;
    if (kind != BFLOAT16) return PLAIN;
#ifdef __AVX512BF16__
    if (half_activations) return PAIRED;
#else
    (void)half_activations;
#endif
    return SPREAD;
}

/* Bytes of a row of x as it meets W. */
INLINE size_t met_bytes(Meeting meeting, size_t in) {
    return meeting == PACKED ? met_packed_bytes(in) : in * (meeting >= PAIRED ? sizeof(bfloat16) : sizeof(float));
}

/* A row of x float32 [in] as it meets W. With `half` it is rounded to bfloat16 first. */
INLINE void meet(const float *x, char *to, size_t in, Meeting meeting, int half) {
    const size_t whole = meeting == SPREAD ? in / BLOCK * BLOCK : 0;
    if (meeting == PACKED) {
        meet_packed(x, to, in, half);
        return;
    }
    if (meeting >= PAIRED) {
        for (size_t i = 0; i < in; i++) put_bfloat16((bfloat16 *)to, i, x[i]);
        return;
    }
    float *as = (float *)to;
    for (size_t at = 0; at < whole; at += BLOCK)
        for (size_t i = 0; i < LANES; i++) {
            const float even = x[at + 2 * i], odd = x[at + 2 * i + 1];
            as[at + i] = half ? widened(rounded(even)) : even;
            as[at + LANES + i] = half ? widened(rounded(odd)) : odd;
        }
    for (size_t i = whole; i < in; i++) as[i] = half ? widened(rounded(x[i])) : x[i];
}

/* y [rows, runs, end - begin] = x [rows, in] · Wᵀ for a stretch of W [out, in], sums in float32. */
void multiply(const void *weight, enum Kind kind, const char *x, Meeting meeting, size_t rows, size_t in, size_t out,
              Stretch at, float *y);

/* The same on the tile unit, for bfloat16 and at least TILED_COLUMNS columns in a stretch. */
enum { TILED_COLUMNS = 16 };
void multiply_in_tiles(const void *weight, const char *x, size_t rows, size_t in, size_t out, Stretch at, float *y);
/* Whether so many rows that would meet W as PAIRED are multiplied faster as TILED, by a unit that there is. */
int tiles_serve(size_t rows, size_t in);
#endif
