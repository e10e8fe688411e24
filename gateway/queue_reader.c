#include "queue_reader.h"

#include "crc32.h"
#include "queue_file.h"
#include "wire_format.h"

#include <errno.h>
#include <string.h>

/* Records begin at multiples of this. */
#define ALIGNMENT   8
#define PIECE_BYTES 4096

uint32_t queue_record_crc32(const struct queue_record_header *header, uint64_t offset)
{
    const size_t from = offsetof(struct queue_record_header, frame_bytes);
    uint32_t crc = crc32_update(0, &offset, sizeof offset);
    return crc32_update(crc, (const uint8_t *)header + from, sizeof *header - from);
}

uint32_t queue_file_header_crc32(const struct queue_file_header *header)
{
    const size_t from = offsetof(struct queue_file_header, version);
    return crc32_update(0, (const uint8_t *)header + from, sizeof *header - from);
}

uint64_t queue_record_end(const struct queue_record *record)
{
    return record->offset + sizeof record->header + record->header.frame_bytes;
}

static bool read_piece(struct queue_reader *reader, uint64_t offset, void *to, size_t length)
{
    int result = queue_file_read(reader->fd, offset, to, length);
    if (result < 0 && result != -ENODATA)
        reader->is_unreadable = true;
    return result == 0;
}

int queue_reader_begin(struct queue_reader *reader, int fd, struct queue_file_header *ret_header)
{
    *reader = (struct queue_reader){.fd = fd, .offset = sizeof *ret_header};
    int result = queue_file_length(fd, &reader->end);
    if (result < 0)
        return result;
    if (!read_piece(reader, 0, ret_header, sizeof *ret_header))
        return -EBADMSG;
    if (memcmp(ret_header->magic, queue_file_magic, sizeof queue_file_magic) != 0 ||
        ret_header->crc32 != queue_file_header_crc32(ret_header) ||
        (ret_header->version == QUEUE_VERSION && (ret_header->first_sequence > QUEUE_SEQUENCE_MAX ||
                                                  ret_header->durable > QUEUE_SEQUENCE_MAX)))
        return -EBADMSG;
    return ret_header->version == QUEUE_VERSION ? 0 : -EPROTONOSUPPORT;
}

static bool is_sound(const struct queue_reader *reader, uint64_t offset,
                     const struct queue_record_header *header)
{
    if (memcmp(header->magic, queue_record_magic, sizeof queue_record_magic) != 0 ||
        header->header_crc32 != queue_record_crc32(header, offset) ||
        header->durable > QUEUE_SEQUENCE_MAX || header->previous > QUEUE_SEQUENCE_MAX ||
        header->session == 0)
        return false;
    if (header->kind != QUEUE_BATCH)
        return (header->kind == QUEUE_MARK || header->kind == QUEUE_CLOSED) &&
               header->frame_bytes == 0 && header->sequence == 0;
    return header->sequence > header->previous && header->sequence <= QUEUE_SEQUENCE_MAX &&
           header->frame_bytes >= sizeof(struct wire_batch_header) &&
           header->frame_bytes % ALIGNMENT == 0 &&
           header->frame_bytes <= reader->end - offset - sizeof *header;
}

/* A record at exactly that offset. */
static bool read_at(struct queue_reader *reader, uint64_t offset, struct queue_record *ret_record)
{
    ret_record->offset = offset;
    return offset < reader->end && reader->end - offset >= sizeof ret_record->header &&
           read_piece(reader, offset, &ret_record->header, sizeof ret_record->header) &&
           is_sound(reader, offset, &ret_record->header);
}

/* The first record at or after an offset, where there should have been one. */
static bool search(struct queue_reader *reader, uint64_t offset, struct queue_record *ret_record)
{
    uint8_t bytes[PIECE_BYTES];
    while (offset < reader->end) {
        uint64_t left = reader->end - offset;
        size_t length = left < sizeof bytes ? (size_t)left : sizeof bytes;
        /* A piece that cannot be read is passed over like one that is damaged. */
        if (!read_piece(reader, offset, bytes, length))
            memset(bytes, 0, length);
        for (size_t at = 0; at + sizeof queue_record_magic <= length; at += ALIGNMENT)
            if (memcmp(bytes + at, queue_record_magic, sizeof queue_record_magic) == 0 &&
                read_at(reader, offset + at, ret_record))
                return true;
        offset += length;
    }
    return false;
}

int queue_reader_next(struct queue_reader *reader, struct queue_record *ret_record)
{
    if (reader->offset >= reader->end)
        return 0;
    if (!read_at(reader, reader->offset, ret_record) &&
        !search(reader, reader->offset + ALIGNMENT, ret_record)) {
        reader->lost_bytes += reader->end - reader->offset;
        reader->offset = reader->end;
        return 0;
    }
    reader->lost_bytes += ret_record->offset - reader->offset;
    reader->offset = queue_record_end(ret_record);
    return 1;
}

bool queue_reader_check(struct queue_reader *reader, const struct queue_record *record)
{
    uint8_t bytes[PIECE_BYTES];
    uint32_t crc = 0;
    const uint64_t end = queue_record_end(record);
    for (uint64_t at = record->offset + sizeof record->header; at < end;) {
        size_t length = end - at < sizeof bytes ? (size_t)(end - at) : sizeof bytes;
        if (!read_piece(reader, at, bytes, length))
            return false;
        crc = crc32_update(crc, bytes, length);
        at += length;
    }
    return crc == record->header.frame_crc32;
}

int queue_reader_frame(const struct queue_reader *reader, const struct queue_record *record,
                       uint8_t *to)
{
    int result = queue_file_read(reader->fd, record->offset + sizeof record->header, to,
                                 record->header.frame_bytes);
    if (result < 0 || crc32_update(0, to, record->header.frame_bytes) != record->header.frame_crc32)
        return -EBADMSG;
    return 0;
}
