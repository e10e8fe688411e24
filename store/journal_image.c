#include "journal_image.h"

#include "checked.h"
#include "crc32c.h"
#include "journal_format.h"
#include "little_endian.h"
#include "planted.h"
#include "series_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that are left of a record; `at` is NULL once something did not fit. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static const uint8_t *take(struct cursor *cursor, uint64_t bytes)
{
    const uint8_t *at = cursor->at;
    if (at == NULL || bytes > (uint64_t)(cursor->end - at)) {
        cursor->at = NULL;
        return NULL;
    }
    cursor->at = at + bytes;
    return at;
}

static uint8_t take_u8(struct cursor *cursor)
{
    const uint8_t *at = take(cursor, 1);
    return at != NULL ? *at : 0;
}

static uint64_t take_varint(struct cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = take_u8(cursor);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    cursor->at = NULL;
    return 0;
}

/* ---- tables that grow ---- */

/* The table with room for one more; NULL: no memory, and the table stands as it was. */
static void *room(void *items, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return items;
    size_t wanted = *capacity > 0 ? *capacity * 2 : 256;
    void *grown = reallocarray(items, wanted, size);
    if (grown != NULL)
        *capacity = wanted;
    return grown;
}

/* ---- one item ---- */

static bool take_description(struct cursor *cursor, struct journal_series *series)
{
    const uint8_t *at = take(cursor, JOURNAL_DESCRIPTION_BYTES);
    if (at == NULL)
        return false;
    struct journal_description *description = &series->description;
    struct series_type *type = &description->type;
    description->id = le_load_u64(at);
    description->capacity = le_load_u64(at + 8);
    description->created_ns = le_load_i64(at + 16);
    type->dtype = dtype_from_chars((char)at[24], (char)at[25]);
    type->rank = at[26];
    type->clock = (enum series_clock)at[27];
    description->name_bytes = at[28];
    if (type->dtype == DTYPE_NONE || type->rank > STORE_RANK_MAX || description->id == 0 ||
        description->id > INT64_MAX || description->capacity > INT64_MAX / 4 ||
        (type->clock != SERIES_REGULAR && type->clock != SERIES_EXPLICIT))
        return false;
    for (unsigned d = 0; d < type->rank; d++) {
        const uint8_t *dim = take(cursor, 4);
        if (dim == NULL)
            return false;
        type->dims[d] = le_load_u32(dim);
    }
    description->name = (const char *)take(cursor, description->name_bytes);
    series->sample_bytes = series_type_sample_bytes(type);
    series->first_piece = series->last_piece = JOURNAL_NO_PIECE;
    return description->name != NULL && series->sample_bytes > 0 &&
           series_name_fault(description->name, description->name_bytes) == NULL;
}

static bool take_entries(struct cursor *cursor, struct journal_series *series)
{
    series->entry_count = take_u8(cursor);
    if (series->entry_count > HEAD_SESSION_SLOTS)
        return false;
    for (size_t i = 0; i < series->entry_count; i++) {
        const uint8_t *at = take(cursor, JOURNAL_ENTRY_BYTES);
        if (at == NULL)
            return false;
        series->entries[i] = (struct journal_entry){.session = le_load_u64(at),
                                                    .sequence = le_load_u64(at + 8),
                                                    .count = le_load_u64(at + 16)};
    }
    return true;
}

/* Where the inline rows and runs of an item are. */
static bool take_rows(struct journal_image *image, struct cursor *cursor,
                      const struct journal_series *series, struct journal_piece *piece)
{
    bool is_regular = series->description.type.clock == SERIES_REGULAR;
    uint64_t values_bytes;
    uint64_t stamps_bytes = is_regular ? (uint64_t)piece->runs * RUN_WORDS * 8 : piece->rows * 8ull;
    if (!checked_multiply_u64(piece->rows, series->sample_bytes, &values_bytes))
        return false;
    const uint8_t *values = take(cursor, values_bytes);
    const uint8_t *stamps = take(cursor, stamps_bytes);
    if (values == NULL || stamps == NULL)
        return false;
    piece->values_at = (uint32_t)(values - image->bytes);
    piece->stamps_at = (uint32_t)(stamps - image->bytes);
    return true;
}

