#include "apply_internal.h"

#include "clock_ns.h"
#include "log.h"
#include "name_set.h"
#include "series_name.h"
#include "units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How many blocks ahead of the append what it will touch begins to load: enough to hide a miss of
 * main memory. */
#define PREFETCH_BLOCKS 6
#define ITEMS_FIRST     64
/* Blocks between two pauses. To make a series takes up to a few milliseconds. */
#define PAUSE_BLOCKS 32

struct applier {
    struct store *store;
    const struct rules *rules;
    int64_t max_future_ns;
    uint64_t batch; /* number of the batch at hand, never 0: marks the series seen in it */
    const struct client *writer; /* of that batch */
    struct apply_item *items;
    struct store_lookup *lookups; /* one an item */
    size_t item_count;
    size_t item_capacity;
    struct name_set new_names;          /* of this batch, that have no series yet */
    const struct apply_item *duplicate; /* the first block whose series the batch had before it */
    bool has_future;                    /* some stamp lies beyond the horizon */
    bool is_crowded;                    /* some series has no room for its block until a flush */
    struct log_limit disagree_limit;
    void (*pause)(void *context); /* NULL = none */
    void *pause_context;
};

int applier_new(struct store *store, struct applier **ret_applier)
{
    struct applier *applier = calloc(1, sizeof *applier);
    if (applier == NULL)
        return -ENOMEM;
    applier->store = store;
    applier->disagree_limit = (struct log_limit){.interval_ns = 10 * NS_PER_S, .burst = 10};
    *ret_applier = applier;
    return 0;
}

void applier_free(struct applier *applier)
{
    if (applier == NULL)
        return;
    free(applier->items);
    free(applier->lookups);
    name_set_free(&applier->new_names);
    free(applier);
}

void applier_set_pause(struct applier *applier, void (*pause)(void *context), void *context)
{
    applier->pause = pause;
    applier->pause_context = context;
}

/* Gives an existing series its rule. Mode and capacity of a series stand: an operator may want to
 * know that the rule would have made another one. */
static void apply_set_rule(struct applier *applier, struct series *series)
{
    const char *name = series_name(series);
    const char *label;
    const struct series_rule *rule = rules_match(applier->rules, name, strlen(name), &label);
    bool disagrees = false;
    series_set_rule(series, rule, &disagrees);
    /* Without a rule of its own, an older series with another capacity is nothing to wonder at. */
    if (!disagrees || label == NULL)
        return;
    uint64_t suppressed;
    if (log_limit_allow(&applier->disagree_limit, clock_monotonic_ns(), &suppressed))
        log_warning("series %s: mode or capacity of rule [series.%s] is not what it was made with; "
                    "it stays as it is suppressed=%llu",
                    name, label, (unsigned long long)suppressed);
}

static int apply_renew_rule(struct series *series, void *context)
{
    if (series_rule(series) != NULL)
        apply_set_rule(context, series);
    return 0;
}

void applier_set_rules(struct applier *applier, const struct rules *rules, int64_t max_future_ns)
{
    applier->rules = rules;
    applier->max_future_ns = max_future_ns;
    store_for_each(applier->store, apply_renew_rule, applier);
}

/* ---- first pass ---- */

static inline struct series_block apply_block(const struct wire_block *wire)
{
    return (struct series_block){
        .values = wire->values,
        .times_ns = wire->times_ns,
        .count = wire->count,
        .clock = wire->clock == WIRE_CLOCK_REGULAR    ? BLOCK_REGULAR
                 : wire->clock == WIRE_CLOCK_EXPLICIT ? BLOCK_EXPLICIT
                                                      : BLOCK_ARRIVAL,
        .stamp_on_arrival = wire->stamp_on_arrival,
        .t0_ns = wire->t0_ns,
        .period_ps = wire->period_ps,
    };
}

static void apply_item_refuse(struct apply_item *item, enum wire_code code, const char *reason)
{
    item->code = code;
    item->reason = reason;
}

/* A stamp beyond the horizon would shut the series for everything that comes until then. */
static void apply_judge_time(struct applier *applier, struct apply_item *item, int64_t now_ns)
{
    if (item->wire.clock == WIRE_CLOCK_ARRIVAL)
        return;
    int64_t last_ns;
    const struct series_block block = apply_block(&item->wire);
    int result = series_block_last_ns(&block, now_ns, &last_ns);
    if (result == -EINVAL) {
        apply_item_refuse(item, WIRE_MALFORMED,
                          "a period below 1000 ps would give two samples one stamp");
        return;
    }
    if (result < 0) {
        apply_item_refuse(item, WIRE_MALFORMED, "its times are beyond what int64 nanoseconds hold");
        return;
    }
    if (last_ns > now_ns && last_ns - now_ns > applier->max_future_ns) {
        item->code = WIRE_TIME_FUTURE;
        applier->has_future = true;
    }
}

/* Before all else that the block could bring about: of who may not write a series, nothing may be
 * felt by those who may. */
