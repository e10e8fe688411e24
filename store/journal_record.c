#include "journal_record.h"

#include "crc32c.h"
#include "journal_format.h"
#include "little_endian.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VARINT_BYTES_MAX 10
#define ITEM_BYTES_MAX   (5 * VARINT_BYTES_MAX + 3)

/* Room for so many more bytes; NULL: there is no memory, and what follows is left out. */
static uint8_t *record_room(struct journal_record *record, size_t bytes)
{
    if (record->has_failed)
        return NULL;
    if (record->capacity - record->byte_count < bytes) {
        size_t capacity = record->capacity * 2;
        if (capacity < record->byte_count + bytes + JOURNAL_BLOCK_BYTES)
            capacity = record->byte_count + bytes + JOURNAL_BLOCK_BYTES;
        uint8_t *grown = realloc(record->bytes, capacity);
        if (grown == NULL) {
            record->has_failed = true;
            return NULL;
        }
        record->bytes = grown;
        record->capacity = capacity;
    }
    return record->bytes + record->byte_count;
}

void journal_record_begin(struct journal_record *record, size_t bytes_expected)
{
    *record = (struct journal_record){0};
    uint8_t *header = record_room(record, JOURNAL_HEADER_BYTES + bytes_expected);
    if (header == NULL)
        return;
    memset(header, 0, JOURNAL_HEADER_BYTES);
    record->byte_count = JOURNAL_HEADER_BYTES;
}

void journal_record_add_session(struct journal_record *record, const struct store_session *session)
{
    assert(record->item_count == 0);
    uint8_t *at = record_room(record, JOURNAL_SESSION_BYTES);
    if (at == NULL)
        return;
    le_store_u64(at, session->session);
    le_store_u64(at + 8, session->stored);
    record->byte_count += JOURNAL_SESSION_BYTES;
    record->session_count++;
}

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put_description(uint8_t *at, const struct journal_description *description)
{
    const struct series_type *type = &description->type;
    const char *dtype = dtype_name(type->dtype);
    le_store_u64(at, description->id);
    le_store_u64(at + 8, description->capacity);
    le_store_i64(at + 16, description->created_ns);
    at[24] = (uint8_t)dtype[0];
    at[25] = (uint8_t)dtype[1];
    at[26] = type->rank;
    at[27] = (uint8_t)type->clock;
    at[28] = (uint8_t)description->name_bytes;
    at += JOURNAL_DESCRIPTION_BYTES;
    for (unsigned d = 0; d < type->rank; d++, at += 4)
        le_store_u32(at, type->dims[d]);
    memcpy(at, description->name, description->name_bytes);
    return at + description->name_bytes;
}

static uint8_t *put_span(uint8_t *at, const struct journal_span *span)
{
    for (unsigned i = 0; i < 2; i++) {
        if (span->byte_count[i] > 0)
            memcpy(at, span->bytes[i], span->byte_count[i]);
        at += span->byte_count[i];
    }
    return at;
}

static size_t span_bytes(const struct journal_span *span)
{
    return span->byte_count[0] + span->byte_count[1];
}

size_t journal_item_bytes_max(const struct journal_item *item)
{
    size_t bytes = ITEM_BYTES_MAX + item->entry_count * JOURNAL_ENTRY_BYTES;
    if (item->description != NULL)
        bytes += JOURNAL_DESCRIPTION_BYTES + sizeof(uint32_t) * item->description->type.rank +
                 item->description->name_bytes;
    return bytes;
}

void journal_record_add_item(struct journal_record *record, const struct journal_item *item)
{
    assert(item->entry_count <= HEAD_SESSION_SLOTS);
    uint8_t *at = record_room(record, journal_item_bytes_max(item) + span_bytes(&item->values) +
                                          span_bytes(&item->stamps));
    if (at == NULL)
        return;
    unsigned flags =
        (item->description != NULL ? JOURNAL_DESCRIBED : 0) |
        (item->is_removed ? JOURNAL_REMOVED : 0) | (item->has_runs ? JOURNAL_RUNS : 0) |
        (item->has_reserve ? JOURNAL_RESERVE : 0) | (item->entry_count > 0 ? JOURNAL_ENTRIES : 0);
    at = put_varint(at, item->slot);
    *at++ = (uint8_t)flags;
    if (item->description != NULL)
        at = put_description(at, item->description);
    if (!item->is_removed) {
        at = put_varint(at, item->count);
        at = put_varint(at, item->rows);
        if (item->has_runs) {
            at = put_varint(at, item->runs_count);
            at = put_varint(at, item->runs);
        }
        if (item->has_reserve)
            *at++ = (uint8_t)(item->rows_reserve | (unsigned)item->runs_reserve << 4);
        if (item->entry_count > 0)
            *at++ = (uint8_t)item->entry_count;
        for (size_t i = 0; i < item->entry_count; i++, at += JOURNAL_ENTRY_BYTES) {
            le_store_u64(at, item->entries[i].session);
            le_store_u64(at + 8, item->entries[i].sequence);
            le_store_u64(at + 16, item->entries[i].count);
        }
        at = put_span(at, &item->values);
        at = put_span(at, &item->stamps);
    }
    record->byte_count = (size_t)(at - record->bytes);
    record->item_count++;
}

int journal_record_end(struct journal_record *record, uint64_t id_highest, int64_t now_ns)
{
    size_t length = record->byte_count;
    size_t padding = (JOURNAL_BLOCK_BYTES - length % JOURNAL_BLOCK_BYTES) % JOURNAL_BLOCK_BYTES;
    uint8_t *end = record_room(record, padding);
    if (end == NULL)
        return -ENOMEM;
    if (length > UINT32_MAX)
        return -EFBIG;
    memset(end, 0, padding);
    record->byte_count += padding;
    uint8_t *header = record->bytes;
    le_store_u32(header + JOURNAL_AT_MAGIC, JOURNAL_MAGIC);
    le_store_u32(header + JOURNAL_AT_LENGTH, (uint32_t)length);
    le_store_u32(header + JOURNAL_AT_ITEMS, record->item_count);
    le_store_u32(header + JOURNAL_AT_SESSIONS, record->session_count);
    le_store_u32(header + JOURNAL_AT_VERSION, JOURNAL_VERSION);
    le_store_u64(header + JOURNAL_AT_ID, id_highest);
    le_store_i64(header + JOURNAL_AT_TIME, now_ns);
    return 0;
}

void journal_record_seal(struct journal_record *record, uint64_t salt, uint64_t number,
                         uint64_t record_number)
{
    uint8_t *header = record->bytes;
    size_t length = le_load_u32(header + JOURNAL_AT_LENGTH);
    le_store_u64(header + JOURNAL_AT_SALT, salt);
    le_store_u64(header + JOURNAL_AT_NUMBER, number);
    le_store_u64(header + JOURNAL_AT_RECORD, record_number);
    le_store_u32(header + JOURNAL_AT_CRC,
                 crc32c_update(0, header + JOURNAL_AT_LENGTH, length - JOURNAL_AT_LENGTH));
}

void journal_record_free(struct journal_record *record)
{
    free(record->bytes);
    *record = (struct journal_record){0};
}