static int add_piece(struct journal_image *image, struct journal_series *series,
                     const struct journal_piece *piece)
{
    struct journal_piece *pieces =
        room(image->pieces, &image->piece_capacity, image->piece_count, sizeof *piece);
    if (pieces == NULL)
        return -ENOMEM;
    image->pieces = pieces;
    uint32_t number = (uint32_t)image->piece_count++;
    image->pieces[number] = *piece;
    if (series->last_piece != JOURNAL_NO_PIECE)
        image->pieces[series->last_piece].next = number;
    else
        series->first_piece = number;
    series->last_piece = number;
    return 0;
}

/* Whether a position can follow the one before it. */
static bool position_fits(const struct journal_series *series, uint64_t count, uint64_t rows,
                          uint64_t runs_count, uint64_t runs)
{
    uint64_t capacity = series->description.capacity;
    return count >= series->count && count <= INT64_MAX / 4 && rows <= count &&
           rows <= UINT32_MAX && (capacity == 0 || rows <= capacity) &&
           runs_count >= series->runs_count && runs_count <= count && runs <= runs_count &&
           runs <= UINT32_MAX;
}

/* The series that the item speaks of; a described one is new. NULL: it does not fit; *ret_result is
 * then 0, or -ENOMEM. */
static struct journal_series *item_series(struct journal_image *image, struct cursor *cursor,
                                          uint64_t slot, unsigned flags, int *ret_result)
{
    *ret_result = 0;
    if ((flags & JOURNAL_DESCRIBED) == 0)
        return slot < image->series_count && !image->series[slot].is_removed ? &image->series[slot]
                                                                             : NULL;
    if (slot != image->series_count)
        return NULL;
    struct journal_series *table =
        room(image->series, &image->series_capacity, image->series_count, sizeof image->series[0]);
    if (table == NULL) {
        *ret_result = -ENOMEM;
        return NULL;
    }
    image->series = table;
    struct journal_series *series = &image->series[slot];
    *series = (struct journal_series){0};
    if (!take_description(cursor, series))
        return NULL;
    image->series_count++;
    return series;
}

/* 0; -EBADMSG: it does not fit; -ENOMEM. */
static int take_item(struct journal_image *image, struct cursor *cursor)
{
    uint64_t slot = take_varint(cursor);
    unsigned flags = take_u8(cursor);
    if (cursor->at == NULL || (flags & ~JOURNAL_FLAGS_ALL) != 0)
        return -EBADMSG;
    int result;
    struct journal_series *series = item_series(image, cursor, slot, flags, &result);
    if (series == NULL)
        return result < 0 ? result : -EBADMSG;
    if ((flags & JOURNAL_REMOVED) != 0) {
        series->is_removed = true;
        return 0;
    }
    uint64_t count = take_varint(cursor);
    uint64_t rows = take_varint(cursor);
    bool has_runs = (flags & JOURNAL_RUNS) != 0;
    uint64_t runs_count = has_runs ? take_varint(cursor) : series->runs_count;
    uint64_t runs = has_runs ? take_varint(cursor) : 0;
    if (cursor->at == NULL || !position_fits(series, count, rows, runs_count, runs))
        return -EBADMSG;
    if ((flags & JOURNAL_RESERVE) != 0) {
        unsigned levels = take_u8(cursor);
        if ((levels & 15) > RESERVE_ALL || levels >> 4 > RESERVE_ALL)
            return -EBADMSG;
        series->rows_reserve = (enum reserve_level)(levels & 15);
        series->runs_reserve = (enum reserve_level)(levels >> 4);
    }
    series->entry_count = 0;
    if ((flags & JOURNAL_ENTRIES) != 0 && !take_entries(cursor, series))
        return -EBADMSG;

    struct journal_piece piece = {.count = count,
                                  .runs_count = runs_count,
                                  .rows = (uint32_t)rows,
                                  .runs = (uint32_t)runs,
                                  .next = JOURNAL_NO_PIECE};
    if (!take_rows(image, cursor, series, &piece))
        return -EBADMSG;
    if (rows + runs > 0)
        result = add_piece(image, series, &piece);
    /* Rows that came in between went to the columns. */
    if ((flags & JOURNAL_DESCRIBED) != 0 || count - series->count > rows)
        series->inline_from = count - rows;
    if ((flags & JOURNAL_DESCRIBED) != 0 || runs_count - series->runs_count > runs)
        series->runs_inline_from = runs_count - runs;
    series->count = count;
    series->runs_count = runs_count;
    return result;
}

