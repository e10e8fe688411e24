/* send_options.h - the command line of ingest-send. */
#ifndef INGEST_SEND_OPTIONS_H
#define INGEST_SEND_OPTIONS_H

#include "dtype.h"
#include "wire_format.h"

#include <stdbool.h>
#include <stdint.h>

/* Where samples come from; bits, because each option says to which of them it belongs. */
enum send_input {
    SEND_NPY = 1,
    SEND_CSV = 2,
    SEND_RAW = 4,
    SEND_LINES = 8,
    SEND_HOST = 16,
    SEND_COSINE = 32,
    SEND_DRAIN = 64,   /* nothing: only what is in the queue */
    SEND_LETTERS = 128 /* what was refused */
};

/* Unit of numeric times in a CSV file. */
enum send_time_unit { TIME_UNIT_GUESS = 0, TIME_UNIT_S, TIME_UNIT_MS, TIME_UNIT_US, TIME_UNIT_NS };

struct send_options {
    enum send_input input;
    const char *endpoint;
    const char *series;   /* for --host what stands before the sensors' names; NULL = not given */
    const char *key_file; /* of CURVE, NULL = none; so is the next */
    const char *server_key;
    const char *queue;    /* folder of the queue on disk; NULL = none */
    uint64_t queue_bytes; /* 0 = not given */
    int queue_sync_ms;
    const char *name;        /* NULL = this host's */
    const char *file;        /* "-" = standard input */
    const char *times_file;  /* NULL = none */
    const char *time_column; /* NULL = one with a usual name */
    enum send_time_unit time_unit;
    int64_t period_ps; /* of --rate; 0 = not given */
    double rate_hz;    /* as given */
    int64_t t0_ns;
    bool has_t0;
    enum dtype dtype; /* DTYPE_NONE = not given */
    unsigned rank;    /* of a raw sample */
    uint32_t dims[WIRE_RANK_MAX];
    uint32_t batch_samples; /* 0 = not given */
    int64_t interval_ns;    /* 0 = not given */
    int64_t duration_ns;    /* 0 = without end */
    int64_t timeout_ns;
    uint64_t seed;
    bool is_durable; /* wait until durable, not only until stored */
    bool is_quiet;
};

/* Reads the command line. Returns -1 to go on, else the status to exit with: everything was said.
 * `options` points into argv. */
int send_options_parse(int argc, char **argv, struct send_options *ret_options);

/* "ingest-send: ...: message" on standard error, and `status` back. */
__attribute__((format(printf, 2, 3))) int send_fail(int status, const char *format, ...);

/* Prints to standard output. `status`, or where that fails, which is said, 1 instead of 0. */
__attribute__((format(printf, 2, 3))) int send_print(int status, const char *format, ...);

#endif
