/* How long a run is, in samples and updates. */
#include "linnet/settings/run_length.h"
#include "linnet/core/integers.h"
#include <math.h>

/* A product that overflows is more than any number of samples. */
static int64_t global_batch_size(const Settings *s, int ranks, int64_t samples) {
    int64_t size = s->global_batch_size;
    if (size == 0 && (__builtin_mul_overflow(s->per_device_train_batch_size, s->gradient_accumulation_steps, &size) ||
                      __builtin_mul_overflow(size, (int64_t)ranks, &size)))
        size = samples;
    return int64_min(size, samples);
}

int64_t run_length_units(const Settings *s, int ranks, int64_t global_batch) {
    return int64_min(s->reduction_units > 0 ? s->reduction_units : ranks, global_batch);
}

int64_t run_length_steps(double setting, int64_t total) {
    return (int64_t)(setting < 1.0 ? ceil((double)total * setting) : setting);
}

RunLength run_length(const Settings *s, int ranks, int64_t samples) {
    int64_t global_batch = global_batch_size(s, ranks, samples);
    int64_t steps_per_epoch = int64_divide_up(samples, global_batch);
    int64_t total = s->max_steps > 0 ? s->max_steps : (int64_t)ceil(s->num_train_epochs * (double)steps_per_epoch);
    return (RunLength){
        .global_batch = global_batch,
        .units = run_length_units(s, ranks, global_batch),
        .steps_per_epoch = steps_per_epoch,
        .total = total,
        .log_every = run_length_steps(s->logging_steps, total),
        .eval_every = s->eval_strategy == STRATEGY_STEPS ? run_length_steps(s->eval_steps, total) : 0,
        .save_every = s->save_strategy == STRATEGY_STEPS ? run_length_steps(s->save_steps, total) : 0,
    };
}
