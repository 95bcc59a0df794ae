/* x / sqrt(mean(x²) + eps) · weight over the last dimension, summed in float32 and rounded once. */
#include "numbers.h"
#include <math.h>

enum { LANES = 16 };

/* x and y [rows, width]; weight [kinds, width], row i takes weight i % kinds. Rows of x are `stride` apart in groups of
 * `kinds`: x may be a slice of a wider tensor. y may be x. */
#define DEFINE_RMS_NORM(TYPE)                                                                                          \
    void rms_norm_##TYPE(const TYPE *x, const TYPE *weight, TYPE *y, const float *eps, size_t rows, size_t kinds,      \
                         size_t width, size_t x_stride, size_t y_stride, int threads) {                                \
        _Pragma("omp parallel for num_threads(threads) if (threads > 1)")                                              \
        for (size_t row = 0; row < rows; row++) {                                                                      \
            const size_t group = row / kinds, kind = row % kinds;                                                      \
            const TYPE *from = x + group * x_stride + kind * width, *factor = weight + kind * width;                   \
            TYPE *to = y + group * y_stride + kind * width;                                                            \
            float sums[LANES] = {0}, total = 0;                                                                        \
            size_t i = 0;                                                                                              \
            for (; i + LANES <= width; i += LANES)                                                                     \
                for (int lane = 0; lane < LANES; lane++) {                                                             \
                    const float value = get_##TYPE(from, i + lane);                                                    \
                    sums[lane] += value * value;                                                                       \
                }                                                                                                      \
            for (; i < width; i++) total += get_##TYPE(from, i) * get_##TYPE(from, i);                                 \
            for (int lane = 0; lane < LANES; lane++) total += sums[lane];                                              \
            const float scale = 1 / sqrtf(total / width + *eps);                                                       \
            for (i = 0; i < width; i++) put_##TYPE(to, i, get_##TYPE(from, i) * scale * get_##TYPE(factor, i));        \
        }                                                                                                              \
    }
DEFINE_RMS_NORM(float32)
DEFINE_RMS_NORM(bfloat16)
