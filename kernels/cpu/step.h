/* A decoder's weights and one step's input, as `kernels/cpu/step.py` fills them in; every field has eight bytes. */
#ifndef STEP_H
#define STEP_H
#include "attention_maps.h"
#include <stddef.h>
#include <stdint.h>

/* Rows of a weight that are of one kind (`enum Kind`), quantised ones as in packed.h. */
typedef struct {
    const void *weight;
    size_t out, kind;
} Slab;

enum { MOST_SLABS = 3 };

typedef struct {
    const Slab *slab;  /* [slabs]: together [out, in]. Either all of them are quantised or there is one kind. Of a gated
                        * feed-forward part there are two, gate and up */
    const float *bias; /* [out], or NULL */
    size_t slabs, in, out;
} Matrix;

typedef struct {
    const float *weight; /* [width]; NULL: there is no such norm */
    const float *bias;   /* of a LayerNorm; NULL: an RMSNorm */
} Norm;

typedef struct {
    Norm attention_norm, attention_post_norm, ffn_norm, ffn_post_norm;
    Norm heads_norm; /* [heads + kv_heads, head_dim] */
    Matrix qkv, out, up, down;
    const float *const *turns; /* *turns: (cosine, sine) [positions, head_dim / 2], or NULL: it does not rotate */
    size_t window;
} Layer;

enum Activation { SILU, GELU, GELU_TANH };
typedef struct {
    size_t hidden, heads, kv_heads, head_dim, ffn, layers;
    size_t gated, activation;
    size_t half; /* activations are rounded to bfloat16 where they meet a weight, and K and V are bfloat16 */
    double norm_eps, scale, embedding_scale;
    const void *embedding; /* [vocab, hidden], as stored (unpack_row) */
    size_t embedding_kind;
    const float *positions; /* [max_positions, hidden] where positions are learned, or NULL */
    Norm final_norm;
    Matrix head;
    const Layer *layer;
} Model;

/* A step's rows of one request, and where its K and V lie. */
typedef struct {
    AttentionSpan rows;
    KvPlace place;       /* of the first layer. Without `keys` the step keeps K and V itself, for one layer at a time */
    size_t layer_stride; /* bytes to the next layer's, where the cache has one memory for all layers */
    const char *const *layers; /* where it has one for each: the address of each one's K; else NULL */
} SpanInput;

/* The positions of a span from `first` on, and where their probabilities go (as MapSpan). */
typedef struct {
    size_t span, first;
    uint16_t *maps;
} WatchedSpan;

typedef struct {
    size_t rows, wanted, spans, threads;
    const int64_t *token_ids, *positions; /* [rows] */
    const int64_t *wanted_rows;           /* [wanted]: the rows whose logits are wanted */
    const SpanInput *span;
    float *logits; /* [wanted, vocab] */
    double *spent; /* µs [layers + 1 or 1, phases], or NULL: nothing is timed */
    size_t by_layer, phases;
    const int64_t *phase; /* the columns of `Phase` */
    size_t readings;      /* out: how often the clock was read */
    const WatchedSpan *watched; /* [watched_spans]: whose attention probabilities are wanted too, */
    size_t watched_spans;
    size_t watched_layer, watched_head, watched_heads; /* of this layer and these heads */
    int64_t watched_ns; /* out: what they took */
} StepInput;

enum Phase { EMBED, NORM, QKV, ROPE, KV_WRITE, ATTENTION, ATTN_OUT, FFN, LM_HEAD, PHASES };

/* The memory of a model's steps; NULL where there is none. */
void *compiled_step_new(const Model *model);
void compiled_step_free(void *step);
/* Run one step; returns 0, or -1 where there was no memory. */
int compiled_step_run(void *step, StepInput *input);
#endif