static bool apply_judge_right(const struct applier *applier, struct apply_item *item)
{
    if (client_may_write(applier->writer, item->wire.name, item->wire.name_bytes))
        return true;
    apply_item_refuse(item, WIRE_NOT_AUTHORISED,
                      "the certificate of this gateway does not allow it to write this series; its "
                      "metadata says which, write = \"PATTERN ...\"");
    return false;
}

static void apply_note_duplicate(struct applier *applier, const struct apply_item *item)
{
    if (applier->duplicate == NULL)
        applier->duplicate = item;
}

/* A decoded block: its name will be looked up, unless it is refused already. */
static void apply_add(struct applier *applier, enum wire_code code)
{
    struct apply_item *item = &applier->items[applier->item_count];
    struct store_lookup *lookup = &applier->lookups[applier->item_count++];
    item->code = code;
    lookup->name = code == WIRE_OK ? item->wire.name : "";
    lookup->name_bytes = code == WIRE_OK ? item->wire.name_bytes : 0;
}

static int apply_judge(struct applier *applier, struct apply_item *item, struct series *series,
                       uint64_t session, int64_t now_ns)
{
    item->series = series;
    if (item->code != WIRE_OK)
        return 0;
    if (series != NULL) {
        uint64_t *mark = series_user_word(series);
        if (*mark == applier->batch)
            apply_note_duplicate(applier, item);
        *mark = applier->batch;
        if (!apply_judge_right(applier, item))
            return 0;
        bool is_regular = item->wire.clock == WIRE_CLOCK_REGULAR;
        if (!series_takes(series, item->wire.count, is_regular ? item->wire.period_ps : 0, session))
            applier->is_crowded = true;
    } else {
        const char *fault = series_name_fault(item->wire.name, item->wire.name_bytes);
        if (fault != NULL) {
            apply_item_refuse(item, WIRE_BAD_NAME, fault);
            return 0;
        }
        if (!apply_judge_right(applier, item))
            return 0;
        int result = name_set_add(&applier->new_names, item->wire.name, item->wire.name_bytes);
        if (result < 0)
            return result;
        if (result > 0)
            apply_note_duplicate(applier, item);
    }
    apply_judge_time(applier, item, now_ns);
    return 0;
}

/* Looks up all blocks and judges each. -ENOMEM. */
static int apply_judge_all(struct applier *applier, uint64_t session, int64_t now_ns)
{
    int result = 0;
    store_find_all(applier->store, applier->lookups, applier->item_count);
    for (size_t i = 0; i < applier->item_count && result == 0; i++)
        result =
            apply_judge(applier, &applier->items[i], applier->lookups[i].series, session, now_ns);
    return result;
}

static int apply_begin(struct applier *applier, const struct client *writer, size_t block_count)
{
    applier->writer = writer;
    if (block_count > applier->item_capacity) {
        size_t capacity = applier->item_capacity == 0 ? ITEMS_FIRST : applier->item_capacity;
        while (capacity < block_count)
            capacity *= 2;
        free(applier->items);
        free(applier->lookups);
        applier->item_capacity = 0;
        applier->items = malloc(capacity * sizeof *applier->items);
        applier->lookups = malloc(capacity * sizeof *applier->lookups);
        if (applier->items == NULL || applier->lookups == NULL)
            return -ENOMEM;
        applier->item_capacity = capacity;
    }
    applier->item_count = 0;
    name_set_clear(&applier->new_names);
    applier->duplicate = NULL;
    applier->has_future = false;
    applier->is_crowded = false;
    applier->batch++;
    return 0;
}

/* ---- second pass ---- */

/* The series stays NULL where the block is refused or late as a whole. */
static int apply_create(struct applier *applier, struct apply_item *item, int64_t now_ns,
                        struct verdict *verdict)
{
    const char *label;
    const struct series_rule *rule =
        rules_match(applier->rules, item->wire.name, item->wire.name_bytes, &label);
    struct series_type type;
    struct error_text error = {.text = ""};
    const struct series_block block = apply_block(&item->wire);
    uint64_t capacity = 0;
    apply_item_type(item, &type);
    int result = series_judge_first(&type, rule, &block, now_ns, &capacity);
    if (result == -ENODATA) {
        verdict->blocks++;
        verdict->late += item->wire.count;
        return 0;
    }
    if (result < 0)
        return apply_refuse_append(item, result, capacity, verdict);
    result = store_create(applier->store, item->wire.name, item->wire.name_bytes, &type, rule,
                          item->wire.clock == WIRE_CLOCK_REGULAR ? item->wire.period_ps : 0,
                          &item->series, &error);
    if (result == 0)
        return 0;
    item->series = NULL;
    return apply_refuse_create(item, result, &error, label, verdict);
}

static void apply_refuse_early(const struct applier *applier, const struct apply_item *item,
                               struct verdict *verdict)
{
    if (item->code != WIRE_TIME_FUTURE) {
        verdict_refuse(verdict, item->code, item->wire.name, item->wire.name_bytes, "%s",
                       item->reason);
        return;
    }
    char horizon[32];
    verdict_refuse(verdict, WIRE_TIME_FUTURE, item->wire.name, item->wire.name_bytes,
                   "a stamp more than %s ahead of the daemon's clock; set the sender's clock, or "
                   "raise max_future",
                   units_format_duration(applier->max_future_ns, horizon, sizeof horizon));
}

