#include "fake_daemon.h"

#include "clock_ns.h"
#include "cmocka_tests.h"
#include "gateway_internal.h"
#include "temporary_folder.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

#define PATIENCE_MS 10000

void fake_daemon_start(struct fake_daemon *daemon)
{
    int linger = 0;
    daemon->router = zmq_socket(daemon->context, ZMQ_ROUTER);
    assert_non_null(daemon->router);
    assert_int_equal(zmq_setsockopt(daemon->router, ZMQ_LINGER, &linger, sizeof linger), 0);
    assert_int_equal(zmq_bind(daemon->router, daemon->endpoint), 0);
}

void fake_daemon_stop(struct fake_daemon *daemon)
{
    assert_int_equal(zmq_close(daemon->router), 0);
    /* The socket is closed by a thread of ZeroMQ: a new context waits for none of it. */
    assert_int_equal(zmq_ctx_term(daemon->context), 0);
    daemon->context = zmq_ctx_new();
    assert_non_null(daemon->context);
    daemon->router = NULL;
    daemon->peer_bytes = 0;
}

void fake_daemon_open(struct fake_daemon *daemon)
{
    *daemon = (struct fake_daemon){
        .reply = {.credit_batches = 1000, .credit_kib = 1024, .frame_bytes_max = 32768}};
    daemon->context = zmq_ctx_new();
    assert_non_null(daemon->context);
    daemon->folder = temporary_folder_make();
    snprintf(daemon->endpoint, sizeof daemon->endpoint, "ipc://%s/router", daemon->folder);
    fake_daemon_start(daemon);
}

void fake_daemon_close(struct fake_daemon *daemon)
{
    if (daemon->router != NULL)
        zmq_close(daemon->router);
    zmq_ctx_term(daemon->context);
    temporary_folder_remove(daemon->folder);
}

static bool take_frame(struct fake_daemon *daemon)
{
    int length = zmq_recv(daemon->router, daemon->peer, sizeof daemon->peer, ZMQ_DONTWAIT);
    if (length < 0)
        return false;
    daemon->peer_bytes = (size_t)length;
    length = zmq_recv(daemon->router, daemon->frame, sizeof daemon->frame, 0);
    assert_true(length > 0 && (size_t)length <= sizeof daemon->frame);
    daemon->frame_bytes = (size_t)length;
    const char *reason;
    assert_int_equal(wire_batch_open(daemon->frame, daemon->frame_bytes, &daemon->batch, &reason),
                     WIRE_OK);
    return true;
}

bool fake_daemon_receive(struct fake_daemon *daemon, struct ingest_gateway *gateway, int timeout_ms)
{
    int64_t deadline_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    do {
        if (daemon->router != NULL && take_frame(daemon))
            return true;
        ingest_gateway_poll(gateway, 5);
    } while (clock_monotonic_ns() < deadline_ns);
    return daemon->router != NULL && take_frame(daemon);
}

static void expect(struct fake_daemon *daemon, struct ingest_gateway *gateway, bool is_hello,
                   uint64_t sequence)
{
    assert_true(fake_daemon_receive(daemon, gateway, PATIENCE_MS));
    assert_int_equal(daemon->batch.block_count == 0, is_hello);
    assert_int_equal(daemon->batch.sequence, sequence);
}

void fake_daemon_expect_hello(struct fake_daemon *daemon, struct ingest_gateway *gateway,
                              uint64_t sequence)
{
    expect(daemon, gateway, true, sequence);
}

void fake_daemon_expect_batch(struct fake_daemon *daemon, struct ingest_gateway *gateway,
                              uint64_t sequence)
{
    expect(daemon, gateway, false, sequence);
}

void fake_daemon_expect_nothing(struct fake_daemon *daemon, struct ingest_gateway *gateway,
                                int timeout_ms)
{
    assert_false(fake_daemon_receive(daemon, gateway, timeout_ms));
}

void fake_daemon_send(struct fake_daemon *daemon, const void *bytes, size_t length)
{
    assert_int_equal(zmq_send(daemon->router, daemon->peer, daemon->peer_bytes, ZMQ_SNDMORE),
                     daemon->peer_bytes);
    assert_int_equal(zmq_send(daemon->router, bytes, length, 0), length);
}

void fake_daemon_answer(struct fake_daemon *daemon, struct ingest_gateway *gateway,
                        enum wire_code code, uint64_t sequence, const char *text)
{
    uint8_t bytes[WIRE_REPLY_BYTES_MAX];
    struct wire_reply reply = daemon->reply;
    bool is_nameless = code == WIRE_CHECKSUM;
    reply.code = code;
    reply.session = is_nameless ? 0 : gateway->options.session;
    reply.sequence = is_nameless ? 0 : sequence;
    reply.text = text;
    reply.text_bytes = (uint16_t)strlen(text);
    fake_daemon_send(daemon, bytes, wire_reply_encode(&reply, bytes));
    int64_t answered_ns = gateway->answered_ns;
    for (int i = 0; i < PATIENCE_MS && gateway->answered_ns == answered_ns; i++)
        ingest_gateway_poll(gateway, 1);
    assert_true(gateway->answered_ns != answered_ns);
}

void fake_daemon_ok(struct fake_daemon *daemon, struct ingest_gateway *gateway, uint64_t stored,
                    uint64_t durable)
{
    daemon->reply.stored = stored;
    daemon->reply.durable = durable;
    fake_daemon_answer(daemon, gateway, WIRE_OK, 0, "");
}

void fake_daemon_greet(struct fake_daemon *daemon, struct ingest_gateway *gateway)
{
    assert_true(fake_daemon_receive(daemon, gateway, PATIENCE_MS));
    assert_int_equal(daemon->batch.block_count, 0);
    fake_daemon_answer(daemon, gateway, WIRE_OK, 0, "");
}
