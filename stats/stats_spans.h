/* stats_spans.h - how many samples are in the window (t - D, t] of each sample of a stream.
 *
 * Stamps grow strictly. A stamp is compared with the cut-offs of eight windows at once, so that it
 * costs no branch where windows end. No I/O, no allocation (the caller brings memory); one thread
 * an object. */
#ifndef INGEST_STATS_SPANS_H
#define INGEST_STATS_SPANS_H

#include <stddef.h>
#include <stdint.h>

struct stats_spans;

/* Bytes for windows of up to `samples` samples before a piece of up to `piece`: 8 each; 0 on
 * overflow. */
size_t stats_spans_bytes(size_t samples, size_t piece);

/* Makes an object in `memory` of that size, aligned as by malloc(), for windows of span_ns > 0. */
struct stats_spans *stats_spans_init(void *memory, size_t samples, size_t piece, int64_t span_ns);

/* Makes `to` (empty, larger) hold what `from` does. */
void stats_spans_transfer(struct stats_spans *to, const struct stats_spans *from);

/* Forgets all stamps. */
void stats_spans_clear(struct stats_spans *spans);

/* Samples in the newest window. */
size_t stats_spans_length(const struct stats_spans *spans);

/* Takes the stamps of `count` samples in, at most a piece, where stats_spans_length() is at most
 * what there is room for. ret_lengths[i]: samples in the window that ends with sample i. */
void stats_spans_slide(struct stats_spans *spans, const int64_t *times_ns, size_t count,
                       size_t *ret_lengths);

#endif
