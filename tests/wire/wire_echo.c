/* wire_echo - the codec behind a pipe, for test_wire_python.py. Standard input is a sequence of
 * {u32 kind, u32 length, bytes}; each is answered by {u32 code, u32 length, bytes}. kind 0: a
 * batch. Code: of opening. Bytes: the batch encoded again from what was decoded (times of a block
 * before are written out), or the reason. kind 1: a reply, decoded and encoded again; code 0 or an
 * errno. kind 2: line protocol. Code: number of bad lines. Bytes: a batch with a block a series. */
#include "batch.h"
#include "line_protocol.h"
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX (1u << 22)

static uint8_t input[FRAME_MAX];
static uint8_t output[2 * FRAME_MAX];

static uint32_t output_sentence(const char *sentence)
{
    size_t length = strlen(sentence);
    for (size_t i = 0; i < length; i++)
        output[i] = (uint8_t)sentence[i];
    return (uint32_t)length;
}

/* A block that took the times of the one before has a place of its own for them here. A regular
 * clock cannot be written for an explicit series, so that such a block goes out with the clock that
 * it came with. */
static uint32_t echo_batch(size_t length, uint32_t *ret_code)
{
    struct wire_batch batch;
    const char *reason = "";
    enum wire_code code = wire_batch_open(input, length, &batch, &reason);
    *ret_code = code;
    if (code != WIRE_OK)
        return output_sentence(reason);
    if (batch.block_count == 0) {
        char name[WIRE_PEER_NAME_MAX + 1] = "";
        memcpy(name, batch.peer_name, batch.peer_name_bytes);
        return (uint32_t)wire_encode_hello(output, batch.session, batch.sequence, name);
    }
    struct wire_encoder encoder;
    wire_encode_begin(&encoder, output, sizeof output);
    for (uint16_t i = 0; i < batch.block_count; i++) {
        struct wire_block block;
        code = wire_batch_next(&batch, &block, &reason);
        if (code == WIRE_OK && block.explicit_series && block.clock == WIRE_CLOCK_REGULAR)
            block.clock = WIRE_CLOCK_PREVIOUS;
        if (code != WIRE_OK || wire_encode_block(&encoder, &block) != 0) {
            *ret_code = code;
            return output_sentence(reason);
        }
    }
    return (uint32_t)wire_encode_finish(&encoder, batch.session, batch.sequence,
                                        batch.wait ? WIRE_FLAG_WAIT : 0, true);
}

static uint32_t echo_reply(size_t length, uint32_t *ret_code)
{
    struct wire_reply reply;
    int result = wire_reply_decode(input, length, &reply);
    *ret_code = (uint32_t)-result;
    return result == 0 ? (uint32_t)wire_reply_encode(&reply, output) : 0;
}

static uint32_t echo_lines(size_t length, uint32_t *ret_code)
{
    static struct line_protocol *parser;
    struct line_protocol_result result;
    if (parser == NULL && line_protocol_new(&parser) != 0)
        exit(1);
    if (line_protocol_parse(parser, (const char *)input, length, &result) != 0)
        exit(1);
    *ret_code = (uint32_t)result.lines_bad;
    struct wire_encoder encoder;
    wire_encode_begin(&encoder, output, sizeof output);
    for (size_t i = 0; i < result.block_count; i++) {
        struct wire_block block;
        line_protocol_block(parser, i, &block);
        block.stamp_on_arrival = false;
        if (wire_encode_block(&encoder, &block) != 0)
            exit(1);
    }
    return (uint32_t)wire_encode_finish(&encoder, result.sample_count, result.strings_skipped, 0,
                                        true);
}

int main(void)
{
    uint32_t head[2];
    while (fread(head, sizeof head, 1, stdin) == 1) {
        if (head[1] > sizeof input || (head[1] > 0 && fread(input, head[1], 1, stdin) != 1))
            return 1;
        uint32_t answer[2] = {0, 0};
        answer[1] = head[0] == 0   ? echo_batch(head[1], &answer[0])
                    : head[0] == 1 ? echo_reply(head[1], &answer[0])
                                   : echo_lines(head[1], &answer[0]);
        if (fwrite(answer, sizeof answer, 1, stdout) != 1 ||
            (answer[1] > 0 && fwrite(output, answer[1], 1, stdout) != 1) || fflush(stdout) != 0)
            return 1;
    }
    return 0;
}
