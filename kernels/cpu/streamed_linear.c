/* y = x Wᵀ (+ bias) (+ residual) for the few rows of a decode step, at the speed at which W can be read (product.h).
 *
 * W crosses the memory bus once, whatever the number of rows. Sums are float32; each result is rounded once. Every row of
 * y is summed in the same order, whatever rows stand beside it and however many threads run.
 */
#include "crew.h"
#include "product.h"

typedef struct {
    const void *weight, *x, *bias, *residual;
    void *y;
    size_t rows, in, out, parts, pieces;
    enum Kind kind; /* of the weights */
    int half;       /* activations are bfloat16 */
    Meeting meeting;
} Product;

/* Whether x meets the weights as it lies in memory. */
static int as_it_is(const Product *product) { return product->meeting == (product->half ? PAIRED : PLAIN); }

static size_t laid_bytes(const Product *product) {
    return as_it_is(product) ? 0 : whole_lines(product->rows * met_bytes(product->meeting, product->in));
}

static void prepare(const void *work, char *own) {
    const Product *product = work;
    const size_t count = product->in, row_bytes = met_bytes(product->meeting, count);
    float *wide = (float *)(own + laid_bytes(product));
    for (size_t row = 0; row < product->rows && !as_it_is(product); row++) {
        const float *x = (const float *)product->x + row * count;
        if (product->half) {
            for (size_t i = 0; i < count; i++) wide[i] = get_bfloat16(product->x, row * count + i);
            x = wide;
        }
        meet(x, own + row * row_bytes, count, product->meeting, 0);
    }
}

static void compute(const void *work, size_t chunk, char *own) {
    const Product *product = work;
    multiply(product->weight, product->kind, as_it_is(product) ? product->x : own, product->meeting,
             product->rows, product->in, product->out,
             stretch_of(product->kind, product->out, product->parts, product->pieces, chunk), (float *)(own + laid_bytes(product)));
}

#define DEFINE_COMMIT(TYPE)                                                                                            \
    static void commit_##TYPE(const void *work, size_t chunk, const char *own) {                                       \
        const Product *product = work;                                                                                 \
        const Stretch at = stretch_of(product->kind, product->out, product->parts, product->pieces, chunk);                           \
        const float *sums = (const float *)(own + laid_bytes(product));                                                \
        for (size_t row = 0; row < product->rows; row++)                                                               \
            for (int s = 0; s < at.runs; s++, sums += at.end - at.begin)                                               \
                for (size_t i = 0; i < run_length(at, s, product->out); i++) {                                         \
                    const size_t column = at.first + s * at.apart + at.begin + i, to = row * product->out + column;    \
                    float value = sums[i];                                                                             \
                    if (product->bias) value += get_##TYPE(product->bias, column);                                     \
                    if (product->residual) value += get_##TYPE(product->residual, to);                                 \
                    put_##TYPE(product->y, to, value);                                                                 \
                }                                                                                                      \
    }
DEFINE_COMMIT(float32)
DEFINE_COMMIT(bfloat16)

static int run(Product product, int threads) {
    const size_t row_bytes = stored_row_bytes(product.kind, product.in);
    product.meeting = meeting_of(product.kind, product.half);
    product.parts = (size_t)threads;
    product.pieces = row_bytes * product.out / threads / PIECE_BYTES + 1;
    const size_t columns = most_columns(product.kind, product.out, product.parts, product.pieces);
    const size_t sums = product.rows * columns * sizeof(float), wide = product.in * sizeof(float);
    const Operation operation = {prepare, compute, product.half ? commit_bfloat16 : commit_float32, &product,
                                 product.parts * product.pieces, patience_of(product.rows * product.in * columns)};
    return crew_run_between(&operation, 1, laid_bytes(&product) + (sums > wide ? sums : wide), threads);
}

/* `kind` is that of the weights; x, bias, residual and y have one type. y may not be x. Returns -1 where there was no
 * memory. */
#define DEFINE_STREAMED_LINEAR(TYPE, HALF)                                                                             \
    int streamed_linear_##TYPE(const void *weight, const void *x, const void *bias, const void *residual, void *y,     \
                               size_t rows, size_t in, size_t out, size_t kind, int threads) {                         \
        return run((Product){.weight = weight, .x = x, .bias = bias, .residual = residual, .y = y, .rows = rows,       \
                             .in = in, .out = out, .kind = (enum Kind)kind, .half = HALF},                             \
                   threads);                                                                                           \
    }
DEFINE_STREAMED_LINEAR(float32, 0)
DEFINE_STREAMED_LINEAR(bfloat16, 1)
