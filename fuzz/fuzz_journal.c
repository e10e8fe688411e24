/* Any bytes as a journal file: an error, or tables that stay within the bytes and in order. The
 * checksums of what looks like records are put right first, since no fuzzer guesses one. */
#include "crc32c.h"
#include "journal_format.h"
#include "journal_image.h"
#include "little_endian.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + JOURNAL_HEADER_BYTES <= size; at += JOURNAL_BLOCK_BYTES) {
        uint8_t *header = bytes + at;
        uint32_t length = le_load_u32(header + JOURNAL_AT_LENGTH);
        if (length < JOURNAL_HEADER_BYTES || length > size - at)
            continue;
        le_store_u32(header + JOURNAL_AT_CRC,
                     crc32c_update(0, header + JOURNAL_AT_LENGTH, length - JOURNAL_AT_LENGTH));
        at += (size_t)(length - 1) / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
    }
}

static void check_series(const struct journal_image *image, const struct journal_series *series)
{
    const uint8_t *end = image->bytes + image->byte_count;
    const uint8_t *name = (const uint8_t *)series->description.name;
    bool is_regular = series->description.type.clock == SERIES_REGULAR;
    if (name < image->bytes || series->description.name_bytes > (size_t)(end - name) ||
        series->inline_from > series->count || series->runs_inline_from > series->runs_count ||
        series->entry_count > HEAD_SESSION_SLOTS)
        abort();
    uint64_t count = 0;
    size_t pieces = 0;
    for (uint32_t at = series->first_piece; at != JOURNAL_NO_PIECE; at = image->pieces[at].next) {
        if (at >= image->piece_count || ++pieces > image->piece_count)
            abort();
        const struct journal_piece *piece = &image->pieces[at];
        uint64_t stamps = is_regular ? (uint64_t)piece->runs * RUN_WORDS * 8 : piece->rows * 8ull;
        if (piece->count < count || piece->rows > piece->count ||
            piece->values_at + piece->rows * series->sample_bytes > image->byte_count ||
            piece->stamps_at + stamps > image->byte_count)
            abort();
        count = piece->count;
    }
    if (count > series->count)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journal_image image;
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL)
        return 0;
    if (size > 0)
        memcpy(bytes, data, size);
    seal(bytes, size);
    if (journal_image_read(bytes, size, NUMBER, &image) == 0) {
        if (image.record_count == 0 || image.end > size)
            abort();
        for (size_t i = 0; i < image.series_count; i++)
            check_series(&image, &image.series[i]);
        for (size_t i = 1; i < image.session_count; i++)
            if (image.sessions[i].session <= image.sessions[i - 1].session)
                abort();
        (void)journal_image_find(&image, 1);
        journal_image_free(&image);
    }
    free(bytes);
    return 0;
}
