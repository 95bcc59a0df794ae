/* Rotary positions in place: neighbouring channels of a head are a complex number that turns with the position. */
#include "numbers.h"

/* x: rows `stride` apart, each of heads · 2 · pairs channels; turns [rows, pairs] as (cosine, sine). */
#define DEFINE_ROTATE(TYPE)                                                                                            \
    void rotate_##TYPE(TYPE *x, const float *turns, size_t rows, size_t heads, size_t pairs, size_t stride,            \
                       int threads) {                                                                                  \
        _Pragma("omp parallel for num_threads(threads) if (threads > 1)")                                              \
        for (size_t row = 0; row < rows; row++) {                                                                      \
            const float *turn = turns + row * 2 * pairs;                                                               \
            for (size_t head = 0; head < heads; head++) {                                                              \
                TYPE *at = x + row * stride + head * 2 * pairs;                                                        \
                for (size_t i = 0; i < pairs; i++) {                                                                   \
                    const float a = get_##TYPE(at, 2 * i), b = get_##TYPE(at, 2 * i + 1);                              \
                    const float cosine = turn[2 * i], sine = turn[2 * i + 1];                                          \
                    put_##TYPE(at, 2 * i, a * cosine - b * sine);                                                      \
                    put_##TYPE(at, 2 * i + 1, a * sine + b * cosine);                                                  \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }
DEFINE_ROTATE(float32)
DEFINE_ROTATE(bfloat16)
