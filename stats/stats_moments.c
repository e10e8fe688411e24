#include "stats_moments.h"

#include "moments_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static bool has_chunks(const struct stats_moments_rule *rule)
{
    return rule->window == 0 || rule->window > STATS_SHORT_WINDOW_MAX;
}

/* One chunk more than the window may hold parts of. */
static size_t slots_for(const struct stats_moments_rule *rule)
{
    size_t longest = rule->window > 0 ? rule->window : rule->longest;
    return has_chunks(rule) ? chunk_queue_slots(longest / STATS_TILE + 3) : 0;
}

size_t stats_moments_bytes(const struct stats_moments_rule *rule)
{
    size_t bytes;
    if (__builtin_mul_overflow(slots_for(rule), sizeof(struct chunk_state), &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct stats_moments), &bytes))
        return 0;
    return bytes;
}

struct stats_moments *stats_moments_init(void *memory, const struct stats_moments_rule *rule,
                                         const struct stats_kernels *kernels)
{
    struct stats_moments *moments = memory;
    size_t slots = slots_for(rule);
    if (kernels == NULL)
        kernels = stats_kernels_best();
    *moments = (struct stats_moments){
        .rule = *rule,
        .kernels = kernels,
        .window = rule->window,
        .origin = has_chunks(rule) ? rule->window % STATS_TILE : 0,
        .tiles = {.window = rule->window,
                  .ddof = rule->rules.ddof,
                  .queue = {.sums = rule->sums,
                            .mask = slots - 1,
                            .slots = slots > 0 ? (struct chunk_state *)(moments + 1) : NULL}},
    };
    /* From the end of the oldest tile to the first chunk. */
    if (rule->window > STATS_SHORT_WINDOW_MAX)
        moments->tiles.odd = (rule->window - STATS_TILE) % STATS_TILE;
    stats_moments_clear(moments);
    return moments;
}

void stats_moments_clear(struct stats_moments *moments)
{
    moments->position = moments->bad_end = moments->window_begin = 0;
    moments->special = (struct stats_special){0};
    moments->tiles.anchor = (double)NAN;
    chunk_queue_clear(&moments->tiles.queue, 0);
}

/* Where results go, and whether any of them is touched by what is not finite. */
struct output {
    double *means, *vars; /* vars: NULL when there are none */
    struct stats_special *special;
    size_t done;
    bool any_special;
};

/* The next `count` results are written; special is NULL when all of their samples are finite. */
static void advance(struct output *output, size_t count, const struct stats_special *special)
{
    if (output->special != NULL) {
        if (special != NULL && !output->any_special)
            memset(output->special, 0, output->done * sizeof *special);
        if (special != NULL)
            memcpy(output->special + output->done, special, count * sizeof *special);
        else if (output->any_special)
            memset(output->special + output->done, 0, count * sizeof *output->special);
    }
    output->any_special = output->any_special || special != NULL;
    output->done += count;
    output->means += count;
    if (output->vars != NULL)
        output->vars += count;
}

/* Results through the windows of any length. */
static void slide_any(struct stats_moments *moments, const struct moments_input *input,
                      uint64_t tile, uint64_t to, struct output *output)
{
    struct stats_special special[STATS_TILE];
    struct stats_sums sums;
    uint64_t from = moments->position;
    bool any = moments_count_special(moments, input, from, to, &sums, special);
    struct moments_results results = {output->means, output->vars, any ? special : NULL};
    moments_any_windows(moments, input, tile, from, to, &sums, &results);
    advance(output, (size_t)(to - from), results.special);
}

/* Full windows, to the end of the tile or to `end`. */
static void slide_full(struct stats_moments *moments, const struct moments_input *input,
                       uint64_t tile, uint64_t end, struct output *output)
{
    size_t whole = (size_t)((end - tile) / STATS_TILE), done = 0;
    if (moments->position == tile && moments_at_tile(moments, tile) && whole > 0) {
        moments->tiles.chunk = moments_first_chunk(moments, tile);
        done = moments->kernels->tiles(&moments->tiles, moments_sample(input, tile), whole,
                                       output->means, output->vars);
        advance(output, done * STATS_TILE, NULL);
    }
    if (done == 0)
        slide_any(moments, input, tile, end - tile < STATS_TILE ? end : tile + STATS_TILE, output);
}

