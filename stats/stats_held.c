#include "stats_held.h"

#include <assert.h>
#include <math.h>

/* A value from a time on, until the next one. */
struct held_value {
    int64_t time_ns;
    double value;
};

/* Values [first, end) in a ring; each but the last is also a chunk of the queue. */
struct stats_held_window {
    uint64_t first, end;
    uint64_t mask;
    struct stats_held special; /* counts of what is not finite among them, but for the last */
    struct chunk_queue queue;
    struct held_value *values;
};

static void count_special(struct stats_held *held, double value, uint64_t by)
{
    if (isnan(value))
        held->missing += by;
    else if (isinf(value) && value > 0)
        held->plus_infinite += by;
    else if (isinf(value))
        held->minus_infinite += by;
}

static struct chunk_state state_of(double value, int64_t held_ns)
{
    if (!isfinite(value) || held_ns <= 0)
        return (struct chunk_state){0};
    return (struct chunk_state){.count = (double)held_ns, .hi = value};
}

void stats_held_add(struct stats_held *held, double value, int64_t held_ns)
{
    struct chunk_state state = state_of(value, held_ns);
    chunk_state_merge(&held->finite, &state, false);
    if (held_ns > 0)
        count_special(held, value, 1);
}

/* Centuries are as good as for ever. */
static int64_t elapsed_ns(int64_t from_ns, int64_t to_ns)
{
    int64_t held_ns;
    return __builtin_sub_overflow(to_ns, from_ns, &held_ns) ? INT64_MAX : held_ns;
}

void stats_held_until(struct stats_held_signal *signal, int64_t time_ns)
{
    if (signal->begun)
        stats_held_add(&signal->held, signal->value, elapsed_ns(signal->time_ns, time_ns));
    signal->time_ns = time_ns;
}

void stats_held_next(struct stats_held_signal *signal, double value, int64_t time_ns)
{
    stats_held_until(signal, time_ns);
    signal->begun = true;
    signal->value = value;
}

bool stats_held_tells(enum stats_name name)
{
    return name == STATS_MEAN || name == STATS_VAR || name == STATS_STD || name == STATS_RMS;
}

double stats_held_get(const struct stats_held *held, enum stats_name name,
                      const struct stats_rules *rules)
{
    const struct chunk_state *state = &held->finite;
    double mean = state->hi + state->lo, var = state->m2 / state->count;
    bool infinite = held->plus_infinite + held->minus_infinite > 0;
    if (rules->propagate_nan && held->missing > 0)
        return (double)NAN;
    if (!infinite && state->count <= 0)
        return (double)NAN;
    switch (name) {
    case STATS_MEAN:
        if (!infinite)
            return mean;
        return held->minus_infinite == 0  ? (double)INFINITY
               : held->plus_infinite == 0 ? -(double)INFINITY
                                          : (double)NAN;
    case STATS_VAR:
        return infinite ? (double)NAN : var;
    case STATS_STD:
        return infinite ? (double)NAN : sqrt(var);
    default:
        return infinite ? (double)INFINITY : hypot(mean, sqrt(var));
    }
}

size_t stats_held_bytes(size_t values)
{
    size_t each = sizeof(struct held_value) + sizeof(struct chunk_state), bytes;
    if (values > SIZE_MAX / 4 ||
        __builtin_mul_overflow(chunk_queue_slots(values + 2), each, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct stats_held_window), &bytes))
        return 0;
    return bytes;
}

struct stats_held_window *stats_held_init(void *memory, size_t values)
{
    struct stats_held_window *window = memory;
    size_t slots = chunk_queue_slots(values + 2);
    *window = (struct stats_held_window){
        .mask = slots - 1,
        .queue = {.mask = slots - 1, .slots = (struct chunk_state *)(window + 1)},
    };
    window->values = (struct held_value *)(window->queue.slots + slots);
    stats_held_clear(window);
    return window;
}

void stats_held_clear(struct stats_held_window *window)
{
    window->first = window->end = 0;
    window->special = (struct stats_held){0};
    chunk_queue_clear(&window->queue, 0);
}

size_t stats_held_values(const struct stats_held_window *window)
{
    return (size_t)(window->end - window->first);
}

int64_t stats_held_time_ns(const struct stats_held_window *window, size_t before)
{
    assert(before < window->end - window->first);
    return window->values[(window->end - 1 - before) & window->mask].time_ns;
}

static void push(struct stats_held_window *window, double value, int64_t time_ns)
{
    assert(window->end - window->first <= window->mask);
    if (window->end > window->first) {
        const struct held_value *last = &window->values[(window->end - 1) & window->mask];
        chunk_queue_push(&window->queue, state_of(last->value, elapsed_ns(last->time_ns, time_ns)));
        count_special(&window->special, last->value, 1);
    }
    window->values[window->end++ & window->mask] = (struct held_value){time_ns, value};
}

void stats_held_transfer(struct stats_held_window *to, const struct stats_held_window *from)
{
    for (uint64_t at = from->first; at < from->end; at++) {
        const struct held_value *held = &from->values[at & from->mask];
        push(to, held->value, held->time_ns);
    }
}

void stats_held_slide(struct stats_held_window *window, double value, int64_t time_ns,
                      int64_t cut_ns, struct stats_held *ret_held)
{
    push(window, value, time_ns);
    /* A value leaves when the next one had come by the time of the cut. */
    while (window->first + 1 < window->end &&
           window->values[(window->first + 1) & window->mask].time_ns <= cut_ns) {
        count_special(&window->special, window->values[window->first & window->mask].value,
                      UINT64_MAX);
        window->first++;
    }
    struct stats_held held = window->special;
    const struct held_value *oldest = &window->values[window->first & window->mask];
    uint64_t whole = window->first;
    if (oldest->time_ns < cut_ns && whole + 1 < window->end) {
        /* Of the oldest only what is behind the cut. */
        int64_t next_ns = window->values[(whole + 1) & window->mask].time_ns;
        held.finite = state_of(oldest->value, elapsed_ns(cut_ns, next_ns));
        whole++;
    }
    struct chunk_state rest = chunk_queue_from(&window->queue, whole);
    chunk_state_merge(&held.finite, &rest, false);
    *ret_held = held;
}
