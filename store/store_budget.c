/* What may be promised and taken: capacities against bytes_max, blocks against
 * what must stay free. */
#include "store_internal.h"

#include "file_system.h"
#include "units.h"

#include <errno.h>

#define DEFAULT_SAMPLES UINT64_C(1048576)
#define DEFAULT_BYTES   (UINT64_C(64) << 20)
#define RING_ROWS_MIN   2

/* Of the file system, where limits.bytes_max is 0. */
#define BYTES_MAX_PERCENT 80

__extension__ typedef unsigned __int128 wide;

const struct series_rule series_rule_default = {
    .mode = SERIES_MODE_RING,
    .capacity_unit = SERIES_CAPACITY_DEFAULT,
    .late = SERIES_LATE_DROP,
    .jitter_ns = 20000000,
};

int store_set_limits(struct store *store, const struct store_limits *limits,
                     struct error_text *error)
{
    uint64_t free_bytes;
    uint64_t total_bytes;
    int result = fs_space(store->folder_fd, &free_bytes, &total_bytes);
    if (result < 0)
        return error_set_errno(error, result, "cannot ask for the size of the store's file system");
    store->limits = *limits;
    store->direct_bytes = limits->direct_bytes > 0 ? limits->direct_bytes : DIRECT_BYTES_DEFAULT;
    store->bytes_max =
        limits->bytes_max > 0 ? limits->bytes_max : total_bytes / 100 * BYTES_MAX_PERCENT;
    return 0;
}

void store_usage(const struct store *store, struct store_usage *ret_usage)
{
    uint64_t free_bytes = 0;
    uint64_t total_bytes = 0;
    /* A file system that does not answer has, as far as anybody can tell, nothing
     * free. */
    if (fs_space(store->folder_fd, &free_bytes, &total_bytes) < 0)
        free_bytes = 0;
    *ret_usage = (struct store_usage){
        .reserved_bytes = store->reserved_bytes,
        .bytes_max = store->bytes_max,
        .free_bytes = free_bytes,
        .series_count = store->index.count,
        .series_mapped = store->mapped_count,
        .series_broken = store->broken_count,
    };
}

/* Whether `bytes` more fit under bytes_max, which may have been lowered below
 * what is reserved. */
static bool budget_has(const struct store *store, uint64_t bytes)
{
    return store->reserved_bytes <= store->bytes_max &&
           bytes <= store->bytes_max - store->reserved_bytes;
}

static int check_free(const struct store *store, uint64_t bytes, uint64_t *ret_free_bytes)
{
    uint64_t total_bytes;
    int result = fs_space(store->folder_fd, ret_free_bytes, &total_bytes);
    if (result < 0)
        return result;
    return *ret_free_bytes < bytes || *ret_free_bytes - bytes < store->limits.free_bytes_min
               ? -ENOSPC
               : 0;
}

static int set_no_space(struct error_text *error, uint64_t bytes, uint64_t free_bytes,
                        uint64_t free_bytes_min)
{
    char need[24];
    char have[24];
    char keep[24];
    units_format_bytes(free_bytes, have, sizeof have);
    units_format_bytes(free_bytes_min, keep, sizeof keep);
    if (free_bytes <= free_bytes_min)
        return error_set(error, -ENOSPC,
                         "the disk has %s free and min_free is %s; free space or lower min_free",
                         have, keep);
    return error_set(error, -ENOSPC,
                     "it takes %s, the disk has %s free and min_free is %s; lower the rule's "
                     "capacity or free space",
                     units_format_bytes(bytes, need, sizeof need), have, keep);
}

int store_budget_check_new(const struct store *store, uint64_t bytes, struct error_text *error)
{
    char need[24];
    char have[24];
    units_format_bytes(bytes, need, sizeof need);
    if (store->index.count >= store->limits.series_max)
        return error_set(
            error, -EDQUOT,
            "the store has %zu series, as many as max_series allows; delete some or raise it",
            store->index.count);
    if (!budget_has(store, bytes)) {
        uint64_t left =
            store->reserved_bytes < store->bytes_max ? store->bytes_max - store->reserved_bytes : 0;
        return error_set(error, -EDQUOT,
                         "it takes %s, and %s of max_bytes are left; lower the rule's "
                         "capacity, delete series or raise max_bytes",
                         need, units_format_bytes(left, have, sizeof have));
    }
    uint64_t free_bytes;
    int result = check_free(store, bytes, &free_bytes);
    if (result == -ENOSPC)
        return set_no_space(error, bytes, free_bytes, store->limits.free_bytes_min);
    if (result < 0)
        return error_set_errno(error, result, "cannot ask for the free space");
    return 0;
}

int store_budget_check_growth(const struct store *store, uint64_t bytes)
{
    return budget_has(store, bytes) ? store_budget_check_free(store, bytes) : -ENOSPC;
}

int store_budget_check_free(const struct store *store, uint64_t bytes)
{
    uint64_t free_bytes;
    return check_free(store, bytes, &free_bytes);
}

static uint64_t default_capacity(uint64_t sample_bytes)
{
    uint64_t rows = DEFAULT_BYTES / sample_bytes;
    if (rows > DEFAULT_SAMPLES)
        rows = DEFAULT_SAMPLES;
    return rows < RING_ROWS_MIN ? RING_ROWS_MIN : rows;
}

int store_rule_capacity(const struct series_rule *rule, const struct series_type *type,
                        int64_t period_ps, uint64_t *ret_capacity)
{
    uint64_t sample_bytes = series_type_sample_bytes(type);
    wide rows = 0;
    if (rule->mode == SERIES_MODE_GROW) {
        *ret_capacity = 0;
        return 0;
    }
    switch (rule->capacity_unit) {
    case SERIES_CAPACITY_DEFAULT:
        rows = default_capacity(sample_bytes);
        break;
    case SERIES_CAPACITY_SAMPLES:
        rows = rule->capacity;
        break;
    case SERIES_CAPACITY_BYTES:
        rows = rule->capacity / sample_bytes;
        break;
    case SERIES_CAPACITY_NS:
        if (type->clock != SERIES_REGULAR || period_ps <= 0)
            return -EDOM;
        /* Rounded up: the ring is to hold at least that time. */
        rows = ((wide)rule->capacity * 1000 + (wide)period_ps - 1) / (wide)period_ps;
        break;
    }
    if (rows > INT64_MAX / 4)
        return -EOVERFLOW;
    if (rows < RING_ROWS_MIN)
        return -EDOM;
    *ret_capacity = (uint64_t)rows;
    return 0;
}