/* The first full window: all chunks are made, and what is not finite is counted. */
static void slide_first(struct stats_moments *moments, const struct moments_input *input,
                        struct output *output)
{
    uint64_t end = moments->window, at = 0;
    struct chunk_queue all = {.sums = moments->rule.sums, .slots = &(struct chunk_state){0}};
    moments->special = (struct stats_special){0};
    moments->window_begin = 0;
    while (at < end) {
        size_t count = at == 0 && moments->origin > 0 ? (size_t)moments->origin : STATS_TILE;
        struct chunk_state state = moments_chunk(moments, moments_sample(input, at), count);
        if (count == STATS_TILE)
            chunk_queue_push(&moments->tiles.queue, state);
        chunk_queue_push(&all, state);
        if (state.count < (double)count)
            moments_add_special(moments, moments_sample(input, at), at, count);
        at += count;
    }
    double n = all.newest.count, ddof = moments->rule.rules.ddof, unused = 0;
    double *var = output->vars != NULL ? output->vars : &unused;
    *output->means = n > 0 || moments->rule.sums ? all.newest.hi + all.newest.lo : (double)NAN;
    *var = n > ddof ? all.newest.m2 / (n - ddof) : (double)NAN;
    if (moments->bad_end > 0)
        moments_apply_special(moments, &moments->special, moments->window, output->means, var);
    advance(output, 1, moments->bad_end > 0 ? &moments->special : NULL);
}

/* Results of full windows that are shorter than a tile is worth. */
static void slide_short(struct stats_moments *moments, const struct moments_input *input,
                        uint64_t to, struct output *output)
{
    double finite[STATS_TILE];
    struct stats_sums sums;
    struct stats_special special[STATS_TILE];
    size_t window = moments->window;
    unsigned ddof = moments->rule.rules.ddof;
    uint64_t from = moments->position, begin = from + 1 - window;
    const double *samples = moments_sample(input, begin);
    double unused, *vars = moments->rule.sums ? NULL : output->vars;
    bool any = false;
    size_t count = STATS_SHORT_SAMPLES_MAX - window + 1;
    if (count > to - from)
        count = (size_t)(to - from);
    enum stats_short_result result = STATS_SHORT_NOT_FINITE;
    if (moments->bad_end <= begin)
        result = moments->kernels->short_windows(samples, count, window, ddof, NULL, output->means,
                                                 vars);
    if (result == STATS_SHORT_NOT_FINITE) {
        count = count < STATS_TILE ? count : STATS_TILE;
        any = moments_count_special(moments, input, from, from + count, &sums, special);
        for (size_t i = 0; i < count; i++)
            finite[i] = any ? (double)(window - special[i].missing - special[i].plus_infinite -
                                       special[i].minus_infinite)
                            : (double)window;
        result = moments->kernels->short_windows(samples, count, window, ddof, finite,
                                                 output->means, vars);
    }
    for (size_t i = 0; vars != NULL && result == STATS_SHORT_UNSOUND && i < count; i++) {
        if (isnan(vars[i]))
            moments_window_alone(moments, input, begin + i, from + i + 1, &output->means[i],
                                 &vars[i]);
    }
    for (size_t i = 0; any && i < count; i++)
        moments_apply_special(moments, &special[i], window, &output->means[i],
                              vars != NULL ? &vars[i] : &unused);
    advance(output, count, any ? special : NULL);
}

/* Samples whose windows are not full. */
static void skip_to_first(struct stats_moments *moments, const struct moments_input *input,
                          uint64_t to, struct output *output)
{
    advance(output, (size_t)(to - moments->position), NULL);
    /* Where there are chunks, slide_first() looks at all of the window. */
    for (uint64_t at = moments->position; !moments_has_chunks(moments) && at < to;) {
        size_t count = to - at < STATS_TILE ? (size_t)(to - at) : STATS_TILE;
        moments_add_special(moments, moments_sample(input, at), at, count);
        at += count;
    }
    moments->position = to;
}

bool stats_moments_slide(struct stats_moments *moments, const double *samples,
                         const size_t *lengths, size_t count, double *ret_means, double *ret_vars,
                         struct stats_special *ret_special)
{
    struct moments_input input = {samples, moments->position, lengths};
    struct output output = {ret_means, ret_vars, ret_special, 0, false};
    uint64_t end = moments->position + count, window = moments->window;
    assert((lengths == NULL) == (window > 0));
    if (window > 0 && moments->position + 1 < window)
        skip_to_first(moments, &input, end + 1 < window ? end : window - 1, &output);
    for (size_t done = output.done; moments->position < end; done = output.done) {
        uint64_t tile = moments->position - (moments->position - moments->origin) % STATS_TILE;
        uint64_t to = tile + STATS_TILE < end ? tile + STATS_TILE : end;
        if (window == 0)
            slide_any(moments, &input, tile, to, &output);
        else if (!moments_has_chunks(moments))
            slide_short(moments, &input, end, &output);
        else if (moments->position + 1 == window)
            slide_first(moments, &input, &output);
        else
            slide_full(moments, &input, tile, end, &output);
        moments->position += output.done - done;
    }
    return output.any_special;
}
