#include "product.h"
#if defined(__F16C__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

/* The loops below are copied for each number of rows, so that the compiler keeps every sum in a register. */
INLINE void dot_plain(const char *const w[STREAMS], const float *x, size_t in, int rows, Four y[ROWS]) {
    Vector total[ROWS][STREAMS] = {0};
    const size_t whole = in / LANES * LANES;
    for (size_t k = 0; k < whole; k += LANES) {
        for (int s = 0; s < STREAMS; s++) {
            const char *at = w[s] + k * sizeof(float);
            __builtin_prefetch(at + AHEAD_BYTES);
            const Vector weight = load((const float *)at);
            for (int r = 0; r < rows; r++) total[r][s] += weight * load(x + r * in + k);
        }
    }
    for (int r = 0; r < rows; r++) y[r] = sums(total[r]);
    for (size_t k = whole; k < in; k++)
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < STREAMS; s++) y[r][s] += ((const float *)w[s])[k] * x[r * in + k];
}

/* LANES float16. */
INLINE Vector load_float16(const char *from) {
#if defined(__AVX512F__) || (LANES == 8 && defined(__F16C__))
    Halves halves;
    memcpy(&halves, from, sizeof halves);
#if defined(__AVX512F__)
    return (Vector)_mm512_cvtph_ps((__m256i)halves);
#else
    return (Vector)_mm256_cvtph_ps((__m128i)halves);
#endif
#else
    Vector wide = {0};
    for (int i = 0; i < LANES; i++) {
        uint16_t bits;
        memcpy(&bits, from + i * sizeof bits, sizeof bits);
        wide[i] = half_precision(bits);
    }
    return wide;
#endif
}

INLINE void dot_float16(const char *const w[STREAMS], const float *x, size_t in, int rows, Four y[ROWS]) {
    Vector total[ROWS][STREAMS] = {0};
    const size_t whole = in / LANES * LANES;
    for (size_t k = 0; k < whole; k += LANES) {
        for (int s = 0; s < STREAMS; s++) {
            const char *at = w[s] + k * sizeof(uint16_t);
            __builtin_prefetch(at + AHEAD_BYTES);
            const Vector weight = load_float16(at);
            for (int r = 0; r < rows; r++) total[r][s] += weight * load(x + r * in + k);
        }
    }
    for (int r = 0; r < rows; r++) y[r] = sums(total[r]);
    for (size_t k = whole; k < in; k++)
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < STREAMS; s++)
                y[r][s] += half_precision(((const uint16_t *)w[s])[k]) * x[r * in + k];
}

INLINE void dot_spread(const char *const w[STREAMS], const float *x, size_t in, int rows, Four y[ROWS]) {
    Vector total[ROWS][STREAMS] = {0};
    const size_t whole = in / BLOCK * BLOCK;
    for (size_t k = 0; k < whole; k += BLOCK) {
        for (int s = 0; s < STREAMS; s++) {
            const char *at = w[s] + k * sizeof(bfloat16);
            __builtin_prefetch(at + AHEAD_BYTES);
            const Words pairs = load_words(at);
            const Vector even = (Vector)(pairs << 16), odd = (Vector)(pairs & 0xffff0000u);
            for (int r = 0; r < rows; r++) {
                total[r][s] += even * load(x + r * in + k);
                total[r][s] += odd * load(x + r * in + k + LANES);
            }
        }
    }
    for (int r = 0; r < rows; r++) y[r] = sums(total[r]);
    for (size_t k = whole; k < in; k++)
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < STREAMS; s++) y[r][s] += widened(((const bfloat16 *)w[s])[k]) * x[r * in + k];
}

#ifdef __AVX512BF16__
INLINE void dot_paired(const char *const w[STREAMS], const bfloat16 *x, size_t in, int rows, Four y[ROWS]) {
    Vector total[ROWS][STREAMS] = {0};
    const size_t whole = in / BLOCK * BLOCK;
    for (size_t k = 0; k < whole; k += BLOCK) {
        for (int s = 0; s < STREAMS; s++) {
            const char *at = w[s] + k * sizeof(bfloat16);
            __builtin_prefetch(at + AHEAD_BYTES);
            const __m512bh weight = (__m512bh)load_words(at);
            for (int r = 0; r < rows; r++)
                total[r][s] = (Vector)_mm512_dpbf16_ps((__m512)total[r][s], weight, (__m512bh)load_words(x + r * in + k));
        }
    }
    for (int r = 0; r < rows; r++) y[r] = sums(total[r]);
    for (size_t k = whole; k < in; k++)
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < STREAMS; s++) y[r][s] += widened(((const bfloat16 *)w[s])[k]) * widened(x[r * in + k]);
}
#endif

#define WITH_ROWS(DOT, X)                                                                                              \
    if (left >= ROWS) DOT(w, X, in, ROWS, sum);                                                                        \
    else if (left == 1) DOT(w, X, in, 1, sum);                                                                         \
    else if (left == 2) DOT(w, X, in, ROWS < 2 ? ROWS : 2, sum);                                                       \
    else DOT(w, X, in, ROWS < 3 ? ROWS : 3, sum);

void multiply(const void *weight, enum Kind kind, const char *x, Meeting meeting, size_t rows, size_t in, size_t out,
              Stretch at, float *y) {
    enum { BATCH = 32 }; /* of many rows, so many at a time meet the stretch: both stay in the nearest caches */
    const size_t row_bytes = stored_row_bytes(kind, in), x_bytes = met_bytes(meeting, in), length = at.end - at.begin;
    if (meeting == PACKED) {
        multiply_packed(kind, weight, x, rows, in, at, y);
        return;
    }
    if (meeting == TILED && STREAMS * length >= TILED_COLUMNS) {
        multiply_in_tiles(weight, x, rows, in, out, at, y);
        return;
    }
    for (size_t batch = 0; batch < rows; batch += BATCH)
        for (size_t group = at.begin; group < at.end; group++) {
            const size_t end = rows - batch < BATCH ? rows : batch + BATCH;
            const char *w[STREAMS];
            for (int s = 0; s < STREAMS; s++) {
                const size_t column = at.first + s * at.apart + group;
                w[s] = (const char *)weight + (column < out ? column : out - 1) * row_bytes;
            }
            for (size_t row = batch; row < end; row += ROWS) {
                Four sum[ROWS];
                const size_t left = end - row;
                const char *from = x + row * x_bytes;
                if (kind == FLOAT16) {
                    WITH_ROWS(dot_float16, (const float *)from)
                } else if (meeting == PLAIN) {
                    WITH_ROWS(dot_plain, (const float *)from)
#ifdef __AVX512BF16__
                } else if (meeting >= PAIRED) {
                    WITH_ROWS(dot_paired, (const bfloat16 *)from)
#endif
                } else {
                    WITH_ROWS(dot_spread, (const float *)from)
                }
                for (size_t r = 0; r < (left < ROWS ? left : ROWS); r++)
                    for (int s = 0; s < STREAMS; s++)
                        y[((row + r) * STREAMS + s) * length + group - at.begin] = sum[r][s];
            }
        }
}