/* ---- records ---- */

static int compare_sessions(const void *a, const void *b)
{
    const struct store_session *left = a;
    const struct store_session *right = b;
    if (left->session != right->session)
        return left->session < right->session ? -1 : 1;
    return left->stored < right->stored ? -1 : left->stored > right->stored;
}

/* One entry a session, with the highest number: it never falls. */
static void merge_sessions(struct journal_image *image)
{
    size_t kept = 0;
    if (image->session_count > 0)
        qsort(image->sessions, image->session_count, sizeof image->sessions[0], compare_sessions);
    for (size_t i = 0; i < image->session_count; i++) {
        if (kept > 0 && image->sessions[kept - 1].session == image->sessions[i].session)
            kept--;
        image->sessions[kept++] = image->sessions[i];
    }
    image->session_count = kept;
}

static int take_sessions(struct journal_image *image, struct cursor *cursor, uint64_t count)
{
    const uint8_t *at = take(cursor, count * JOURNAL_SESSION_BYTES);
    if (at == NULL)
        return -EBADMSG;
    if (count == 0)
        return 0;
    struct store_session *grown =
        reallocarray(image->sessions, image->session_count + count, sizeof image->sessions[0]);
    if (grown == NULL)
        return -ENOMEM;
    image->sessions = grown;
    for (uint64_t i = 0; i < count; i++, at += JOURNAL_SESSION_BYTES)
        grown[image->session_count++] =
            (struct store_session){.session = le_load_u64(at), .stored = le_load_u64(at + 8)};
    return 0;
}

/* Length of the record at `offset`, or 0: there is none with the file's number that is whole. */
static uint64_t record_length(const struct journal_image *image, uint64_t offset)
{
    if (image->byte_count - offset < JOURNAL_HEADER_BYTES)
        return 0;
    const uint8_t *header = image->bytes + offset;
    uint64_t length = le_load_u32(header + JOURNAL_AT_LENGTH);
    if (le_load_u32(header + JOURNAL_AT_MAGIC) != JOURNAL_MAGIC || length < JOURNAL_HEADER_BYTES ||
        length > image->byte_count - offset ||
        le_load_u64(header + JOURNAL_AT_NUMBER) != image->number)
        return 0;
    uint32_t crc = crc32c_update(0, header + JOURNAL_AT_LENGTH, length - JOURNAL_AT_LENGTH);
    if (!PLANTED(BUG_NO_RECORD_CHECKSUM) && crc != le_load_u32(header + JOURNAL_AT_CRC))
        return 0;
    return length;
}

/* The record at image->end. 0; -ENODATA: there is none; -EBADMSG: it is whole and its positions do
 * not fit, and it has changed the image; -ENOTSUP; -ENOMEM. */
static int take_record(struct journal_image *image)
{
    uint64_t length = record_length(image, image->end);
    if (length == 0)
        return -ENODATA;
    const uint8_t *header = image->bytes + image->end;
    uint64_t salt = le_load_u64(header + JOURNAL_AT_SALT);
    if ((image->record_count > 0 && salt != image->salt) ||
        le_load_u64(header + JOURNAL_AT_RECORD) != image->record_count)
        return -ENODATA;
    if (le_load_u32(header + JOURNAL_AT_VERSION) != JOURNAL_VERSION)
        return -ENOTSUP;
    image->salt = salt;
    struct cursor cursor = {header + JOURNAL_HEADER_BYTES, header + length};
    int result = take_sessions(image, &cursor, le_load_u32(header + JOURNAL_AT_SESSIONS));
    uint32_t item_count = le_load_u32(header + JOURNAL_AT_ITEMS);
    for (uint32_t i = 0; i < item_count && result == 0; i++)
        result = take_item(image, &cursor);
    if (result < 0)
        return result;
    image->id_highest = le_load_u64(header + JOURNAL_AT_ID);
    image->record_count++;
    image->end += (length + JOURNAL_BLOCK_BYTES - 1) / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
    if (image->end > image->byte_count)
        image->end = image->byte_count;
    return 0;
}

