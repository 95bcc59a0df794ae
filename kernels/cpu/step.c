/* A decoder's whole step as one call: a list of operations that a crew walks (crew.h), layer after layer.
 *
 * The residual stream and all sums are float32. The few rows of a decode step are normalised by each thread for itself, in
 * the `prepare` of the product that reads them, which takes less time than to wait for each other. Many rows are
 * normalised by an operation of its own.
 */
#include "step_parts.h"
#include <stdlib.h>

enum { FEW = 4, MOST_A_LAYER = 12 };
static const size_t PIECE_PRODUCTS = 16000000;

/* What the time of an operation counts as: row and column of the table, and the column of the part before `prepared`. */
typedef struct {
    size_t row;
    enum Phase phase, before;
} Counted;

typedef struct {
    const Model *model;
    size_t count, own_bytes; /* of the present step's operations */
    Operation *operations;
    Part *parts;
    Counted *counted;
    int64_t *ended_ns;
    AttentionWork *attention; /* by layer */
    MapsWork watched;
    AttentionPlan **plans;    /* by layer; layers with one window share one */
    size_t *partials;         /* by layer: where its plan's partials begin */
    Rows rows;
    char *memory; /* of the present step's rows */
    size_t memory_bytes;
} Step;

void compiled_step_free(void *step) {
    Step *of = step;
    if (of == NULL) return;
    free(of->operations);
    free(of->parts);
    free(of->counted);
    free(of->ended_ns);
    free(of->attention);
    free(of->plans);
    free(of->partials);
    free(of->memory);
    free(of);
}

void *compiled_step_new(const Model *model) {
    const size_t most = model->layers * MOST_A_LAYER + 5;
    Step *step = calloc(1, sizeof *step);
    if (step == NULL) return NULL;
    step->model = model;
    step->operations = calloc(most, sizeof *step->operations);
    step->parts = calloc(most, sizeof *step->parts);
    step->counted = calloc(most, sizeof *step->counted);
    step->ended_ns = calloc(most + 1, sizeof *step->ended_ns);
    step->attention = calloc(model->layers, sizeof *step->attention);
    step->plans = calloc(model->layers, sizeof *step->plans);
    step->partials = calloc(model->layers, sizeof *step->partials);
    if (step->operations && step->parts && step->counted && step->ended_ns && step->attention && step->plans &&
        step->partials)
        return step;
    compiled_step_free(step);
    return NULL;
}

/* --- the list of operations -------------------------------------------------------------------------------------- */

typedef void Prepare(const void *, char *);
typedef void Compute(const void *, size_t, char *);
typedef void Commit(const void *, size_t, const char *);

static void need(Step *step, size_t own_bytes) {
    if (step->own_bytes < own_bytes) step->own_bytes = own_bytes;
}

static Operation *append(Step *step, Prepare *prepare, Compute *compute, Commit *commit, const void *work,
                         size_t chunks, size_t row, enum Phase phase, enum Phase before) {
    step->counted[step->count] = (Counted){row, phase, before};
    step->operations[step->count] = (Operation){prepare, compute, commit, work, chunks, 0};
    return step->operations + step->count++;
}

static size_t row_chunks(size_t rows) { return (rows + ROWS_A_CHUNK - 1) / ROWS_A_CHUNK; }

/* The next operation's part; what is not set is zero. */
static Part *next_part(Step *step, const Layer *layer) {
    Part *part = step->parts + step->count;
    memset((void *)part, 0, sizeof *part);
    part->rows = &step->rows;
    part->layer = layer;
    part->count = step->rows.count;
    return part;
}

/* Pieces of each thread's part: small enough to be shared, large enough for the processor's prefetcher. */
static size_t pieces_of(const Slab *slab, size_t in, size_t rows, size_t threads, Meeting meeting) {
    const size_t least = meeting == PACKED ? PACKED_SIDE : meeting == TILED ? 2 * TILED_COLUMNS : STREAMS;
    size_t length = PIECE_BYTES / stored_row_bytes((enum Kind)slab->kind, in), fewer = PIECE_PRODUCTS / (rows * in);
    if (length > fewer) length = fewer;
    if (length < least) length = least;
    return (slab->out / threads + length) / length;
}

