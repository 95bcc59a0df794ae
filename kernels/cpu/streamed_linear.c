/* y = x Wᵀ (+ bias) (+ residual) for the few rows of a decode step, at the speed at which W can be read.
 *
 * W [out, in] lies as the checkpoint stores it, row after row. Each thread walks four rows at once, each far enough from
 * the others to be a stream of its own for the processor's prefetcher, and multiplies what it loads with up to ROWS rows
 * of x before the next load: W crosses the memory bus once, whatever the number of rows.
 *
 * bfloat16 weights are widened in registers, exactly: the upper half of a float32. A word holds two neighbours, so one
 * load gives the even channels (word << 16) and the odd ones (word & 0xffff0000), and x is laid out beforehand as
 * [in / BLOCK][even, odd][LANES] to meet them. Sums are float32; each result is rounded once.
 *
 * Where the processor multiplies pairs of bfloat16 itself (AVX-512 BF16), bfloat16 activations meet them as they are.
 *
 * Every row of y is summed in the same order, whatever rows stand beside it and however many threads run.
 */
#include "numbers.h"
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

#ifdef __AVX512F__
enum { LANES = 16, ROWS = 4 };
#elif defined(__AVX2__)
enum { LANES = 8, ROWS = 2 }; /* half the registers, half as wide */
#else
#error "written for x86 with AVX2 or AVX-512"
#endif
enum { STREAMS = 4, BLOCK = 2 * LANES, AHEAD_BYTES = 1024 };

typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * LANES)));
typedef float Eight __attribute__((vector_size(32)));
typedef float Four __attribute__((vector_size(16)));

