#include "step_parts.h"
#include "exponential.h"
#include <math.h>

/* --- norms ------------------------------------------------------------------------------------------------------- */

INLINE float sum_of_squares(const float *x, size_t width, float mean) {
    Vector total = {0};
    size_t i = 0;
    for (; i + LANES <= width; i += LANES) {
        const Vector value = load(x + i) - mean;
        total += value * value;
    }
    float sum = 0;
    for (; i < width; i++) sum += (x[i] - mean) * (x[i] - mean);
    for (int lane = 0; lane < LANES; lane++) sum += total[lane];
    return sum;
}

INLINE float sum_of(const float *x, size_t width) {
    Vector total = {0};
    size_t i = 0;
    for (; i + LANES <= width; i += LANES) total += load(x + i);
    float sum = 0;
    for (; i < width; i++) sum += x[i];
    for (int lane = 0; lane < LANES; lane++) sum += total[lane];
    return sum;
}

/* RMSNorm (Zhang and Sennrich 2019) or, with a bias, LayerNorm (Ba et al. 2016); `to` may be `x`. */
static void normalise(const float *x, const Norm *norm, size_t width, double eps, float *to) {
    const float mean = norm->bias ? sum_of(x, width) / width : 0;
    const float scale = 1 / sqrtf(sum_of_squares(x, width, mean) / width + (float)eps);
    if (norm->bias)
        for (size_t i = 0; i < width; i++) to[i] = (x[i] - mean) * scale * norm->weight[i] + norm->bias[i];
    else
        for (size_t i = 0; i < width; i++) to[i] = x[i] * scale * norm->weight[i];
}

/* --- embedding --------------------------------------------------------------------------------------------------- */

static size_t rows_in(size_t count, size_t chunk) {
    const size_t left = count - chunk * ROWS_A_CHUNK;
    return left < ROWS_A_CHUNK ? left : ROWS_A_CHUNK;
}

void embed_compute(const void *work, size_t chunk, char *own) {
    const Rows *rows = ((const Part *)work)->rows;
    const Model *model = rows->model;
    const size_t width = model->hidden;
    for (size_t r = 0; r < rows_in(rows->count, chunk); r++) {
        const size_t row = chunk * ROWS_A_CHUNK + r;
        const enum Kind kind = (enum Kind)model->embedding_kind;
        float *to = (float *)own + r * width;
        unpack_row(kind, (const char *)model->embedding + (size_t)rows->token_ids[row] * stored_row_bytes(kind, width),
                   width, to);
        for (size_t i = 0; i < width; i++) to[i] *= (float)model->embedding_scale;
        if (model->positions)
            for (size_t i = 0; i < width; i++) to[i] += model->positions[(size_t)rows->positions[row] * width + i];
    }
}

void embed_commit(const void *work, size_t chunk, const char *own) {
    const Rows *rows = ((const Part *)work)->rows;
    const size_t width = rows->model->hidden;
    memcpy(rows->x + chunk * ROWS_A_CHUNK * width, own, rows_in(rows->count, chunk) * width * sizeof(float));
}

/* --- rows as they meet a weight ---------------------------------------------------------------------------------- */

static void lay(const Part *part, size_t first, size_t count, float *normal, char *to) {
    const size_t bytes = met_bytes(part->meeting, part->width);
    for (size_t r = 0; r < count; r++) {
        const size_t row = part->chosen ? (size_t)part->chosen[first + r] : first + r;
        const float *x = part->from + row * part->width;
        if (part->norm && part->norm->weight) {
            normalise(x, part->norm, part->width, part->rows->model->norm_eps, normal);
            x = normal;
        }
        meet(x, to + r * bytes, part->width, part->meeting, (int)part->rows->model->half);
    }
}

void lay_prepare(const void *work, char *own) {
    Part *part = (Part *)work;
    lay(part, 0, part->count, (float *)(own + laid_bytes(part)), own);
    int64_t not_yet = 0;
    if (part->rows->timed) atomic_compare_exchange_strong(&part->prepared_ns, &not_yet, now_ns());
}

void lay_compute(const void *work, size_t chunk, char *own) {
    const Part *part = work;
    const size_t count = rows_in(part->count, chunk), bytes = whole_lines(part->width * sizeof(float));
    lay(part, chunk * ROWS_A_CHUNK, count, (float *)own, own + bytes);
}

void lay_commit(const void *work, size_t chunk, const char *own) {
    const Part *part = work;
    const size_t row_bytes = met_bytes(part->meeting, part->width);
    memcpy(part->laid + chunk * ROWS_A_CHUNK * row_bytes, own + whole_lines(part->width * sizeof(float)),
           rows_in(part->count, chunk) * row_bytes);
}

/* --- products ---------------------------------------------------------------------------------------------------- */

INLINE const char *laid_rows(const Part *part, const char *own) { return part->laid ? part->laid : own; }

/* What a chunk computes: columns of one slab, which begins at column `first` of the matrix. */
typedef struct {
    const Slab *slab;
    size_t first;
    Stretch at;
} Cut;