/* The same for rows that meet a weight; many rows are laid once for all threads. */
static Part *next_product_part(Step *step, const Layer *layer, const float *from, const int64_t *chosen, size_t count,
                               const Norm *norm, const Matrix *matrix, Meeting meeting) {
    Part *part = next_part(step, layer);
    part->from = from;
    part->chosen = chosen;
    part->count = count;
    part->width = matrix->in;
    part->norm = norm;
    part->matrix = matrix;
    part->meeting = meeting;
    part->laid = count > FEW ? step->rows.laid : NULL;
    return part;
}

/* A product of rows of `from`, normalised first if there is a norm. */
static void append_product(Step *step, const Layer *layer, size_t row, enum Phase phase, const float *from,
                           const int64_t *chosen, size_t count, const Norm *norm, const Matrix *matrix, float *to,
                           int adds, size_t threads) {
    const int inner = phase == FFN && !adds && layer && matrix == &layer->up;
    Meeting meeting = meeting_of((enum Kind)matrix->slab->kind, (int)step->model->half);
    if (meeting == PAIRED && tiles_serve(count, matrix->in)) meeting = TILED;
    const enum Phase before = norm ? NORM : phase;
    if (count > FEW) {
        Part *part = next_product_part(step, layer, from, chosen, count, norm, matrix, meeting);
        append(step, NULL, lay_compute, lay_commit, part, row_chunks(count), row, before, before);
    }
    Part *part = next_product_part(step, layer, from, chosen, count, norm, matrix, meeting);
    part->parts = threads;
    for (size_t slab = 0; slab < matrix->slabs; slab++)
        part->pieces[slab] = pieces_of(matrix->slab + slab, matrix->in, count, threads, meeting);
    part->to = to;
    part->adds = adds;
    Operation *operation =
        append(step, count > FEW ? NULL : lay_prepare, inner ? inner_compute : product_compute,
               inner ? inner_commit : product_commit, part,
               inner ? part->parts * part->pieces[0] : product_chunks(part), row, phase, before);
    operation->patience_ns = patience_of(2 * count * matrix->in * matrix->out / operation->chunks);
    need(step, product_own_bytes(part));
}

/* A projection added to the residual stream, through a norm where the model has one there. */
static void append_joined(Step *step, const Layer *layer, size_t row, enum Phase phase, const float *from,
                          const Matrix *matrix, const Norm *post_norm, size_t threads) {
    Rows *rows = &step->rows;
    const int direct = post_norm->weight == NULL;
    append_product(step, layer, row, phase, from, NULL, rows->count, NULL, matrix, direct ? rows->x : rows->delta, direct,
                   threads);
    if (direct) return;
    Part *part = next_part(step, layer);
    part->from = rows->delta;
    part->width = step->model->hidden;
    part->norm = post_norm;
    part->to = rows->x;
    append(step, NULL, join_compute, join_commit, part, row_chunks(rows->count), row, NORM, NORM);
}

/* The probabilities of the watched layer: for those who look, and not a phase of the step. */
static void append_maps(Step *step) {
    MapsWork *work = &step->watched;
    Operation *operation = append(step, NULL, attention_maps_compute, attention_maps_commit, work,
                                  attention_maps_chunks(work), 0, PHASES, PHASES);
    operation->patience_ns = attention_maps_patience_ns(work);
    need(step, attention_maps_own_bytes(work));
}

