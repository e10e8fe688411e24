/* Which stores and loads are tried. Small ones: that is where the edges are. */
#include "crash_run.h"

#include "random_bits.h"

#include <string.h>

static uint64_t one_of(const uint64_t *choices, size_t count, uint64_t *random)
{
    return choices[random_bits(random) % count];
}
#define ONE_OF(random, ...)                                                                        \
    one_of((const uint64_t[]){__VA_ARGS__},                                                        \
           sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), random)

static void plan_series(struct crash_plan_series *series, size_t number, uint64_t *random)
{
    /* The second name is that of after a rename. */
    static const char *const names[CRASH_SERIES_MAX][2] = {{"a", "a/deeper"},
                                                           {"plant/b", "b"},
                                                           {"plant/c", "other/plant/c"},
                                                           {"d/e/f", "d/e"},
                                                           {"g", "plant/g"}};
    series->names[0] = names[number][0];
    series->names[1] = names[number][1];
    series->type.clock = random_bits(random) % 2 == 0 ? SERIES_REGULAR : SERIES_EXPLICIT;
    switch (random_bits(random) % 4) {
    case 0:
        series->type.dtype = DTYPE_F4;
        series->type.rank = 1;
        series->type.dims[0] = 3;
        break;
    case 1:
        series->type.dtype = DTYPE_U1;
        break;
    case 2:
        series->type.dtype = DTYPE_I8;
        series->type.rank = 1;
        series->type.dims[0] = 7; /* rows that lie across sectors and pages */
        break;
    default:
        series->type.dtype = DTYPE_U8;
        break;
    }
    series->sample_bytes = series_type_sample_bytes(&series->type);
    series->rule = series_rule_default;
    if (random_bits(random) % 3 == 0) {
        series->rule.mode = SERIES_MODE_GROW;
    } else {
        series->capacity = ONE_OF(random, 2, 5, 16, 64, 64, 200, 600);
        series->rule.capacity_unit = SERIES_CAPACITY_SAMPLES;
        series->rule.capacity = series->capacity;
        series->rule.preallocate = random_bits(random) % 4 == 0;
    }
    if (random_bits(random) % 4 == 0)
        series->rule.unit = "degC";
    if (series->type.clock == SERIES_EXPLICIT && random_bits(random) % 3 == 0)
        series->rule.late = SERIES_LATE_CLAMP;
    series->rows_a_block = ONE_OF(random, 1, 2, 8, 40);
    if (series->capacity > 0 && series->rows_a_block > series->capacity)
        series->rows_a_block = series->capacity;
    series->period_ps = (int64_t)ONE_OF(random, 1000000000, 333333, 12345678, 1000);
    series->run_every = (unsigned)ONE_OF(random, 1, 3, 20);
}

/* Rings that lap within one journal file, now through the journal, now through their columns, and
 * never so fast that they have to give up more than an eighth. */
static void plan_laps(struct crash_plan *plan, uint64_t *random)
{
    plan->tick_every = 2;
    plan->checkpoint_every = 1000;
    plan->whole_every = 0;
    plan->limits.journal_bytes = 256 << 10;
    plan->limits.direct_bytes = 40;
    for (size_t i = 0; i < plan->series_count; i++) {
        struct crash_plan_series *series = &plan->series[i];
        series->type.dtype = DTYPE_U8;
        series->type.rank = 0;
        series->type.dims[0] = 0;
        series->sample_bytes = 8;
        series->rule.mode = SERIES_MODE_RING;
        series->rule.capacity_unit = SERIES_CAPACITY_SAMPLES;
        series->rule.capacity = series->capacity = ONE_OF(random, 40, 80);
        series->rows_a_block = series->capacity / 8;
    }
}

void crash_plan_make(struct crash_plan *plan, uint64_t *random)
{
    memset(plan, 0, sizeof *plan);
    /* Statements, since a compiler may evaluate initializers in any order: a seed makes the same
     * plan everywhere. */
    plan->series_count = (size_t)ONE_OF(random, 1, 1, 2, 2, 3, CRASH_SERIES_MAX);
    plan->session_count = 1 + random_bits(random) % 3;
    plan->limits.series_max = 100;
    plan->limits.journal_bytes = ONE_OF(random, 1, 1, 100000);
    plan->limits.direct_bytes = ONE_OF(random, 1, 64, 500, 4000, 0);
    plan->steps = (unsigned)ONE_OF(random, 10, 30, 60, 120);
    plan->tick_every = (unsigned)ONE_OF(random, 2, 5, 12, 40);
    plan->delete_every = random_bits(random) % 3 == 0 ? 2 : 0;
    plan->rename_every = random_bits(random) % 3 == 0 ? 2 : 0;
    plan->checkpoint_every = (unsigned)ONE_OF(random, 10, 30, 200);
    plan->whole_every = (unsigned)ONE_OF(random, 0, 0, 32);
    plan->fault_every = (unsigned)ONE_OF(random, 0, 2, 4);
    if (random_bits(random) % 8 == 0)
        plan->session_count = CRASH_SESSIONS_MAX;
    if (random_bits(random) % 10 == 0) {
        plan->many_runs = 1030;
        plan->delete_every = plan->rename_every = 0; /* they come before anything else */
    }
    for (size_t i = 0; i < plan->series_count; i++)
        plan_series(&plan->series[i], i, random);
    if (random_bits(random) % 6 == 0)
        plan_laps(plan, random);
}