static Cut cut_of(const Part *part, size_t chunk) {
    Cut cut = {.slab = part->matrix->slab};
    size_t pieces = part->pieces[0];
    while (chunk >= part->parts * pieces) {
        chunk -= part->parts * pieces;
        cut.first += cut.slab->out;
        cut.slab++;
        pieces = part->pieces[cut.slab - part->matrix->slab];
    }
    cut.at = stretch_of((enum Kind)cut.slab->kind, cut.slab->out, part->parts, pieces, chunk);
    return cut;
}

static void multiply_slab(const Part *part, const Slab *slab, const char *own, Stretch at, float *to) {
    multiply(slab->weight, (enum Kind)slab->kind, laid_rows(part, own), part->meeting, part->count, part->matrix->in,
             slab->out, at, to);
}

void product_compute(const void *work, size_t chunk, char *own) {
    const Part *part = work;
    const Cut cut = cut_of(part, chunk);
    multiply_slab(part, cut.slab, own, cut.at, (float *)(own + laid_bytes(part)));
}

void product_commit(const void *work, size_t chunk, const char *own) {
    const Part *part = work;
    const Matrix *matrix = part->matrix;
    const Cut cut = cut_of(part, chunk);
    const Stretch at = cut.at;
    const float *sums = (const float *)(own + laid_bytes(part));
    for (size_t row = 0; row < part->count; row++)
        for (int s = 0; s < at.runs; s++, sums += at.end - at.begin) {
            const size_t column = cut.first + at.first + s * at.apart + at.begin;
            const size_t length = run_length(at, s, cut.slab->out);
            float *to = part->to + row * matrix->out + column;
            if (part->adds && matrix->bias)
                for (size_t i = 0; i < length; i++) to[i] += sums[i] + matrix->bias[column + i];
            else if (part->adds)
                for (size_t i = 0; i < length; i++) to[i] += sums[i];
            else if (matrix->bias)
                for (size_t i = 0; i < length; i++) to[i] = sums[i] + matrix->bias[column + i];
            else memcpy(to, sums, length * sizeof *to);
        }
}

/* --- the feed-forward part --------------------------------------------------------------------------------------- */

INLINE void activate(enum Activation activation, float *x, size_t count) {
    if (activation == SILU)
        for (size_t i = 0; i < count; i++) x[i] = x[i] / (1.0f + exponential(-x[i]));
    else if (activation == GELU)
        for (size_t i = 0; i < count; i++) x[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678f));
    else /* tanh(y) = 1 - 2 / (e^2y + 1) */
        for (size_t i = 0; i < count; i++) {
            const float y = 0.79788456f * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
            x[i] *= 1.0f - 1.0f / (exponential(2.0f * y) + 1.0f);
        }
}

static void add_bias(float *sums, Stretch at, size_t rows, const float *bias, size_t out) {
    if (bias == NULL) return;
    for (size_t row = 0; row < rows; row++)
        for (int s = 0; s < at.runs; s++, sums += at.end - at.begin)
            for (size_t i = 0; i < run_length(at, s, out); i++) sums[i] += bias[at.first + s * at.apart + at.begin + i];
}

/* The columns of the gate that a chunk computes, with those of `up` beside them. */
static Stretch inner_stretch(const Part *part, size_t chunk) {
    return stretch_of((enum Kind)part->matrix->slab->kind, part->rows->model->ffn, part->parts, part->pieces[0], chunk);
}

void inner_compute(const void *work, size_t chunk, char *own) {
    const Part *part = work;
    const Model *model = part->rows->model;
    const Matrix *matrix = part->matrix;
    const Stretch at = inner_stretch(part, chunk);
    const size_t numbers = part->count * columns_of(at);
    float *gate = (float *)(own + laid_bytes(part)), *up = gate + numbers;
    multiply_slab(part, matrix->slab, own, at, gate);
    add_bias(gate, at, part->count, matrix->bias, model->ffn);
    if (model->gated) {
        multiply_slab(part, matrix->slab + 1, own, at, up);
        add_bias(up, at, part->count, matrix->bias ? matrix->bias + model->ffn : NULL, model->ffn);
    }
    activate((enum Activation)model->activation, gate, numbers);
    if (model->gated)
        for (size_t i = 0; i < numbers; i++) gate[i] *= up[i];
}

void inner_commit(const void *work, size_t chunk, const char *own) {
    const Part *part = work;
    const size_t ffn = part->rows->model->ffn;
    const Stretch at = inner_stretch(part, chunk);
    const float *sums = (const float *)(own + laid_bytes(part));
    for (size_t row = 0; row < part->count; row++)
        for (int s = 0; s < at.runs; s++, sums += at.end - at.begin)
            memcpy(part->to + row * ffn + at.first + s * at.apart + at.begin, sums,
                   run_length(at, s, ffn) * sizeof *sums);
}

