#include "reply.h"

#include <errno.h>
#include <string.h>

/* The length of the well-formed character at `text`, or 0: the reason of a refusal may quote a name
 * that a peer sent, and a reply must stay UTF-8 whatever that was. Control characters count as
 * malformed. */
static size_t utf8_character_bytes(const uint8_t *text, size_t left)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xC0 ? 0
                    : text[0] < 0xE0 ? 2
                    : text[0] < 0xF0 ? 3
                                     : 4;
    if (length == 1)
        return text[0] >= 0x20 && text[0] != 0x7F ? 1 : 0;
    if (length == 0 || length > left || text[0] > 0xF4)
        return 0;
    uint32_t point = text[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        point = point << 6 | (text[i] & 0x3Fu);
    }
    bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    return point >= smallest[length] && point <= 0x10FFFF && !surrogate ? length : 0;
}

static size_t put_text(uint8_t *to, const char *text, size_t text_bytes)
{
    const uint8_t *from = (const uint8_t *)text;
    size_t used = 0;
    for (size_t at = 0; at < text_bytes;) {
        size_t length = utf8_character_bytes(from + at, text_bytes - at);
        size_t written = length > 0 ? length : 1;
        if (written > WIRE_REPLY_TEXT_MAX - used)
            break;
        if (length > 0)
            memcpy(to + used, from + at, length);
        else
            to[used] = '?';
        used += written;
        at += written;
    }
    return used;
}

size_t wire_reply_encode(const struct wire_reply *reply, void *bytes)
{
    struct wire_reply_header header = {
        .version = WIRE_VERSION,
        .code = (uint16_t)reply->code,
        .session = reply->session,
        .sequence = reply->sequence,
        .stored = reply->stored,
        .durable = reply->durable,
        .credit_batches = reply->credit_batches,
        .frame_bytes_max = reply->frame_bytes_max,
        .late_samples = reply->late_samples,
        .refused_blocks = reply->refused_blocks,
        .credit_kib = reply->credit_kib,
    };
    memcpy(header.magic, wire_reply_magic, sizeof header.magic);
    uint8_t *to = bytes;
    if (reply->text_bytes > 0)
        header.text_bytes = (uint16_t)put_text(to + sizeof header, reply->text, reply->text_bytes);
    memcpy(to, &header, sizeof header);
    return sizeof header + header.text_bytes;
}

int wire_reply_decode(const void *frame, size_t frame_bytes, struct wire_reply *ret_reply)
{
    struct wire_reply_header header;
    const uint8_t *bytes = frame;
    if (frame_bytes <= sizeof header.magic ||
        memcmp(bytes, wire_reply_magic, sizeof header.magic) != 0)
        return -EBADMSG;
    if (bytes[offsetof(struct wire_reply_header, version)] != WIRE_VERSION)
        return -EPROTONOSUPPORT;
    if (frame_bytes < sizeof header)
        return -EBADMSG;
    memcpy(&header, bytes, sizeof header);
    if (frame_bytes - sizeof header != header.text_bytes)
        return -EBADMSG;

    *ret_reply = (struct wire_reply){
        .code = (enum wire_code)header.code,
        .session = header.session,
        .sequence = header.sequence,
        .stored = header.stored,
        .durable = header.durable,
        .credit_batches = header.credit_batches,
        .credit_kib = header.credit_kib,
        .frame_bytes_max = header.frame_bytes_max,
        .late_samples = header.late_samples,
        .refused_blocks = header.refused_blocks,
        .text = (const char *)bytes + sizeof header,
        .text_bytes = header.text_bytes,
    };
    return 0;
}

const char *wire_code_name(unsigned code)
{
    static const char *const names[WIRE_CODE_END] = {
        [WIRE_OK] = "OK",
        [WIRE_MALFORMED] = "MALFORMED",
        [WIRE_CHECKSUM] = "CHECKSUM",
        [WIRE_VERSION_UNKNOWN] = "VERSION",
        [WIRE_TOO_LARGE] = "TOO_LARGE",
        [WIRE_BAD_NAME] = "BAD_NAME",
        [WIRE_TYPE_MISMATCH] = "TYPE_MISMATCH",
        [WIRE_TIME_ORDER] = "TIME_ORDER",
        [WIRE_TIME_FUTURE] = "TIME_FUTURE",
        [WIRE_NOT_AUTHORISED] = "NOT_AUTHORISED",
        [WIRE_GAP] = "GAP",
        [WIRE_STORE_FULL] = "STORE_FULL",
        [WIRE_BUSY] = "BUSY",
        [WIRE_NO_ROOM] = "NO_ROOM",
    };
    return code < WIRE_CODE_END ? names[code] : "UNKNOWN";
}

bool wire_code_is_permanent(unsigned code)
{
    switch (code) {
    case WIRE_CHECKSUM:
    case WIRE_GAP:
    case WIRE_STORE_FULL:
    case WIRE_BUSY:
        return false;
    default:
        return true;
    }
}
