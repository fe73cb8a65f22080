/* LayerNorm: calls of the kernels, and the plain references. layernorm.h has the contract. */
#include "linnet/kernels/layernorm.h"
#include "kernels/kernels.h"
#include <math.h>

void layernorm_forward(float *out, float *mean, float *rstd, const float *x, const float *gamma, const float *beta,
                       size_t n, size_t width, float epsilon) {
    kernels()->layernorm_forward(out, mean, rstd, x, gamma, beta, n, width, epsilon);
}

void layernorm_backward(float *dx, float *dgamma, float *dbeta, const float *dout, const float *x, const float *mean,
                        const float *rstd, const float *gamma, const Segments *segments, size_t width, int accumulate,
                        float *scratch) {
    kernels()->layernorm_backward(dx, dgamma, dbeta, dout, x, mean, rstd, gamma, segments, width, accumulate, scratch);
}

void layernorm_forward_ref(float *out, float *mean, float *rstd, const float *x, const float *gamma, const float *beta,
                           size_t n, size_t width, float epsilon) {
    for (size_t r = 0; r < n; r++) {
        const float *row = x + r * width;
        double sum = 0.0, squares = 0.0;
        for (size_t c = 0; c < width; c++) sum += row[c];
        double centre = sum / (double)width;
        for (size_t c = 0; c < width; c++) squares += (row[c] - centre) * (row[c] - centre);
        double scale = 1.0 / sqrt(squares / (double)width + epsilon);
        for (size_t c = 0; c < width; c++) out[r * width + c] = (float)((row[c] - centre) * scale * gamma[c] + beta[c]);
        if (mean) mean[r] = (float)centre;
        if (rstd) rstd[r] = (float)scale;
    }
}

static void backward_input_ref(float *dx, const float *dout, const float *x, const float *gamma, size_t width,
                               double mean, double rstd) {
    double sum = 0.0, sum_normal = 0.0;
    for (size_t c = 0; c < width; c++) {
        sum += (double)dout[c] * gamma[c];
        sum_normal += (double)dout[c] * gamma[c] * (x[c] - mean) * rstd;
    }
    for (size_t c = 0; c < width; c++) {
        double normal = (x[c] - mean) * rstd;
        double gradient =
            rstd * ((double)dout[c] * gamma[c] - sum / (double)width - normal * sum_normal / (double)width);
        dx[c] = (float)(dx[c] + gradient);
    }
}

/* Column c of dgamma and dbeta, from a segment's rows on. */
static void backward_column_ref(float *by_gamma, float *by_beta, const float *dout, const float *x, const float *mean,
                                const float *rstd, size_t first, size_t end, size_t width, size_t c) {
    double gamma_sum = *by_gamma, beta_sum = *by_beta;
    for (size_t r = first; r < end; r++) {
        double gradient = dout[r * width + c];
        gamma_sum += gradient * ((double)x[r * width + c] - mean[r]) * rstd[r];
        beta_sum += gradient;
    }
    *by_gamma = (float)gamma_sum;
    *by_beta = (float)beta_sum;
}

void layernorm_backward_ref(float *dx, float *dgamma, float *dbeta, const float *dout, const float *x,
                            const float *mean, const float *rstd, const float *gamma, const Segments *segments,
                            size_t width, int accumulate, float *scratch) {
    float gammas[SEGMENT_LEVELS] = {0}, betas[SEGMENT_LEVELS] = {0};
    (void)scratch;
    for (size_t r = 0; r < segments_rows(segments); r++)
        backward_input_ref(dx + r * width, dout + r * width, x + r * width, gamma, width, mean[r], rstd[r]);
    for (size_t c = 0; c < width && dgamma; c++) {
        for (size_t i = 0; i < segments->count; i++) {
            size_t top = segment_height(i);
            gammas[top] = i == 0 && accumulate ? dgamma[c] : 0.0f;
            betas[top] = i == 0 && accumulate ? dbeta[c] : 0.0f;
            backward_column_ref(&gammas[top], &betas[top], dout, x, mean, rstd, segments->starts[i],
                                segments->starts[i + 1], width, c);
            segment_join(gammas, i, segments->count);
            segment_join(betas, i, segments->count);
        }
        dgamma[c] = gammas[0];
        dbeta[c] = betas[0];
    }
}
