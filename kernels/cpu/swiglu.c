/* silu(gate) · up, gate and up side by side in one row (Shazeer 2020). */
#include "exponential.h"

/* wide [rows, 2 · width] to y [rows, width]. */
#define DEFINE_SWIGLU(TYPE)                                                                                            \
    void swiglu_##TYPE(const TYPE *wide, TYPE *y, size_t rows, size_t width, int threads) {                            \
        _Pragma("omp parallel for num_threads(threads) if (threads > 1)")                                              \
        for (size_t row = 0; row < rows; row++) {                                                                      \
            const TYPE *gate = wide + row * 2 * width, *up = gate + width;                                             \
            TYPE *to = y + row * width;                                                                                \
            for (size_t i = 0; i < width; i++) {                                                                       \
                const float value = get_##TYPE(gate, i);                                                               \
                put_##TYPE(to, i, value / (1.0f + exponential(-value)) * get_##TYPE(up, i));                           \
            }                                                                                                          \
        }                                                                                                              \
    }
DEFINE_SWIGLU(float32)
DEFINE_SWIGLU(bfloat16)
