/* Any bytes as a reply: what is decoded is encoded again to the same bytes, but for a text that is
 * no clean UTF-8; and any bytes as the text of a reply. */
#include "reply.h"

#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

/* What went through the encoder once is clean: it comes through unchanged from then on. */
static void require_stable(const struct wire_reply *reply)
{
    uint8_t first[WIRE_REPLY_BYTES_MAX];
    uint8_t second[WIRE_REPLY_BYTES_MAX];
    struct wire_reply again;
    size_t first_bytes = wire_reply_encode(reply, first);
    REQUIRE(first_bytes <= sizeof first);
    REQUIRE(wire_reply_decode(first, first_bytes, &again) == 0);
    REQUIRE(wire_reply_encode(&again, second) == first_bytes);
    REQUIRE(memcmp(first, second, first_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    struct wire_reply reply;
    if (wire_reply_decode(data, data_bytes, &reply) == 0) {
        uint8_t header[WIRE_REPLY_BYTES_MAX];
        require_stable(&reply);
        reply.text_bytes = 0;
        wire_reply_encode(&reply, header);
        /* All of the header but the length of the text, which stands at 6. */
        REQUIRE(memcmp(header, data, 6) == 0 && memcmp(header + 8, data + 8, 56) == 0);
    }
    if (data_bytes <= UINT16_MAX) {
        struct wire_reply refusal = {
            .code = WIRE_BAD_NAME, .text = (const char *)data, .text_bytes = (uint16_t)data_bytes};
        require_stable(&refusal);
    }
    return 0;
}
