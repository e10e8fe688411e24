/* Sends a noisy cosine: one period a second, of amplitude 1, with Gaussian noise of standard
 * deviation 0.1. */
#include "send.h"

#include "clock_ns.h"
#include "regular_clock.h"

#include <math.h>
#include <stdlib.h>
#include <sysexits.h>

#define SERIES_DEFAULT        "demo/cosine"
#define RATE_HZ_DEFAULT       5000
#define BATCH_SAMPLES_DEFAULT 5000
#define BATCH_SAMPLES_MAX     1000000
#define NOISE_DEVIATION       0.1
#define TWO_PI                6.283185307179586

/* SplitMix64: the same numbers on every machine for one seed. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* In (0, 1]. */
static double next_uniform(uint64_t *state)
{
    return (double)((next_random(state) >> 11) + 1) * 0x1p-53;
}

/* Box and Muller's way to a normal distribution. */
static double next_normal(uint64_t *state)
{
    double radius = sqrt(-2 * log(next_uniform(state)));
    return radius * cos(TWO_PI * next_uniform(state));
}

struct cosine {
    struct sender *sender;
    const char *series;
    uint64_t random;
    double rate_hz;
    int64_t period_ps;
    int64_t t0_ns;
    int64_t began_monotonic_ns;
    bool is_paced;  /* a batch is sent when its last sample's time has come */
    uint64_t count; /* samples to send; UINT64_MAX = without end */
    uint32_t batch_samples;
    float *values;
};

static int send_batches(struct cosine *cosine)
{
    for (uint64_t index = 0; index < cosine->count;) {
        uint64_t left = cosine->count - index;
        uint32_t count = left < cosine->batch_samples ? (uint32_t)left : cosine->batch_samples;
        for (uint32_t i = 0; i < count; i++) {
            double phase = fmod((double)(index + i) / cosine->rate_hz, 1);
            cosine->values[i] =
                (float)(cos(TWO_PI * phase) + NOISE_DEVIATION * next_normal(&cosine->random));
        }
        if (cosine->is_paced) {
            int64_t until_ns =
                cosine->began_monotonic_ns + regular_clock_ns(index + count - 1, cosine->period_ps);
            int status = sender_wait(cosine->sender, -1, until_ns);
            if (status != 0)
                return status;
        }
        const struct ingest_block block = {
            .name = cosine->series,
            .dtype = "f4",
            .clock = INGEST_REGULAR,
            .count = count,
            .t0_ns = cosine->t0_ns + regular_clock_ns(index, cosine->period_ps),
            .period_ps = cosine->period_ps,
            .values = cosine->values,
        };
        int status = sender_push(cosine->sender, &block, 1);
        if (status != 0)
            return status;
        index += count;
    }
    return 0;
}

int send_cosine(const struct send_options *options, struct sender *sender)
{
    struct cosine cosine = {
        .sender = sender,
        .series = options->series != NULL ? options->series : SERIES_DEFAULT,
        .random = options->seed,
        .rate_hz = options->period_ps != 0 ? options->rate_hz : RATE_HZ_DEFAULT,
        .period_ps =
            options->period_ps != 0 ? options->period_ps : NS_PER_S * 1000 / RATE_HZ_DEFAULT,
        .t0_ns = options->has_t0 ? options->t0_ns : clock_realtime_ns(),
        .began_monotonic_ns = clock_monotonic_ns(),
        .is_paced = !options->has_t0,
        .count = UINT64_MAX,
        .batch_samples =
            options->batch_samples != 0 ? options->batch_samples : BATCH_SAMPLES_DEFAULT,
    };
    double samples_per_ns = cosine.rate_hz / (double)NS_PER_S;
    if (options->duration_ns != 0)
        cosine.count = (uint64_t)llrint((double)options->duration_ns * samples_per_ns);
    if (options->interval_ns != 0) {
        double samples = (double)options->interval_ns * samples_per_ns;
        cosine.batch_samples = samples < 1 ? 1 : (uint32_t)fmin(samples, BATCH_SAMPLES_MAX);
    }
    if (cosine.batch_samples > BATCH_SAMPLES_MAX)
        cosine.batch_samples = BATCH_SAMPLES_MAX;
    cosine.values = malloc(cosine.batch_samples * sizeof *cosine.values);
    if (cosine.values == NULL)
        return send_fail(EX_OSERR, "out of memory");
    int status = send_batches(&cosine);
    free(cosine.values);
    return status;
}
