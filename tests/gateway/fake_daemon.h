/* fake_daemon.h - a daemon for the gateway's tests: a ROUTER in the test's own process that says
 * exactly what the test wants. */
#ifndef INGEST_FAKE_DAEMON_H
#define INGEST_FAKE_DAEMON_H

#include "batch.h"
#include "ingest_gateway.h"
#include "reply.h"

struct fake_daemon {
    void *context;
    void *router;
    char endpoint[128];
    char *folder;
    uint8_t peer[256]; /* routing id of the last frame's sender */
    size_t peer_bytes;
    uint8_t frame[65536];
    size_t frame_bytes;
    struct wire_batch batch; /* the last frame */
    struct wire_reply reply; /* what is answered, but for code and sequence */
};

/* Listens on an ipc endpoint in a folder of its own. Credit 1,000 batches, 1 MiB; frames of up to
 * 32 KiB. */
void fake_daemon_open(struct fake_daemon *daemon);
void fake_daemon_close(struct fake_daemon *daemon);

/* As a daemon that is killed and started again: no connection survives. */
void fake_daemon_stop(struct fake_daemon *daemon);
void fake_daemon_start(struct fake_daemon *daemon);

/* Moves both on until a frame arrives and reads it; false: none came within `timeout_ms`. */
bool fake_daemon_receive(struct fake_daemon *daemon, struct ingest_gateway *gateway,
                         int timeout_ms);

/* Receives and fails the test unless it is a HELLO, or the batch, with that sequence. Hello's
 * sequence is checked too. */
void fake_daemon_expect_hello(struct fake_daemon *daemon, struct ingest_gateway *gateway,
                              uint64_t sequence);
void fake_daemon_expect_batch(struct fake_daemon *daemon, struct ingest_gateway *gateway,
                              uint64_t sequence);

/* Fails the test when a frame arrives within `timeout_ms`. */
void fake_daemon_expect_nothing(struct fake_daemon *daemon, struct ingest_gateway *gateway,
                                int timeout_ms);

/* Sends bytes to the last sender. */
void fake_daemon_send(struct fake_daemon *daemon, const void *bytes, size_t length);

/* Answers the last sender and lets the gateway take it. */
void fake_daemon_answer(struct fake_daemon *daemon, struct ingest_gateway *gateway,
                        enum wire_code code, uint64_t sequence, const char *text);

/* OK with these marks. */
void fake_daemon_ok(struct fake_daemon *daemon, struct ingest_gateway *gateway, uint64_t stored,
                    uint64_t durable);

/* HELLO and its answer. */
void fake_daemon_greet(struct fake_daemon *daemon, struct ingest_gateway *gateway);

#endif
