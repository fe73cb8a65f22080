/* Checking this rank's values and moments for NaN and infinity. optimizer.h has the contract. */
#include "linnet/kernels/vector.h"
#include "linnet/optim/optimizer.h"
#include <math.h>

/* A run of elements of one tensor that this rank owns. */
typedef struct {
    const float *value, *m, *v; /* value: NULL if only the moments count */
    size_t length;
    const SparseEmbedding *embedding; /* NULL: dense */
    size_t offset;                    /* in the dense array, or in the embedding */
} Run;

static size_t run_count(const Optimizer *o) {
    return o->piece_count + o->token.owned_count + o->position.owned_count;
}

static Run row_run(const SparseEmbedding *embedding, const float *values, int32_t id) {
    const size_t moment = sparse_embedding_moment(embedding, id), offset = (size_t)id * embedding->width;
    return (Run){.value = values ? values + offset : NULL,
                 .m = embedding->m + moment,
                 .v = embedding->v + moment,
                 .length = embedding->width,
                 .embedding = embedding,
                 .offset = offset};
}

/* Run number i: the dense pieces, then the rows of both embeddings. */
static Run run_at(const Optimizer *o, const Parameters *parameters, size_t i) {
    if (i < o->piece_count) {
        const Piece *p = &o->pieces[i];
        return (Run){.value = parameters ? parameters->dense + p->offset : NULL,
                     .m = o->m + p->moment,
                     .v = o->v + p->moment,
                     .length = p->length,
                     .offset = p->offset};
    }
    i -= o->piece_count;
    if (i < o->token.owned_count) return row_run(&o->token, parameters ? parameters->token : NULL, o->token.owned[i]);
    return row_run(&o->position, parameters ? parameters->position : NULL, o->position.owned[i - o->token.owned_count]);
}

static bool run_is_finite(const Run *run) {
    return (!run->value || all_finite(run->value, run->length)) && all_finite(run->m, run->length) &&
           all_finite(run->v, run->length);
}

static const ParameterTensor *tensor_of(const Optimizer *o, const Run *run) {
    const ParameterLayout *layout = o->layout;
    if (run->embedding) return run->embedding == &o->token ? &layout->token : &layout->position;
    size_t t = 0;
    while (t + 1 < layout->tensors && layout->tensor[t + 1].offset <= run->offset) t++;
    return &layout->tensor[t];
}

/* Name the first element of the run that is not finite. */
static Status name_element(const Optimizer *o, const Run *run, const char *where, Status status, Error *error) {
    const struct {
        const char *name;
        const float *values;
    } kinds[] = {{"the value", run->value}, {"exp_avg", run->m}, {"exp_avg_sq", run->v}};
    const ParameterTensor *tensor = tensor_of(o, run);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; kinds[k].values && i < run->length; i++)
            if (!isfinite(kinds[k].values[i]))
                return error_set(error, status, "%s: %s of tensor %s is %s at index %zu", where, kinds[k].name,
                                 tensor->name, isnan(kinds[k].values[i]) ? "nan" : "infinite",
                                 run->offset - tensor->offset + i);
    return error->status;
}

Status optimizer_check_finite(const Optimizer *o, const Parameters *parameters, const char *where, Status status,
                              Error *error) {
    const size_t runs = run_count(o);
    bool finite = true;
#pragma omp parallel for schedule(static) reduction(&& : finite)
    for (size_t i = 0; i < runs; i++) {
        Run run = run_at(o, parameters, i);
        finite = finite && run_is_finite(&run);
    }
    for (size_t i = 0; i < runs && !finite && !error->status; i++) {
        Run run = run_at(o, parameters, i);
        if (!run_is_finite(&run)) name_element(o, &run, where, status, error);
    }
    return error->status;
}