INLINE Vector load(const void *from) {
    Vector vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

INLINE Four quarter_sums(Vector v) {
#ifdef __AVX512F__
    Eight half = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                 __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
#else
    Eight half = v;
#endif
    return __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
}

/* The sums of four vectors at once. */
INLINE Four sums(const Vector v[STREAMS]) {
    Four a = quarter_sums(v[0]), b = quarter_sums(v[1]), c = quarter_sums(v[2]), d = quarter_sums(v[3]);
    Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    Four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

INLINE void dot_float32_float32(const char *const w[STREAMS], const float *x, size_t in, int rows, Four y[ROWS]) {
    Vector total[ROWS][STREAMS] = {0};
    for (size_t k = 0; k < in; k += LANES) {
        for (int s = 0; s < STREAMS; s++) {
            const char *at = w[s] + k * sizeof(float);
            __builtin_prefetch(at + AHEAD_BYTES);
            Vector weight = load(at);
            for (int r = 0; r < rows; r++) total[r][s] += weight * load(x + r * in + k);
        }
    }
    for (int r = 0; r < rows; r++) y[r] = sums(total[r]);
}

INLINE void dot_bfloat16_float32(const char *const w[STREAMS], const float *x, size_t in, int rows, Four y[ROWS]) {
    Vector total[ROWS][STREAMS] = {0};
    for (size_t k = 0; k < in; k += BLOCK) {
        for (int s = 0; s < STREAMS; s++) {
            const char *at = w[s] + k * sizeof(bfloat16);
            __builtin_prefetch(at + AHEAD_BYTES);
            Words pairs = (Words)load(at);
            Vector even = (Vector)(pairs << 16), odd = (Vector)(pairs & 0xffff0000u);
            for (int r = 0; r < rows; r++) {
                total[r][s] += even * load(x + r * in + k);
                total[r][s] += odd * load(x + r * in + k + LANES);
            }
        }
    }
    for (int r = 0; r < rows; r++) y[r] = sums(total[r]);
}

#ifdef __AVX512BF16__
typedef bfloat16 Meeting; /* what bfloat16 activations are when they meet the weights */
INLINE void dot_bfloat16_bfloat16(const char *const w[STREAMS], const Meeting *x, size_t in, int rows, Four y[ROWS]) {
    Vector total[ROWS][STREAMS] = {0};
    for (size_t k = 0; k < in; k += BLOCK) {
        for (int s = 0; s < STREAMS; s++) {
            const char *at = w[s] + k * sizeof(bfloat16);
            __builtin_prefetch(at + AHEAD_BYTES);
            const __m512bh weight = (__m512bh)load(at);
            for (int r = 0; r < rows; r++)
                total[r][s] = (Vector)_mm512_dpbf16_ps((__m512)total[r][s], weight, (__m512bh)load(x + r * in + k));
        }
    }
    for (int r = 0; r < rows; r++) y[r] = sums(total[r]);
}
#else
typedef float Meeting;
#define dot_bfloat16_bfloat16 dot_bfloat16_float32
#endif

/* x [rows, in] as float32, even channels of each block before its odd ones. */
#define DEFINE_SPREAD(ACTIVATION)                                                                                      \
    static void spread_##ACTIVATION(const ACTIVATION *x, float *to, size_t count) {                                    \
        for (size_t at = 0; at < count; at += BLOCK)                                                                   \
            for (size_t i = 0; i < LANES; i++) {                                                                       \
                to[at + i] = get_##ACTIVATION(x, at + 2 * i);                                                          \
                to[at + LANES + i] = get_##ACTIVATION(x, at + 2 * i + 1);                                              \
            }                                                                                                          \
    }
DEFINE_SPREAD(float32)
#ifndef __AVX512BF16__
DEFINE_SPREAD(bfloat16)
#endif

/* `rows` may be any number; each group of up to ROWS is a loop of its own that the compiler unrolls. */
#define DEFINE_MULTIPLY(WEIGHT, ACTIVATION, MEETING)                                                                   \
    static void multiply_##WEIGHT##_##ACTIVATION(                                                                      \
        const WEIGHT *weight, const MEETING *x, const ACTIVATION *bias, const ACTIVATION *residual, ACTIVATION *y,     \
        size_t rows, size_t in, size_t out, int threads) {                                                             \
        const size_t groups = (out + STREAMS - 1) / STREAMS;                                                           \
        _Pragma("omp parallel for num_threads(threads) schedule(static)")                                              \
        for (int part = 0; part < threads; part++) {                                                                   \
            const size_t first = groups * part / threads, count = groups * (part + 1) / threads - first;               \
            for (size_t group = 0; group < count; group++) {                                                           \
                size_t column[STREAMS];                                                                                \
                const char *w[STREAMS];                                                                                \
                for (int s = 0; s < STREAMS; s++) {                                                                    \
                    column[s] = first * STREAMS + s * count + group;                                                   \
                    if (column[s] >= out) column[s] = out - 1;                                                         \
                    w[s] = (const char *)(weight + column[s] * in);                                                    \
                }                                                                                                      \
                for (size_t row = 0; row < rows; row += ROWS) {                                                        \
                    Four sum[ROWS];                                                                                    \
                    const MEETING *from = x + row * in;                                                                \
                    const size_t left = rows - row;                                                                    \
                    if (left >= ROWS) dot_##WEIGHT##_##ACTIVATION(w, from, in, ROWS, sum);                             \
                    else if (left == 1) dot_##WEIGHT##_##ACTIVATION(w, from, in, 1, sum);                              \
                    else if (left == 2) dot_##WEIGHT##_##ACTIVATION(w, from, in, ROWS < 2 ? ROWS : 2, sum);            \
                    else dot_##WEIGHT##_##ACTIVATION(w, from, in, ROWS < 3 ? ROWS : 3, sum);                           \
                    for (size_t r = 0; r < (left < ROWS ? left : ROWS); r++)                                           \
                        for (int s = 0; s < STREAMS; s++) {                                                            \
                            const size_t at = (row + r) * out + column[s];                                             \
                            float value = sum[r][s];                                                                   \
                            if (bias) value += get_##ACTIVATION(bias, column[s]);                                      \
                            if (residual) value += get_##ACTIVATION(residual, at);                                     \
                            put_##ACTIVATION(y, at, value);                                                            \
                        }                                                                                              \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }
DEFINE_MULTIPLY(float32, float32, float)
DEFINE_MULTIPLY(bfloat16, float32, float)
DEFINE_MULTIPLY(bfloat16, bfloat16, Meeting)

/* Weights, activations (x, bias, residual, y): float32, float32. */
void streamed_linear_float32_float32(const void *weight, const void *x, const void *bias, const void *residual, void *y,
                                     float *scratch, size_t rows, size_t in, size_t out, int threads) {
    (void)scratch;
    multiply_float32_float32(weight, x, bias, residual, y, rows, in, out, threads);
}

/* bfloat16, float32; scratch [rows, in]. */
void streamed_linear_bfloat16_float32(const void *weight, const void *x, const void *bias, const void *residual,
                                      void *y, float *scratch, size_t rows, size_t in, size_t out, int threads) {
    spread_float32(x, scratch, rows * in);
    multiply_bfloat16_float32(weight, scratch, bias, residual, y, rows, in, out, threads);
}

/* bfloat16, bfloat16; scratch [rows, in] where `streamed_linear_spreads_bfloat16` says so. */
#ifdef __AVX512BF16__
const int streamed_linear_spreads_bfloat16 = 0;
#else
const int streamed_linear_spreads_bfloat16 = 1;
#endif
void streamed_linear_bfloat16_bfloat16(const void *weight, const void *x, const void *bias, const void *residual,
                                       void *y, float *scratch, size_t rows, size_t in, size_t out, int threads) {
#ifdef __AVX512BF16__
    (void)scratch;
    multiply_bfloat16_bfloat16(weight, x, bias, residual, y, rows, in, out, threads);
#else
    spread_bfloat16(x, scratch, rows * in);
    multiply_bfloat16_bfloat16(weight, scratch, bias, residual, y, rows, in, out, threads);
#endif
}
