/* The matrix products of GPT-2 small over packed tokens and nothing else, by plain calls of OpenBLAS with its own
 * threads: what a trainer that calls the same library could reach if all else were free. `make bench` measures
 * linnet against it.
 *
 * products TOKENS REPEATS [forward]      prints the seconds of each repeat, one a line: forward and backward, or
 * forward alone */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LAYERS = 12, WIDTH = 768, LINEARS = 4 };
static const int INPUTS[LINEARS] = {WIDTH, WIDTH, WIDTH, 4 * WIDTH};
static const int OUTPUTS[LINEARS] = {3 * WIDTH, WIDTH, 4 * WIDTH, WIDTH};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* count floats of small values, all pages touched. */
static float *fill(size_t count) {
    float *values = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
    if (values == NULL) exit(2);
    for (size_t i = 0; i < count; i++) values[i] = (float)((int)(i * 2654435761U % 200) - 100) * 1e-3F;
    return values;
}

typedef struct {
    int tokens;
    float *weight[LAYERS][LINEARS], *gradient[LAYERS][LINEARS];
    float *x, *y; /* [tokens, 4 · WIDTH] */
} Work;

static void forward(const Work *w) {
    for (int l = 0; l < LAYERS; l++)
        for (int i = 0; i < LINEARS; i++)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, w->tokens, OUTPUTS[i], INPUTS[i], 1.0F, w->x,
                        INPUTS[i], w->weight[l][i], OUTPUTS[i], 0.0F, w->y, OUTPUTS[i]);
}

static void backward(const Work *w) {
    for (int l = LAYERS - 1; l >= 0; l--)
        for (int i = LINEARS - 1; i >= 0; i--) {
            cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, INPUTS[i], OUTPUTS[i], w->tokens, 1.0F, w->x,
                        INPUTS[i], w->y, OUTPUTS[i], 1.0F, w->gradient[l][i], OUTPUTS[i]);
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, w->tokens, INPUTS[i], OUTPUTS[i], 1.0F, w->y,
                        OUTPUTS[i], w->weight[l][i], OUTPUTS[i], 0.0F, w->x, INPUTS[i]);
        }
}

int main(int argc, char **argv) {
    if (argc < 3) return 1;
    Work w = {.tokens = atoi(argv[1])};
    int repeats = atoi(argv[2]), forward_alone = argc > 3 && strcmp(argv[3], "forward") == 0;
    if (w.tokens < 1 || repeats < 1) return 1;
    for (int l = 0; l < LAYERS; l++)
        for (int i = 0; i < LINEARS; i++) {
            w.weight[l][i] = fill((size_t)INPUTS[i] * (size_t)OUTPUTS[i]);
            w.gradient[l][i] = forward_alone ? NULL : fill((size_t)INPUTS[i] * (size_t)OUTPUTS[i]);
        }
    size_t activations = (size_t)w.tokens * 4 * WIDTH;
    float *start = fill(activations);
    w.x = fill(activations);
    w.y = fill(activations);
    for (int r = -1; r < repeats; r++) {                 /* the first, uncounted, warms caches and threads up */
        memcpy(w.x, start, activations * sizeof *start); /* products of products would grow without bound */
        double begin = now();
        forward(&w);
        if (!forward_alone) backward(&w);
        if (r >= 0) printf("%.6f\n", now() - begin);
    }
    return 0;
}
