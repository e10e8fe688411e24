/* bench_ack echo ENDPOINT: a bare ROUTER that answers each frame with 64 bytes, until SIGTERM.
 * bench_ack stored|durable|count ENDPOINT BYTES WINDOW FRAMES SESSION: a DEALER that sends FRAMES
 * batches of about BYTES with at most WINDOW of them not yet answered (as stored, as durable, or at
 * all), 0 = no limit. Prints seconds until the last is answered. */
#include "batch.h"
#include "clock_ns.h"
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static int echo(void *context, const char *endpoint)
{
    void *socket = zmq_socket(context, ZMQ_ROUTER);
    if (zmq_bind(socket, endpoint) != 0)
        return 1;
    zmq_msg_t id;
    zmq_msg_t frame;
    zmq_msg_init(&id);
    zmq_msg_init(&frame);
    for (;;) {
        static const char answer[64];
        if (zmq_msg_recv(&id, socket, 0) < 0 || zmq_msg_recv(&frame, socket, 0) < 0)
            return 1;
        if (zmq_msg_send(&id, socket, ZMQ_SNDMORE) < 0 ||
            zmq_send(socket, answer, sizeof answer, 0) < 0)
            return 1;
    }
}

static size_t build(uint8_t *bytes, size_t capacity, size_t value_bytes, uint64_t session,
                    uint64_t sequence)
{
    static float values[1 << 18];
    struct wire_encoder encoder;
    char name[32];
    int name_bytes = snprintf(name, sizeof name, "ack%llu", (unsigned long long)session);
    uint32_t count = (uint32_t)(value_bytes / sizeof(float));
    struct wire_block block = {.name = name,
                               .name_bytes = (uint16_t)name_bytes,
                               .dtype = DTYPE_F4,
                               .clock = WIRE_CLOCK_REGULAR,
                               .count = count,
                               .t0_ns = INT64_C(1577836800000000000) +
                                        (int64_t)(sequence * count) * 1000,
                               .period_ps = 1000000,
                               .values = values,
                               .values_bytes = count * sizeof(float)};
    wire_encode_begin(&encoder, bytes, capacity);
    if (wire_encode_block(&encoder, &block) < 0)
        exit(1);
    return wire_encode_finish(&encoder, session, sequence, 0, true);
}

int main(int argc, char **argv)
{
    void *context = zmq_ctx_new();
    if (argc == 3 && strcmp(argv[1], "echo") == 0)
        return echo(context, argv[2]);
    if (argc != 7)
        return 64;
    bool by_count = strcmp(argv[1], "count") == 0;
    bool by_durable = strcmp(argv[1], "durable") == 0;
    size_t value_bytes = strtoull(argv[3], NULL, 10);
    uint64_t window = strtoull(argv[4], NULL, 10);
    uint64_t frames = strtoull(argv[5], NULL, 10);
    uint64_t session = strtoull(argv[6], NULL, 10);
    void *socket = zmq_socket(context, ZMQ_DEALER);
    if (zmq_connect(socket, argv[2]) != 0)
        return 1;
    size_t capacity = value_bytes + 256;
    uint64_t answered = 0;
    int64_t start_ns = clock_monotonic_ns();
    for (uint64_t sent = 0; answered < frames;) {
        bool may_send = sent < frames && (window == 0 || sent - answered < window);
        if (may_send) {
            zmq_msg_t message;
            zmq_msg_init_size(&message, capacity);
            size_t length = build(zmq_msg_data(&message), capacity, value_bytes, session, sent + 1);
            zmq_msg_t exact;
            zmq_msg_init_size(&exact, length);
            memcpy(zmq_msg_data(&exact), zmq_msg_data(&message), length);
            zmq_msg_close(&message);
            if (zmq_msg_send(&exact, socket, 0) < 0)
                return 1;
            sent++;
        }
        uint8_t bytes[WIRE_REPLY_BYTES_MAX];
        int length = zmq_recv(socket, bytes, sizeof bytes, may_send ? ZMQ_DONTWAIT : 0);
        if (length < 0)
            continue;
        struct wire_reply reply;
        if (by_count)
            answered++;
        else if (wire_reply_decode(bytes, (size_t)length, &reply) == 0)
            answered = by_durable ? reply.durable : reply.stored;
    }
    printf("%.4f\n", (double)(clock_monotonic_ns() - start_ns) / 1e9);
    return 0;
}