static int apply_one(struct applier *applier, struct apply_item *item, uint64_t session,
                     uint64_t sequence, int64_t now_ns, struct verdict *verdict)
{
    if (item->code != WIRE_OK) {
        apply_refuse_early(applier, item, verdict);
        return 0;
    }
    if (item->series == NULL) {
        int result = apply_create(applier, item, now_ns, verdict);
        if (result < 0 || item->series == NULL)
            return result;
    } else {
        if (!apply_item_fits(item)) {
            apply_refuse_mismatch(item, verdict);
            return 0;
        }
        if (series_rule(item->series) == NULL)
            apply_set_rule(applier, item->series);
    }
    struct series_append_result appended;
    const struct series_block block = apply_block(&item->wire);
    int result = series_append(item->series, &block, session, sequence, now_ns, &appended);
    if (result < 0)
        return apply_refuse_append(item, result, series_capacity(item->series), verdict);
    verdict->blocks += !appended.duplicate;
    verdict->duplicates += appended.duplicate;
    verdict->samples += appended.appended;
    verdict->late += appended.late;
    verdict->clamped += appended.clamped;
    return 0;
}

/* The whole batch is refused; the text names the series of one block. */
static void apply_refuse_batch(const struct applier *applier, enum wire_code code,
                               const struct apply_item *item, const char *reason,
                               struct verdict *verdict)
{
    verdict_begin(verdict);
    verdict_refuse(verdict, code, item->wire.name, item->wire.name_bytes, "%s", reason);
    verdict->refused_blocks = (uint32_t)applier->item_count;
}

static int apply_finish(struct applier *applier, uint64_t session, uint64_t sequence,
                        int64_t now_ns, struct verdict *verdict)
{
    uint32_t count = (uint32_t)applier->item_count;
    if (applier->duplicate != NULL) {
        apply_refuse_batch(applier, WIRE_MALFORMED, applier->duplicate,
                           "two blocks of one series; gather its samples into one block", verdict);
        return 0;
    }
    if (applier->has_future && now_ns < store_newest_ns(applier->store)) {
        verdict_refuse_all(
            verdict, WIRE_BUSY, count,
            "the daemon's clock is behind what it has stored; send again when it is set");
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (i + PREFETCH_BLOCKS < count && applier->items[i + PREFETCH_BLOCKS].series != NULL)
            series_prefetch(applier->items[i + PREFETCH_BLOCKS].series);
        if (i % PAUSE_BLOCKS == PAUSE_BLOCKS - 1 && applier->pause != NULL)
            applier->pause(applier->pause_context);
        verdict->block = (uint32_t)i;
        int result = apply_one(applier, &applier->items[i], session, sequence, now_ns, verdict);
        if (result < 0)
            return result;
    }
    if (verdict->code == WIRE_OK && verdict->late > 0 && verdict->samples == 0 &&
        verdict->duplicates == 0) {
        uint64_t late = verdict->late;
        apply_refuse_batch(applier, WIRE_TIME_ORDER, &applier->items[0],
                           "no sample of the batch is later than the newest of its series "
                           "(late = drop); set the sender's clock, or the rule's late = clamp",
                           verdict);
        verdict->late = late;
    }
    return 0;
}

int applier_batch(struct applier *applier, const struct client *writer, struct wire_batch *batch,
                  int64_t now_ns, struct verdict *verdict)
{
    const struct wire_batch again = *batch;
    verdict_begin(verdict);
    int result = apply_begin(applier, writer, batch->block_count);
    for (unsigned i = 0; result == 0 && i < batch->block_count; i++) {
        struct apply_item *item = &applier->items[i];
        apply_add(applier, wire_batch_next(batch, &item->wire, &item->reason));
    }
    if (result == 0)
        result = apply_judge_all(applier, batch->session, now_ns);
    if (result < 0) {
        verdict_refuse_all(verdict, WIRE_BUSY, batch->block_count, "out of memory");
        return 0;
    }
    if (applier->is_crowded) {
        *batch = again;
        return -EBUSY;
    }
    result = apply_finish(applier, batch->session, batch->sequence, now_ns, verdict);
    if (result == 0)
        verdict_end(verdict, (uint32_t)applier->item_count);
    return result;
}

int applier_lines(struct applier *applier, const struct client *writer,
                  const struct line_protocol *lines, size_t block_count, int64_t now_ns,
                  struct verdict *verdict)
{
    int result = apply_begin(applier, writer, block_count);
    for (size_t i = 0; result == 0 && i < block_count; i++) {
        line_protocol_block(lines, i, &applier->items[i].wire);
        apply_add(applier, WIRE_OK);
    }
    if (result == 0)
        result = apply_judge_all(applier, 0, now_ns);
    if (result < 0) {
        verdict_refuse_all(verdict, WIRE_BUSY, (uint32_t)block_count, "out of memory");
        return 0;
    }
    if (applier->is_crowded)
        return -EBUSY;
    return apply_finish(applier, 0, 0, now_ns, verdict);
}
