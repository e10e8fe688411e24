/* What a series says of itself. */
#include "store_internal.h"

const char *series_name(const struct series *series)
{
    return series->name;
}

const struct series_type *series_type(const struct series *series)
{
    return &series->type;
}

uint64_t series_id(const struct series *series)
{
    return series->id;
}

uint64_t series_capacity(const struct series *series)
{
    return series->capacity;
}

uint64_t series_count(const struct series *series)
{
    return series->count;
}

int64_t series_last_time_ns(const struct series *series)
{
    return series->count > 0 ? series->last_time_ns : INT64_MIN;
}

const char *series_broken(const struct series *series)
{
    return series->broken;
}

uint64_t *series_user_word(struct series *series)
{
    return &series->user_word;
}

const struct series_rule *series_rule(const struct series *series)
{
    return series->rule;
}

/* Whether the rule would make a series of another mode or capacity than this
 * one has. */
static bool rule_disagrees(const struct series *series, const struct series_rule *rule)
{
    if (rule->mode == SERIES_MODE_REFUSE || series->broken != NULL)
        return series->broken == NULL;
    if ((rule->mode == SERIES_MODE_GROW) != (series->capacity == 0))
        return true;
    /* A capacity in time depends on a period, which a series without a run does
     * not know. */
    int64_t period_ps = series->run.period_ps;
    if (rule->capacity_unit == SERIES_CAPACITY_NS && series_is_regular(series) && period_ps == 0)
        return false;
    uint64_t capacity;
    return store_rule_capacity(rule, &series->type, period_ps, &capacity) < 0 ||
           capacity != series->capacity;
}

void series_set_rule(struct series *series, const struct series_rule *rule, bool *ret_disagrees)
{
    series->rule = rule;
    series->rules.jitter_ns = rule->jitter_ns;
    series->rules.clamp = rule->late == SERIES_LATE_CLAMP;
    if (ret_disagrees != NULL)
        *ret_disagrees = rule_disagrees(series, rule);
}