/* A record is written when the one before it is synced. So one that holds behind one that does not
 * says that the latter was whole once. Without a snapshot any salt will do: records of an earlier
 * use of the file have another number. */
static bool has_record_behind(const struct journal_image *image)
{
    for (uint64_t offset = image->end + JOURNAL_BLOCK_BYTES; offset < image->byte_count;
         offset += JOURNAL_BLOCK_BYTES) {
        const uint8_t *header = image->bytes + offset;
        if (image->byte_count - offset >= JOURNAL_HEADER_BYTES &&
            le_load_u32(header + JOURNAL_AT_MAGIC) == JOURNAL_MAGIC &&
            (image->record_count == 0 || le_load_u64(header + JOURNAL_AT_SALT) == image->salt) &&
            le_load_u64(header + JOURNAL_AT_RECORD) > image->record_count &&
            record_length(image, offset) > 0)
            return true;
    }
    return false;
}

static int index_series(struct journal_image *image);

/* Reads no more than so many records. */
static int read_records(struct journal_image *image, uint64_t record_max)
{
    int result = 0;
    while (image->end < image->byte_count && image->record_count < record_max && result == 0)
        result = take_record(image);
    return result == -ENODATA ? 0 : result;
}

int journal_image_read(const uint8_t *bytes, size_t byte_count, uint64_t number,
                       struct journal_image *ret_image)
{
    struct journal_image image = {.bytes = bytes, .byte_count = byte_count, .number = number};
    if (byte_count > JOURNAL_BYTES_MAX)
        image.byte_count = (size_t)JOURNAL_BYTES_MAX;
    const struct journal_image empty = image;
    int result = read_records(&image, UINT64_MAX);
    if (result == -EBADMSG) {
        /* Once more, without the record that does not fit. */
        uint64_t record_max = image.record_count;
        journal_image_free(&image);
        image = empty;
        result = read_records(&image, record_max);
        image.is_damaged = true;
    }
    if (result == 0)
        result = index_series(&image);
    if (result == 0 && image.record_count == 0)
        result = has_record_behind(&image) ? -EBADMSG : -ENODATA;
    if (result < 0) {
        journal_image_free(&image);
        return result;
    }
    image.is_damaged = image.is_damaged || has_record_behind(&image);
    merge_sessions(&image);
    *ret_image = image;
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    const struct journal_series *left = *(const struct journal_series *const *)a;
    const struct journal_series *right = *(const struct journal_series *const *)b;
    uint64_t left_id = left->description.id;
    uint64_t right_id = right->description.id;
    return left_id < right_id ? -1 : left_id > right_id;
}

static int index_series(struct journal_image *image)
{
    image->by_id = calloc(image->series_count + 1, sizeof(const struct journal_series *));
    if (image->by_id == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < image->series_count; i++)
        image->by_id[i] = &image->series[i];
    qsort(image->by_id, image->series_count, sizeof(const struct journal_series *), compare_ids);
    return 0;
}

const struct journal_series *journal_image_find(const struct journal_image *image, uint64_t id)
{
    size_t low = 0;
    size_t high = image->series_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t middle_id = image->by_id[middle]->description.id;
        if (middle_id == id)
            return image->by_id[middle];
        if (middle_id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool journal_image_has_name(const struct journal_image *image, const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < image->series_count; i++) {
        const struct journal_description *description = &image->series[i].description;
        if (!image->series[i].is_removed && description->name_bytes == name_bytes &&
            memcmp(description->name, name, name_bytes) == 0)
            return true;
    }
    return false;
}

void journal_image_free(struct journal_image *image)
{
    free(image->series);
    free(image->by_id);
    free(image->pieces);
    free(image->sessions);
    *image = (struct journal_image){0};
}
