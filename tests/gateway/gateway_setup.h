/* gateway_setup.h - a gateway, a scripted daemon, and what the gateway called back. */
#ifndef INGEST_GATEWAY_SETUP_H
#define INGEST_GATEWAY_SETUP_H

#include "cmocka_tests.h"
#include "fake_daemon.h"

#include <string.h>

struct context {
    struct fake_daemon daemon;
    struct ingest_gateway *gateway;
    unsigned refused_calls;
    unsigned delayed_calls;
    unsigned progress_calls;
    uint64_t refused_sequence;
    unsigned last_code;
    char last_text[64];
};

static inline void on_refused(const struct ingest_refusal *refusal, void *pointer)
{
    struct context *context = pointer;
    context->refused_calls++;
    context->refused_sequence = refusal->sequence;
    context->last_code = refusal->code;
    strncpy(context->last_text, refusal->text, sizeof context->last_text - 1);
}

static inline void on_delayed(const struct ingest_refusal *reason, void *pointer)
{
    struct context *context = pointer;
    context->delayed_calls++;
    context->last_code = reason->code;
}

static inline void on_progress(uint64_t stored, uint64_t durable, void *pointer)
{
    struct context *context = pointer;
    struct ingest_gateway_status status;
    ingest_gateway_status(context->gateway, &status);
    assert_true(status.stored == stored && status.durable == durable);
    context->progress_calls++;
}

static inline void open_with(struct context *context, struct ingest_gateway_options options)
{
    options.endpoint = context->daemon.endpoint;
    options.name = "test";
    options.on_progress = on_progress;
    options.on_refused = on_refused;
    options.on_delayed = on_delayed;
    options.context = context;
    if (options.reconnect_min_ms == 0)
        options.reconnect_min_ms = 10;
    options.reconnect_max_ms = 100;
    assert_int_equal(ingest_gateway_open(&options, &context->gateway), 0);
}

static inline int setup(void **state)
{
    static struct context context;
    memset(&context, 0, sizeof context);
    fake_daemon_open(&context.daemon);
    *state = &context;
    return 0;
}

static inline int teardown(void **state)
{
    struct context *context = *state;
    ingest_gateway_close(context->gateway);
    fake_daemon_close(&context->daemon);
    return 0;
}

static inline int push_bytes(struct context *context, uint32_t count, int timeout_ms)
{
    static uint8_t values[40000];
    const struct ingest_block block = {.name = "a/b",
                                       .dtype = "u1",
                                       .clock = INGEST_REGULAR,
                                       .t0_ns = 1,
                                       .period_ps = 1000,
                                       .count = count,
                                       .values = values};
    return ingest_gateway_push(context->gateway, &block, 1, timeout_ms, NULL);
}

static inline void push(struct context *context, unsigned batches)
{
    for (unsigned i = 0; i < batches; i++)
        assert_int_equal(push_bytes(context, 1, 0), 0);
}

static inline struct ingest_gateway_status status_of(const struct context *context)
{
    struct ingest_gateway_status status;
    ingest_gateway_status(context->gateway, &status);
    return status;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