static void append_layer(Step *step, size_t index, const KvPlace *places, size_t threads, size_t row, int watched) {
    const Model *model = step->model;
    const Layer *layer = model->layer + index;
    Rows *rows = &step->rows;
    append_product(step, layer, row, QKV, rows->x, NULL, rows->count, &layer->attention_norm, &layer->qkv, rows->qkv, 0,
                   threads);
    Part *part = next_part(step, layer);
    part->places = places;
    append(step, NULL, turn_compute, turn_commit, part, row_chunks(rows->count), row, KV_WRITE, ROPE);
    AttentionWork *work = step->attention + index;
    work->places = places;
    const AttentionChunk *largest = work->plan->chunk;
    Operation *operation = append(step, NULL, attention_compute, attention_commit, work, work->plan->chunks, row,
                                  ATTENTION, ATTENTION);
    for (size_t chunk = 1; chunk < work->plan->chunks; chunk++) {
        const AttentionChunk *other = work->plan->chunk + chunk;
        if (other->count * (other->end - other->begin) > largest->count * (largest->end - largest->begin))
            largest = other;
    }
    operation->patience_ns = patience_of(4 * largest->count * (largest->end - largest->begin) * model->head_dim *
                                         (model->heads / model->kv_heads));
    if (watched) append_maps(step);
    append_joined(step, layer, row, ATTN_OUT, rows->mixed, &layer->out, &layer->attention_post_norm, threads);
    append_product(step, layer, row, FFN, rows->x, NULL, rows->count, &layer->ffn_norm, &layer->up, rows->inner, 0,
                   threads);
    append_joined(step, layer, row, FFN, rows->inner, &layer->down, &layer->ffn_post_norm, threads);
}

/* --- a step's memory --------------------------------------------------------------------------------------------- */

/* The next `bytes` behind `*end`; only counted while `memory` is NULL. */
static void *next(char *memory, size_t *end, size_t bytes) {
    void *at = memory ? memory + *end : NULL;
    *end += whole_lines(bytes);
    return at;
}

typedef struct {
    KvPlace *places;    /* [layers, spans] */
    uint32_t *span_of;  /* [rows] */
    AttentionSpan *spans;
    MapSpan *watched;   /* [watched_spans] */
    char *keys;         /* K, then V, of this step's rows in one layer, for spans that have no cache */
    char *partials;
} Layout;

static size_t lay_out(Step *step, const StepInput *input, size_t partial_bytes, char *memory, Layout *layout) {
    const Model *model = step->model;
    const size_t count = input->rows, itemsize = model->half ? sizeof(bfloat16) : sizeof(float);
    const size_t mixed = model->heads * model->head_dim;
    size_t end = 0, widest = model->ffn;
    if (widest < model->hidden) widest = model->hidden;
    if (widest < mixed) widest = mixed;
    Rows *rows = &step->rows;
    rows->x = next(memory, &end, count * model->hidden * sizeof(float));
    rows->qkv = next(memory, &end, count * (model->heads + 2 * model->kv_heads) * model->head_dim * sizeof(float));
    rows->mixed = next(memory, &end, count * mixed * sizeof(float));
    rows->delta = next(memory, &end, count * model->hidden * sizeof(float));
    rows->inner = next(memory, &end, count * model->ffn * sizeof(float));
    rows->laid = next(memory, &end, (count > input->wanted ? count : input->wanted) * widest * sizeof(float));
    layout->places = next(memory, &end, model->layers * input->spans * sizeof *layout->places);
    layout->span_of = next(memory, &end, count * sizeof *layout->span_of);
    layout->spans = next(memory, &end, input->spans * sizeof *layout->spans);
    layout->watched = next(memory, &end, input->watched_spans * sizeof *layout->watched);
    layout->keys = next(memory, &end, 2 * count * model->kv_heads * model->head_dim * itemsize);
    layout->partials = next(memory, &end, partial_bytes);
    return end;
}

/* Where K and V of a span lie in a layer. */
static KvPlace place_of(const Model *model, const SpanInput *span, size_t layer, char *keys, size_t rows) {
    KvPlace place = span->place;
    if (span->layers) place.keys = span->layers[layer];
    else if (place.keys) place.keys += layer * span->layer_stride;
    else {
        const size_t head_bytes = model->head_dim * (model->half ? sizeof(bfloat16) : sizeof(float));
        place = (KvPlace){.values = (ptrdiff_t)(rows * model->kv_heads * head_bytes),
                          .position_stride = model->kv_heads * head_bytes, .head_stride = head_bytes,
                          .block_size = SIZE_MAX};
        place.keys = (const char *)((uintptr_t)keys + (span->rows.row - span->rows.first) * place.position_stride);
    }
    return place;
}

