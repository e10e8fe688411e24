#include "series_head.h"

#include <string.h>

/* The two ASCII bytes of a dtype's name, the first one lowest. */
static int64_t dtype_word(enum dtype dtype)
{
    const char *name = dtype_name(dtype);
    return (int64_t)(unsigned char)name[0] | (int64_t)(unsigned char)name[1] << 8;
}

static const char *decode_type(const int64_t words[HEAD_WORDS], struct series_type *type)
{
    int64_t word = words[HEAD_DTYPE];
    type->dtype = dtype_from_chars((char)(word & 0x7f), (char)(word >> 8 & 0x7f));
    if (type->dtype == DTYPE_NONE || dtype_word(type->dtype) != word)
        return "its head names a dtype that there is not";
    if (words[HEAD_RANK] < 0 || words[HEAD_RANK] > STORE_RANK_MAX)
        return "its head has a rank outside 0 to 4";
    type->rank = (uint8_t)words[HEAD_RANK];
    for (unsigned d = 0; d < STORE_RANK_MAX; d++) {
        int64_t dim = words[HEAD_DIMS + d];
        bool is_used = d < type->rank;
        if (dim < (is_used ? 1 : 0) || dim > (is_used ? (int64_t)UINT32_MAX : 0))
            return "its head has a dimension that cannot be";
        type->dims[d] = (uint32_t)dim;
    }
    if (words[HEAD_CLOCK] != SERIES_REGULAR && words[HEAD_CLOCK] != SERIES_EXPLICIT)
        return "its head has a clock that is neither regular nor explicit";
    type->clock = (enum series_clock)words[HEAD_CLOCK];
    return NULL;
}

const char *series_head_decode(const int64_t words[HEAD_WORDS], struct series_head *ret_head)
{
    if (words[HEAD_MAGIC] != HEAD_MAGIC_VALUE)
        return "head.npy does not begin with INGESTD1";
    if (words[HEAD_VERSION] != STORE_FORMAT_VERSION)
        return "it has a format version that this program does not know";
    if (words[HEAD_INCOMPATIBLE] != 0 || words[HEAD_COMPATIBLE] != 0)
        return "it uses a feature that this program does not know";

    struct series_head head = {0};
    const char *fault = decode_type(words, &head.type);
    if (fault != NULL)
        return fault;
    static const enum head_word never_negative[] = {
        HEAD_ID,       HEAD_CAPACITY, HEAD_SAMPLE_BYTES, HEAD_COUNT,
        HEAD_FRONTIER, HEAD_ROWS,     HEAD_RUNS_COUNT,   HEAD_DURABLE};
    for (size_t i = 0; i < sizeof never_negative / sizeof never_negative[0]; i++)
        if (words[never_negative[i]] < 0)
            return "its head has a negative count";
    head.id = (uint64_t)words[HEAD_ID];
    head.capacity = (uint64_t)words[HEAD_CAPACITY];
    head.sample_bytes = (uint64_t)words[HEAD_SAMPLE_BYTES];
    head.created_ns = words[HEAD_CREATED_NS];
    head.count = (uint64_t)words[HEAD_COUNT];
    head.frontier = (uint64_t)words[HEAD_FRONTIER];
    head.rows = (uint64_t)words[HEAD_ROWS];
    head.runs_count = (uint64_t)words[HEAD_RUNS_COUNT];
    head.last_time_ns = words[HEAD_LAST_TIME_NS];
    head.durable = (uint64_t)words[HEAD_DURABLE];
    head.epoch = words[HEAD_EPOCH];
    head.summarised = (uint64_t)words[HEAD_SUMMARISED];
    if (head.summarised > head.count || head.summarised % SUMMARY_BLOCK_ROWS != 0)
        head.summarised = 0;

    uint64_t sample_bytes = series_type_sample_bytes(&head.type);
    if (sample_bytes == 0 || sample_bytes != head.sample_bytes)
        return "its head has a sample size that does not fit dtype and dimensions";
    if (head.id == 0)
        return "its head has no id";
    if (head.frontier < head.count || head.count > INT64_MAX / 2 || head.frontier > INT64_MAX / 2)
        return "its head has a frontier behind its count";
    if (head.capacity == 0 && head.count > head.rows)
        return "its head counts more samples than it has rows";
    *ret_head = head;
    return NULL;
}

void series_head_encode(const struct series_head *head, int64_t ret_words[HEAD_WORDS])
{
    memset(ret_words, 0, HEAD_WORDS * sizeof ret_words[0]);
    ret_words[HEAD_MAGIC] = HEAD_MAGIC_VALUE;
    ret_words[HEAD_VERSION] = STORE_FORMAT_VERSION;
    ret_words[HEAD_ID] = (int64_t)head->id;
    ret_words[HEAD_CAPACITY] = (int64_t)head->capacity;
    ret_words[HEAD_SAMPLE_BYTES] = (int64_t)head->sample_bytes;
    ret_words[HEAD_DTYPE] = dtype_word(head->type.dtype);
    ret_words[HEAD_RANK] = head->type.rank;
    for (unsigned d = 0; d < head->type.rank; d++)
        ret_words[HEAD_DIMS + d] = head->type.dims[d];
    ret_words[HEAD_CLOCK] = head->type.clock;
    ret_words[HEAD_CREATED_NS] = head->created_ns;
    ret_words[HEAD_COUNT] = (int64_t)head->count;
    ret_words[HEAD_FRONTIER] = (int64_t)head->frontier;
    ret_words[HEAD_ROWS] = (int64_t)head->rows;
    ret_words[HEAD_RUNS_COUNT] = (int64_t)head->runs_count;
    ret_words[HEAD_LAST_TIME_NS] = head->last_time_ns;
    ret_words[HEAD_DURABLE] = (int64_t)head->durable;
    ret_words[HEAD_EPOCH] = head->epoch;
}
