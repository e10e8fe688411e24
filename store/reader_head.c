#include "reader_internal.h"

#include <errno.h>
#include <inttypes.h>

/* A head that holds nonsense says which word does. */
static int head_damaged(const struct reader *reader, struct error_text *error, const char *what)
{
    return error_set(error, -EBADMSG, "%s: the head is damaged: %s", reader->head.path, what);
}

static int head_load_type(struct reader *reader, struct error_text *error)
{
    struct series_type type = {.dtype = DTYPE_NONE};
    int64_t dtype = reader_head_word(reader, HEAD_DTYPE);
    if ((dtype & ~INT64_C(0xffff)) == 0)
        type.dtype = dtype_from_chars((char)(dtype & 0xff), (char)(dtype >> 8));
    if (type.dtype == DTYPE_NONE)
        return head_damaged(reader, error, "the dtype");

    int64_t rank = reader_head_word(reader, HEAD_RANK);
    if (rank < 0 || rank > STORE_RANK_MAX)
        return head_damaged(reader, error, "the rank");
    type.rank = (uint8_t)rank;
    for (unsigned d = 0; d < STORE_RANK_MAX; d++) {
        int64_t dim = reader_head_word(reader, HEAD_DIMS + d);
        if (d < type.rank ? dim < 1 || dim > UINT32_MAX : dim != 0)
            return head_damaged(reader, error, "a dimension");
        type.dims[d] = (uint32_t)dim;
    }

    int64_t clock = reader_head_word(reader, HEAD_CLOCK);
    if (clock != SERIES_REGULAR && clock != SERIES_EXPLICIT)
        return head_damaged(reader, error, "the clock");
    type.clock = (enum series_clock)clock;

    reader->info.type = type;
    reader->info.elements = series_type_elements(&type);
    reader->info.sample_bytes = series_type_sample_bytes(&type);
    int64_t sample_bytes = reader_head_word(reader, HEAD_SAMPLE_BYTES);
    if (sample_bytes <= 0 || (uint64_t)sample_bytes != reader->info.sample_bytes)
        return head_damaged(reader, error, "the bytes per sample");
    return 0;
}

int reader_head_load(struct reader *reader, struct error_text *error)
{
    if (reader_head_word(reader, HEAD_MAGIC) != HEAD_MAGIC_VALUE)
        return head_damaged(reader, error, "no magic");
    int64_t version = reader_head_word(reader, HEAD_VERSION);
    if (version != STORE_FORMAT_VERSION)
        return error_set(error, -EPROTONOSUPPORT,
                         "%s: format version %" PRId64 ", and this program knows version %d",
                         reader->head.path, version, STORE_FORMAT_VERSION);
    int64_t flags = reader_head_word(reader, HEAD_INCOMPATIBLE);
    if (flags != 0)
        return error_set(error, -EPROTONOSUPPORT,
                         "%s: incompatible flags 0x%" PRIx64 ", which this program does not know",
                         reader->head.path, (uint64_t)flags);

    int r = head_load_type(reader, error);
    if (r < 0)
        return r;
    int64_t capacity = reader_head_word(reader, HEAD_CAPACITY);
    if (capacity < 0)
        return head_damaged(reader, error, "the capacity");
    reader->info.capacity = (uint64_t)capacity;
    reader->info.id = (uint64_t)reader_head_word(reader, HEAD_ID);
    reader->info.created_ns = reader_head_word(reader, HEAD_CREATED_NS);
    reader->epoch = reader_head_word(reader, HEAD_EPOCH);
    return 0;
}