static void free_plans(Step *step) {
    for (size_t layer = 0; layer < step->model->layers; layer++) {
        AttentionPlan *plan = step->plans[layer];
        for (size_t other = layer; plan && other < step->model->layers; other++)
            if (step->plans[other] == plan) step->plans[other] = NULL;
        free(plan);
    }
}

/* One plan for each window; -1 where there is no memory. */
static int make_plans(Step *step, const AttentionSpan *spans, size_t count, size_t *partial_bytes) {
    const Model *model = step->model;
    *partial_bytes = 0;
    for (size_t layer = 0; layer < model->layers; layer++) {
        const size_t window = model->layer[layer].window;
        for (size_t other = 0; other < layer && !step->plans[layer]; other++)
            if (model->layer[other].window == window)
                step->plans[layer] = step->plans[other], step->partials[layer] = step->partials[other];
        if (step->plans[layer]) continue;
        AttentionPlan *plan = malloc(attention_plan_bytes(spans, count, model->heads, model->kv_heads, window));
        if (plan == NULL) return -1;
        attention_plan(plan, spans, count, model->heads, model->kv_heads, model->head_dim, window);
        step->plans[layer] = plan;
        step->partials[layer] = *partial_bytes;
        *partial_bytes += whole_lines(plan->partial_bytes);
    }
    return 0;
}

/* --- a step ------------------------------------------------------------------------------------------------------ */

static void describe_attention(Step *step, const Layout *layout) {
    const Model *model = step->model;
    for (size_t layer = 0; layer < model->layers; layer++)
        step->attention[layer] = (AttentionWork){
            .q = step->rows.qkv, .mixed = step->rows.mixed,
            .q_stride = (model->heads + 2 * model->kv_heads) * model->head_dim,
            .mixed_stride = model->heads * model->head_dim,
            .spans = layout->spans, .plan = step->plans[layer],
            .partials = layout->partials + step->partials[layer],
            .heads = model->heads, .kv_heads = model->kv_heads, .head_dim = model->head_dim,
            .window = model->layer[layer].window, .scale = (float)model->scale, .half = (int)model->half,
        };
}

static void describe_watched(Step *step, const StepInput *input, const Layout *layout) {
    if (!input->watched_spans) return;
    for (size_t i = 0; i < input->watched_spans; i++) {
        const WatchedSpan *watched = input->watched + i;
        const AttentionSpan *span = layout->spans + watched->span;
        const size_t before = watched->first - span->first;
        layout->watched[i] = (MapSpan){
            .row = span->row + before, .count = span->count - before, .first = watched->first,
            .place = layout->places + input->watched_layer * input->spans + watched->span, .maps = watched->maps,
        };
    }
    const AttentionWork *of = step->attention + input->watched_layer;
    step->watched = (MapsWork){
        .q = of->q, .q_stride = of->q_stride, .span = layout->watched, .spans = input->watched_spans,
        .head = input->watched_head, .heads = input->watched_heads, .group = of->heads / of->kv_heads,
        .head_dim = of->head_dim, .window = of->window, .scale = of->scale, .half = of->half,
    };
}

static void list_operations(Step *step, const StepInput *input, const Layout *layout) {
    const Model *model = step->model;
    const size_t last = input->by_layer ? model->layers : 0;
    step->count = 0;
    step->own_bytes = rows_own_bytes(model);
    append(step, NULL, embed_compute, embed_commit, next_part(step, NULL), row_chunks(input->rows), last, EMBED, EMBED);
    for (size_t layer = 0; layer < model->layers; layer++) {
        need(step, step->plans[layer]->own_bytes);
        append_layer(step, layer, layout->places + layer * input->spans, input->threads, input->by_layer ? layer : 0,
                     input->watched_spans && layer == input->watched_layer);
    }
    if (input->wanted)
        append_product(step, NULL, last, LM_HEAD, step->rows.x, input->wanted_rows, input->wanted, &model->final_norm,
                       &model->head, input->logits, 0, input->threads);
}