/* --- q, k and v before attention --------------------------------------------------------------------------------- */

INLINE size_t qkv_width(const Model *model) { return (model->heads + 2 * model->kv_heads) * model->head_dim; }

void turn_compute(const void *work, size_t chunk, char *own) {
    Part *part = (Part *)work;
    const Rows *rows = part->rows;
    const Model *model = rows->model;
    const size_t head_dim = model->head_dim, turned = model->heads + model->kv_heads, width = qkv_width(model);
    const int64_t since_ns = rows->timed ? now_ns() : 0;
    for (size_t r = 0; r < rows_in(rows->count, chunk); r++) {
        const size_t row = chunk * ROWS_A_CHUNK + r;
        float *to = (float *)own + r * width;
        memcpy(to, rows->qkv + row * width, width * sizeof *to);
        for (size_t head = 0; head < turned && part->layer->heads_norm.weight; head++) {
            const Norm norm = {part->layer->heads_norm.weight + head * head_dim, NULL};
            normalise(to + head * head_dim, &norm, head_dim, model->norm_eps, to + head * head_dim);
        }
        if (part->layer->turns == NULL) continue;
        const float *turn = *part->layer->turns + (size_t)rows->positions[row] * head_dim;
        for (size_t head = 0; head < turned; head++, to += head_dim)
            for (size_t i = 0; i < head_dim; i += 2) {
                const float a = to[i], b = to[i + 1];
                to[i] = a * turn[i] - b * turn[i + 1];
                to[i + 1] = a * turn[i + 1] + b * turn[i];
            }
    }
    if (rows->timed) atomic_fetch_add(&part->turning_ns, now_ns() - since_ns);
}

static char *address(const KvPlace *place, size_t position) {
    const size_t block = place->table ? (size_t)place->table[position / place->block_size] : 0;
    const size_t within = place->table ? position % place->block_size : position;
    return (char *)((uintptr_t)place->keys + block * place->block_stride + within * place->position_stride);
}

static void keep(const float *head, char *to, size_t head_dim, size_t half) {
    if (half == 0) memcpy(to, head, head_dim * sizeof *head);
    else
        for (size_t i = 0; i < head_dim; i++) put_bfloat16((bfloat16 *)to, i, head[i]);
}

void turn_commit(const void *work, size_t chunk, const char *own) {
    Part *part = (Part *)work;
    const Rows *rows = part->rows;
    const Model *model = rows->model;
    const size_t head_dim = model->head_dim, width = qkv_width(model);
    const int64_t since_ns = rows->timed ? now_ns() : 0;
    for (size_t r = 0; r < rows_in(rows->count, chunk); r++) {
        const size_t row = chunk * ROWS_A_CHUNK + r;
        const float *from = (const float *)own + r * width, *keys = from + model->heads * head_dim;
        const KvPlace *place = part->places + rows->span_of[row];
        char *to = address(place, (size_t)rows->positions[row]);
        const size_t q_width = model->heads * head_dim;
        memcpy(rows->qkv + row * width, from, q_width * sizeof *from);
        for (size_t head = 0; head < model->kv_heads; head++, to += place->head_stride) {
            keep(keys + head * head_dim, to, head_dim, model->half);
            keep(keys + (model->kv_heads + head) * head_dim, to + place->values, head_dim, model->half);
        }
    }
    if (rows->timed) atomic_fetch_add(&part->writing_ns, now_ns() - since_ns);
}

/* --- a norm between a projection and the residual stream --------------------------------------------------------- */

void join_compute(const void *work, size_t chunk, char *own) {
    const Part *part = work;
    const size_t width = part->width;
    for (size_t r = 0; r < rows_in(part->count, chunk); r++)
        normalise(part->from + (chunk * ROWS_A_CHUNK + r) * width, part->norm, width, part->rows->model->norm_eps,
                  (float *)own + r * width);
}

void join_commit(const void *work, size_t chunk, const char *own) {
    const Part *part = work;
    float *x = part->to + chunk * ROWS_A_CHUNK * part->width;
    for (size_t i = 0; i < rows_in(part->count, chunk) * part->width; i++) x[i] += ((const float *)own)[i];
}

/* --- memory ------------------------------------------------------------------------------------------------------ */

size_t rows_own_bytes(const Model *model) {
    const size_t widest = model->ffn > qkv_width(model) ? model->ffn : qkv_width(model);
    return (ROWS_A_CHUNK + 1) * whole_lines((widest > model->hidden ? widest : model->hidden) * sizeof(float));
}

size_t product_own_bytes(const Part *part) {
    size_t most = 0;
    for (size_t i = 0; i < part->matrix->slabs; i++) {
        const Slab *slab = part->matrix->slab + i;
        const size_t columns = most_columns((enum Kind)slab->kind, slab->out, part->parts, part->pieces[i]);
        if (columns > most) most = columns;
    }
    return laid_bytes(part) + whole_lines(part->width * sizeof(float)) + 2 * part->count * most * sizeof(float);
}
