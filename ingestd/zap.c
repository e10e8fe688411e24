#include "zap.h"

#include "printable.h"

#include <string.h>

#define VERSION "1.0"

static bool zap_is(const struct zap_part *part, const char *text)
{
    return part->byte_count == strlen(text) && memcmp(part->bytes, text, part->byte_count) == 0;
}

bool zap_request_read(const struct zap_part *parts, size_t part_count,
                      struct zap_request *ret_request)
{
    *ret_request = (struct zap_request){.id = {.bytes = ""}};
    if (part_count >= 2)
        ret_request->id = parts[1];
    if (part_count != ZAP_REQUEST_PARTS || !zap_is(&parts[0], VERSION) ||
        !zap_is(&parts[2], ZAP_DOMAIN) || !zap_is(&parts[5], "CURVE") ||
        parts[6].byte_count != CURVE_KEY_BYTES)
        return false;
    printable_copy(ret_request->address, sizeof ret_request->address, parts[3].bytes,
                   parts[3].byte_count);
    curve_key_encode(parts[6].bytes, ret_request->key);
    return true;
}

static struct zap_part zap_text(const char *text)
{
    return (struct zap_part){.bytes = text, .byte_count = strlen(text)};
}

void zap_answer_make(const struct zap_request *request, enum zap_code code,
                     struct zap_part ret_parts[ZAP_ANSWER_PARTS])
{
    static const struct {
        const char *number;
        const char *text;
    } codes[] = {
        [ZAP_ADMIT] = {"200", "OK"},
        [ZAP_TRY_LATER] = {"300", "unknown key"},
        [ZAP_REFUSE] = {"400", "revoked key"},
        [ZAP_ERROR] = {"500", "not a request of CURVE"},
    };
    ret_parts[0] = zap_text(VERSION);
    ret_parts[1] = request->id;
    ret_parts[2] = zap_text(codes[code].number);
    ret_parts[3] = zap_text(codes[code].text);
    ret_parts[4] = zap_text(code == ZAP_ADMIT ? request->key : "");
    ret_parts[5] = zap_text("");
}
