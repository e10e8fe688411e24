#include "pooled_window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_FIRST ((size_t)64)

void pooled_window_init(struct pooled_window *window, enum stats_kind kind,
                        struct query_length length, uint64_t step)
{
    *window = (struct pooled_window){.length = length, .step = step};
    stats_state_clear(&window->newer, kind);
}

void pooled_window_free(struct pooled_window *window)
{
    free(window->rows);
}

void pooled_window_clear(struct pooled_window *window)
{
    window->begin = window->middle = window->end = 0;
    stats_state_clear(&window->newer, window->newer.kind);
}

/* Room for one more row. */
static int make_room(struct pooled_window *window)
{
    if (window->end < window->room)
        return 0;
    /* Moved only when half of it is free: each row is moved once on average. */
    if (window->begin < window->room / 2 || window->room == 0) {
        size_t room = window->room > 0 ? 2 * window->room : ROWS_FIRST;
        struct pooled_window_row *rows = reallocarray(window->rows, room, sizeof *rows);
        if (rows == NULL)
            return -ENOMEM;
        window->rows = rows;
        window->room = room;
        return 0;
    }
    memmove(window->rows, window->rows + window->begin,
            (window->end - window->begin) * sizeof *window->rows);
    window->middle -= window->begin;
    window->end -= window->begin;
    window->begin = 0;
    return 0;
}

/* The newer part takes the place of the older one, of which nothing is left. */
static void turn_over(struct pooled_window *window)
{
    for (size_t i = window->end - 1; i > window->begin; i--)
        stats_state_merge(&window->rows[i - 1].state, &window->rows[i].state);
    window->middle = window->end;
    stats_state_clear(&window->newer, window->newer.kind);
}

static void remove_oldest(struct pooled_window *window)
{
    if (window->begin == window->middle)
        turn_over(window);
    window->begin++;
}

/* True when the window that ends at time_ns does not have its oldest row any more. */
static bool is_oldest_out(const struct pooled_window *window, int64_t time_ns)
{
    int64_t age_ns;
    if (window->length.span_ns == 0)
        return window->end - window->begin > window->length.rows;
    return __builtin_sub_overflow(time_ns, window->rows[window->begin].time_ns, &age_ns) ||
           age_ns >= window->length.span_ns;
}

static bool is_full(const struct pooled_window *window, int64_t time_ns)
{
    int64_t age_ns;
    if (window->length.span_ns == 0)
        return window->end - window->begin == window->length.rows;
    return __builtin_sub_overflow(time_ns, window->begin_ns, &age_ns) ||
           age_ns >= window->length.span_ns;
}

int pooled_window_add(struct pooled_window *window, int64_t time_ns,
                      const struct stats_state *state, const struct stats_state **ret_state)
{
    *ret_state = NULL;
    int result = make_room(window);
    if (result < 0)
        return result;
    if (window->begin == window->end)
        window->begin_ns = time_ns;
    window->rows[window->end++] = (struct pooled_window_row){time_ns, *state};
    stats_state_merge(&window->newer, state);
    while (is_oldest_out(window, time_ns))
        remove_oldest(window);
    if (!is_full(window, time_ns) || window->full++ % window->step != 0)
        return 0;
    if (window->begin < window->middle) {
        window->total = window->rows[window->begin].state;
        stats_state_merge(&window->total, &window->newer);
    } else {
        window->total = window->newer;
    }
    *ret_state = &window->total;
    return 0;
}
