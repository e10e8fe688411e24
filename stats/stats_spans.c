#include "stats_spans.h"

#include "stats_kernels.h"

#include <assert.h>
#include <string.h>

#define GROUP 64

struct stats_spans {
    const struct stats_kernels *kernels;
    int64_t span_ns;
    size_t capacity;
    size_t begin, end; /* the newest window is stamps [begin, end) */
    int64_t *times_ns;
};

size_t stats_spans_bytes(size_t samples, size_t piece)
{
    size_t count, bytes;
    if (__builtin_add_overflow(samples, piece, &count) ||
        __builtin_mul_overflow(count, sizeof(int64_t), &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct stats_spans), &bytes))
        return 0;
    return bytes;
}

struct stats_spans *stats_spans_init(void *memory, size_t samples, size_t piece, int64_t span_ns)
{
    struct stats_spans *spans = memory;
    assert(span_ns > 0);
    *spans = (struct stats_spans){
        .kernels = stats_kernels_best(),
        .span_ns = span_ns,
        .capacity = samples + piece,
        .times_ns = (int64_t *)(spans + 1),
    };
    return spans;
}

void stats_spans_transfer(struct stats_spans *to, const struct stats_spans *from)
{
    to->begin = 0;
    to->end = stats_spans_length(from);
    assert(to->end <= to->capacity);
    memcpy(to->times_ns, from->times_ns + from->begin, to->end * sizeof *to->times_ns);
}

void stats_spans_clear(struct stats_spans *spans)
{
    spans->begin = spans->end = 0;
}

size_t stats_spans_length(const struct stats_spans *spans)
{
    return spans->end - spans->begin;
}

void stats_spans_slide(struct stats_spans *spans, const int64_t *times_ns, size_t count,
                       size_t *ret_lengths)
{
    if (spans->end + count > spans->capacity) {
        spans->end -= spans->begin;
        memmove(spans->times_ns, spans->times_ns + spans->begin,
                spans->end * sizeof *spans->times_ns);
        spans->begin = 0;
    }
    assert(spans->end + count <= spans->capacity);
    memcpy(spans->times_ns + spans->end, times_ns, count * sizeof *times_ns);
    for (size_t i = 0; i < count; i += GROUP) {
        int64_t cuts[GROUP], back_ns = spans->span_ns - 1;
        size_t begins[GROUP], group = count - i < GROUP ? count - i : GROUP;
        bool from_the_beginning = times_ns[i] < INT64_MIN + back_ns;
        for (size_t k = 0; !from_the_beginning && k < group; k++)
            cuts[k] = times_ns[i + k] - back_ns;
        for (size_t k = 0; from_the_beginning && k < group; k++) {
            if (__builtin_sub_overflow(times_ns[i + k], back_ns, &cuts[k]))
                cuts[k] = INT64_MIN;
        }
        spans->begin =
            spans->kernels->span_begins(spans->times_ns, cuts, group, spans->begin, begins);
        for (size_t k = 0; k < group; k++)
            ret_lengths[i + k] = spans->end + i + k + 1 - begins[k];
    }
    spans->end += count;
}