/* Add each operation's time to the table: from the end of the one before to its own end. */
static void count_times(const Step *step, StepInput *input) {
    input->readings = step->count + 1;
    input->watched_ns = 0;
    for (size_t i = 0; i < step->count; i++) {
        const Counted *counted = step->counted + i;
        if (counted->phase == PHASES) {
            input->watched_ns = step->ended_ns[i + 1] - step->ended_ns[i];
            continue;
        }
        if (!input->spent) continue;
        const double whole = 1e-3 * (step->ended_ns[i + 1] - step->ended_ns[i]);
        double *row = input->spent + counted->row * input->phases, first = 0;
        const Part *part = counted->phase == ATTENTION ? NULL : step->operations[i].work;
        if (part && counted->phase == KV_WRITE) { /* both parts in the shares of what the threads spent */
            const double turning = part->turning_ns, both = turning + part->writing_ns;
            const int turns = part->layer->turns || part->layer->heads_norm.weight;
            first = turns && both > 0 ? whole * turning / both : 0;
            input->readings += 4 * step->operations[i].chunks;
        } else if (part && part->prepared_ns) {
            first = 1e-3 * (part->prepared_ns - step->ended_ns[i]);
            first = first < 0 ? 0 : first > whole ? whole : first;
            input->readings++;
        }
        row[input->phase[counted->before]] += first;
        row[input->phase[counted->phase]] += whole - first;
    }
}

int compiled_step_run(void *of, StepInput *input) {
    Step *step = of;
    const Model *model = step->model;
    AttentionSpan spans[input->spans];
    size_t partial_bytes;
    for (size_t span = 0; span < input->spans; span++) spans[span] = input->span[span].rows;
    if (make_plans(step, spans, input->spans, &partial_bytes)) return free_plans(step), -1;
    Layout layout;
    const size_t bytes = lay_out(step, input, partial_bytes, NULL, &layout);
    if (bytes > step->memory_bytes) {
        free(step->memory);
        step->memory = aligned_alloc(LINE_BYTES, bytes);
        step->memory_bytes = step->memory ? bytes : 0;
        if (step->memory == NULL) return free_plans(step), -1;
    }
    lay_out(step, input, partial_bytes, step->memory, &layout);
    for (size_t span = 0; span < input->spans; span++) {
        layout.spans[span] = spans[span];
        for (size_t row = 0; row < spans[span].count; row++) layout.span_of[spans[span].row + row] = (uint32_t)span;
    }
    for (size_t layer = 0; layer < model->layers; layer++) {
        for (size_t span = 0; span < input->spans; span++)
            layout.places[layer * input->spans + span] =
                place_of(model, input->span + span, layer, layout.keys, input->rows);
        int seen = 0;
        for (size_t other = 0; other < layer; other++) seen |= step->plans[other] == step->plans[layer];
        if (!seen) attention_begin(step->plans[layer], layout.partials + step->partials[layer]);
    }
    step->rows = (Rows){model, input->rows, input->token_ids, input->positions, layout.spans, layout.span_of,
                        step->rows.x, step->rows.qkv, step->rows.mixed, step->rows.delta, step->rows.inner,
                        step->rows.laid, input->spent != NULL};
    describe_attention(step, &layout);
    describe_watched(step, input, &layout);
    list_operations(step, input, &layout);
    const int clocked = input->spent || input->watched_spans;
    const int failed = crew_run(step->operations, step->count, step->own_bytes, (int)input->threads,
                                clocked ? step->ended_ns : NULL);
    if (!failed && clocked) count_times(step, input);
    free_plans(step);
    return failed;
}
