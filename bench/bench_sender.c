/* bench_sender: one sender for daemon and sink alike.
 *
 *     bench_sender push|dealer ENDPOINT --frames N [--samples N] [--series N] [--blocks N] [--first
 * N] [--clock 0|1]
 *
 * Every frame is a batch of --blocks blocks of --samples float32 samples (clock 1: regular, 1 us
 * apart; clock 0: one sample each, stamped on arrival), with checksum, session and sequence. Block
 * b of frame f goes to series (f x blocks + b) mod
 * --series, named s0, s1, ... Answers are read and thrown away. It ends when standard input does.
 * `--first`: the number of frames that earlier runs sent to these series, so that time goes on from
 * there. */
#include "batch.h"
#include "clock_ns.h"
#include "little_endian.h"
#include "units.h"

#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

/* The series begin in 2020, so that no run of this program reaches the present. */
#define BENCH_EPOCH_NS   INT64_C(1577836800000000000)
#define BENCH_PERIOD_PS  INT64_C(1000000)
#define BENCH_NAME_BYTES 16

struct plan {
    uint64_t frames;
    uint64_t samples;
    uint64_t series;
    uint64_t blocks;
    uint64_t first;
    uint64_t clock;
};

/* The frames of one turn around all series, built once; between turns only times, sequence and
 * checksum change. */
struct frame {
    uint8_t *bytes;
    size_t length;
};

static int frame_build(const struct plan *plan, uint64_t number, const float *values,
                       struct frame *ret_frame)
{
    size_t capacity = sizeof(struct wire_batch_header) +
                      plan->blocks * (sizeof(struct wire_block_header) + BENCH_NAME_BYTES + 8 +
                                      plan->samples * sizeof(float));
    struct wire_encoder encoder;
    ret_frame->bytes = malloc(capacity);
    if (ret_frame->bytes == NULL)
        return -1;
    wire_encode_begin(&encoder, ret_frame->bytes, capacity);
    for (uint64_t b = 0; b < plan->blocks; b++) {
        char name[BENCH_NAME_BYTES];
        int length = snprintf(name, sizeof name, "s%llu",
                              (unsigned long long)((number * plan->blocks + b) % plan->series));
        struct wire_block block = {
            .name = name,
            .name_bytes = (uint16_t)length,
            .values = values,
            .values_bytes = plan->samples * sizeof(float),
            .t0_ns = 0,
            .period_ps = plan->clock == 1 ? BENCH_PERIOD_PS : 0,
            .count = (uint32_t)plan->samples,
            .dtype = DTYPE_F4,
            .clock = plan->clock == 1 ? WIRE_CLOCK_REGULAR : WIRE_CLOCK_ARRIVAL,
        };
        if (wire_encode_block(&encoder, &block) != 0)
            return -1;
    }
    ret_frame->length = wire_encode_finish(&encoder, 1, 1, 0, false);
    return 0;
}

/* Sets t0_ns of every block for the turn-th time that its series is written. */
static void frame_set_times(struct frame *frame, const struct plan *plan, uint64_t turn)
{
    int64_t t0_ns = BENCH_EPOCH_NS + (int64_t)(turn * plan->samples) * (BENCH_PERIOD_PS / 1000);
    uint8_t *block = frame->bytes + sizeof(struct wire_batch_header);
    while (block < frame->bytes + frame->length) {
        le_store_i64(block + offsetof(struct wire_block_header, t0_ns), t0_ns);
        block += le_load_u32(block + offsetof(struct wire_block_header, block_bytes));
    }
}

static void answers_discard(void *socket)
{
    char bytes[512];
    while (zmq_recv(socket, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0)
        ;
}

static int send_all(void *socket, const struct plan *plan, bool answered, uint64_t session)
{
    uint64_t frame_count = plan->series / plan->blocks ? plan->series / plan->blocks : 1;
    int code = 71;
    struct frame *frames = calloc(frame_count, sizeof *frames);
    float *values = calloc(plan->samples, sizeof *values);
    if (frames == NULL || values == NULL)
        goto done;
    for (uint64_t i = 0; i < plan->samples; i++)
        values[i] = (float)cos((double)i * 0.01);
    for (uint64_t i = 0; i < frame_count; i++)
        if (frame_build(plan, i, values, &frames[i]) != 0)
            goto done;

    for (uint64_t n = 0; n < plan->frames; n++) {
        struct frame *frame = &frames[n % frame_count];
        if (plan->clock == 1)
            frame_set_times(frame, plan, (plan->first + n) / frame_count);
        struct wire_batch_header *header = (struct wire_batch_header *)(void *)frame->bytes;
        header->crc32 = 1; /* asks the restamping for a checksum */
        wire_frame_restamp(frame->bytes, frame->length, session, n + 1);
        if (zmq_send(socket, frame->bytes, frame->length, 0) < 0) {
            perror("bench_sender: send");
            code = 74;
            goto done;
        }
        if (answered && n % 64 == 0)
            answers_discard(socket);
    }
    code = 0;

done:
    for (uint64_t i = 0; frames != NULL && i < frame_count; i++)
        free(frames[i].bytes);
    free(frames);
    free(values);
    return code;
}

static const struct option long_options[] = {
    {"frames", required_argument, NULL, 'f'},
    {"samples", required_argument, NULL, 's'},
    {"series", required_argument, NULL, 'n'},
    {"blocks", required_argument, NULL, 'b'},
    {"first", required_argument, NULL, 'F'},
    {"clock", required_argument, NULL, 'c'},
    {NULL, 0, NULL, 0},
};

int main(int argc, char **argv)
{
    struct plan plan = {
        .frames = 0, .samples = 1, .series = 1, .blocks = 1, .first = 0, .clock = 1};
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        uint64_t *field = option == 'f'   ? &plan.frames
                          : option == 's' ? &plan.samples
                          : option == 'n' ? &plan.series
                          : option == 'b' ? &plan.blocks
                          : option == 'F' ? &plan.first
                          : option == 'c' ? &plan.clock
                                          : NULL;
        if (field == NULL || !units_parse_u64(optarg, UINT32_MAX, field))
            return 64;
    }
    if (argc - optind != 2 || plan.samples == 0 || plan.blocks == 0 || plan.series % plan.blocks) {
        fprintf(stderr, "usage: bench_sender push|dealer ENDPOINT --frames N [--samples N] "
                        "[--series N] [--blocks N] [--first N] [--clock 0|1]\n");
        return 64;
    }
    bool answered = strcmp(argv[optind], "dealer") == 0;
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, answered ? ZMQ_DEALER : ZMQ_PUSH);
    if (socket == NULL || zmq_connect(socket, argv[optind + 1]) != 0) {
        perror(argv[optind + 1]);
        return 74;
    }
    uint64_t session = (uint64_t)clock_realtime_ns() ^ ((uint64_t)getpid() << 40);
    int code = send_all(socket, &plan, answered, session);
    /* The connection stays until standard input ends: what a closed one still had on its way may be
     * lost. */
    for (struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN}; poll(&input, 1, 10) == 0;)
        if (answered)
            answers_discard(socket);
    zmq_close(socket);
    zmq_ctx_term(context);
    return code;
}
