/* The next token of each row of logits, drawn or given, and how likely it was; and the distributions of draws. */
#include "crew.h"
#include "filtered.h"

/* Then int32 ids and float32 logprobs of the alternatives. */
typedef struct {
    int64_t token;
    double logprob, entropy;
} Sampled;

typedef struct {
    const float *logits; /* [rows, vocab], rows `stride` apart */
    const Wanted *wanted; /* [count] */
    char *out;
    int64_t *tokens;
    size_t vocab, stride, alternatives, sampled_bytes;
} Work;

typedef struct {
    Kept kept;
    size_t token;
} Drawn;

/* The `wanted` likeliest tokens, at least 1, best first; of equal ones those with the lower ids. */
static void find_best(const float *row, size_t vocab, const float *maxima, size_t wanted, int32_t *ids, float *best) {
    size_t have = 0;
    for (size_t at = 0; at < vocab; at += BLOCK) {
        if (have == wanted && !(maxima[at / BLOCK] > best[have - 1])) continue;
        for (size_t i = at; i < least_of(vocab, at + BLOCK); i++) {
            if (have == wanted && !(row[i] > best[have - 1])) continue;
            size_t place = have < wanted ? have++ : have - 1;
            for (; place > 0 && row[i] > best[place - 1]; place--) {
                best[place] = best[place - 1];
                ids[place] = ids[place - 1];
            }
            best[place] = row[i];
            ids[place] = (int32_t)i;
        }
    }
}

static const float *row_of(const Work *work, Wanted wanted) {
    return work->logits + (size_t)wanted.row * work->stride;
}

static void compute_sampled(const void *given, size_t chunk, char *own) {
    const Work *work = given;
    const Wanted wanted = work->wanted[chunk];
    const size_t vocab = work->vocab;
    const float *row = row_of(work, wanted);
    Sampled *sampled = (Sampled *)own;
    int32_t *ids = (int32_t *)(sampled + 1);
    float *best = (float *)(ids + work->alternatives);
    const Scratch scratch = scratch_at(own + work->sampled_bytes, vocab);
    const Survey survey = survey_of(row, vocab, scratch);
    size_t token = (size_t)wanted.token;
    if (wanted.token < 0) {
        const Kept kept = kept_of(row, vocab, survey, wanted, scratch);
        token = token_at(kept, draw(kept, wanted.uniform));
    }
    const double log_sum = log(survey.exponentials), largest = survey.largest;
    const double entropy = log_sum - survey.products / survey.exponentials;
    *sampled = (Sampled){(int64_t)token, row[token] - largest - log_sum, entropy};
    if (work->alternatives) find_best(row, vocab, scratch.maxima, work->alternatives, ids, best);
    for (size_t i = 0; i < work->alternatives; i++) best[i] = (float)(best[i] - largest - log_sum);
}

static void commit_sampled(const void *given, size_t chunk, const char *own) {
    const Work *work = given;
    memcpy(work->out + chunk * work->sampled_bytes, own, work->sampled_bytes);
}

/* A Drawn in `own`, then the memory that it points to. */
static void compute_drawn(const void *given, size_t chunk, char *own) {
    const Work *work = given;
    const Wanted wanted = work->wanted[chunk];
    const float *row = row_of(work, wanted);
    const Scratch scratch = scratch_at(own + sizeof(Drawn), work->vocab);
    const Kept kept = kept_of(row, work->vocab, survey_of(row, work->vocab, scratch), wanted, scratch);
    *(Drawn *)own = (Drawn){kept, token_at(kept, draw(kept, wanted.uniform))};
}

static void commit_drawn(const void *given, size_t chunk, const char *own) {
    const Work *work = given;
    const Drawn *drawn = (const Drawn *)own;
    double *probabilities = (double *)work->out + chunk * work->vocab;
    for (size_t i = 0; i < drawn->kept.count; i++)
        probabilities[token_at(drawn->kept, i)] = drawn->kept.weights[i] / drawn->kept.total;
    work->tokens[chunk] = (int64_t)drawn->token;
}

/* out [count, Sampled and alternatives] for wanted [count]. Returns 0, or -1 where there was no memory, or 1 where the
 * logits [rows, vocab] have no such row or token. */
int sample_float32(const float *logits, const Wanted *wanted, char *out, size_t count, size_t rows, size_t vocab,
                   size_t stride, size_t alternatives, int threads) {
    if (!all_there(wanted, count, rows, vocab)) return 1;
    const size_t bytes = sizeof(Sampled) + alternatives * (sizeof(int32_t) + sizeof(float));
    const Work work = {logits, wanted, out, NULL, vocab, stride, alternatives, bytes};
    const Operation operation = {NULL, compute_sampled, commit_sampled, &work, count, patience_of(64 * vocab)};
    return crew_run(&operation, 1, bytes + scratch_bytes(vocab), threads, NULL);
}

/* Tokens [count] drawn for wanted [count], and the distributions that they were drawn from, out float64 [count, vocab].
 * Where a row has NaN, +inf, or nothing but -inf, one probability is NaN. Returns as `sample_float32` does. */
int draw_float32(const float *logits, const Wanted *wanted, double *out, int64_t *tokens, size_t count, size_t rows,
                 size_t vocab, size_t stride, int threads) {
    if (!all_there(wanted, count, rows, vocab)) return 1;
    const Work work = {logits, wanted, (char *)out, tokens, vocab, stride, 0, 0};
    const Operation operation = {NULL, compute_drawn, commit_drawn, &work, count, patience_of(64 * vocab)};
    memset(out, 0, count * vocab * sizeof *out);
    return crew_run(&operation, 1, sizeof(Drawn) + scratch_bytes(vocab), threads, NULL);
}
