/* store_format.h - what is on disk, format version 1. Mirrors docs/format.md: change both. No
 * functions here.
 *
 *   STORE/LOCK  STORE/status.npy  STORE/series/<name>/{head,values,times|runs,summary-<k>}.npy
 *   meta.ini
 *
 * Every .npy is a version-1.0 header padded to NPY_HEADER_BYTES, C order, one plain dtype. */
#ifndef INGEST_STORE_FORMAT_H
#define INGEST_STORE_FORMAT_H

#include <stdint.h>

#define STORE_FORMAT_VERSION 1
#define NPY_HEADER_BYTES     4096

#define STORE_RANK_MAX       4
#define STORE_NAME_BYTES_MAX 255
#define STORE_SEGMENTS_MAX   16

#define STORE_LOCK_FILE     "LOCK"
#define STORE_STATUS_FILE   "status.npy"
#define STORE_GATEWAYS_FILE "gateways.npy"
#define STORE_SERIES_DIR    "series"
#define SERIES_HEAD_FILE    "head.npy"
#define SERIES_VALUES_FILE  "values.npy"
#define SERIES_TIMES_FILE   "times.npy"
#define SERIES_RUNS_FILE    "runs.npy"
#define SERIES_META_FILE    "meta.ini"

enum series_clock { SERIES_REGULAR = 1, SERIES_EXPLICIT = 2 };

/* head.npy: <i8 (512,). "INGESTD1" read as a little-endian int64. */
#define HEAD_WORDS       512
#define HEAD_FILE_BYTES  (NPY_HEADER_BYTES + HEAD_WORDS * 8)
#define HEAD_MAGIC_VALUE INT64_C(0x3144545345474E49)

enum head_word {
    /* Written once, when the series is created. */
    HEAD_MAGIC = 0,
    HEAD_VERSION = 1,
    HEAD_INCOMPATIBLE = 2, /* a reader that does not know a flag here refuses the series */
    HEAD_COMPATIBLE =
        3,             /* a reader may ignore flags here; a writer refuses those it does not know */
    HEAD_ID = 4,       /* never reused */
    HEAD_CAPACITY = 5, /* rows of a ring; 0 = grow */
    HEAD_SAMPLE_BYTES = 6,
    HEAD_DTYPE = 7, /* two ASCII bytes, the first one lowest */
    HEAD_RANK = 8,
    HEAD_DIMS = 9,   /* four words */
    HEAD_CLOCK = 13, /* enum series_clock */
    HEAD_CREATED_NS = 14,
    /* The writer's, changed with every append. */
    HEAD_COUNT = 16, /* samples ever appended; published with release */
    HEAD_FRONTIER =
        17,         /* count after the append under way; set before a copy begins; never lowered */
    HEAD_ROWS = 18, /* rows now in the shape of values.npy */
    HEAD_RUNS_COUNT = 19,
    HEAD_LAST_TIME_NS = 20,
    HEAD_LAST_UPDATE_NS = 21,
    HEAD_SUMMARISED = 22, /* rows covered by summaries, whole blocks; published with release */
    /* The flusher's, on a cache line of its own. */
    HEAD_DURABLE = 32,
    HEAD_EPOCH = 43, /* changes with every writer that opens the series */
    /* Sixteen sessions of four words. */
    HEAD_SESSIONS = 64
};

#define HEAD_SESSION_SLOTS 16
#define HEAD_SESSION_WORDS 4
enum head_session_word {
    HEAD_SESSION_ID = 0,       /* 0 = free */
    HEAD_SESSION_SEQUENCE = 1, /* of the last batch of that session which this series took */
    HEAD_SESSION_COUNT =
        2, /* the series' count after that batch: until it is reached the entry does not hold */
    HEAD_SESSION_BEFORE = 3 /* the sequence before it, which holds if this one does not */
};

/* runs.npy: <i8 (runs capacity, 3), a ring of its own. */
#define RUN_WORDS 3
enum run_word { RUN_FIRST_INDEX = 0, RUN_T0_NS = 1, RUN_PERIOD_PS = 2 };
#define RUNS_CAPACITY_MIN     1024
#define RUNS_CAPACITY_MAX     65536
#define RUNS_CAPACITY_DIVISOR 64

/* summary-<k>.npy: <f8 (records, *sample shape, 6). */
#ifndef SUMMARY_BLOCK_ROWS                /* the crash tests have shorter ones */
#define SUMMARY_BLOCK_ROWS UINT64_C(1024) /* of level 0 */
#endif
#define SUMMARY_FAN_OUT_BITS 4
#define SUMMARY_FAN_OUT      (UINT64_C(1) << SUMMARY_FAN_OUT_BITS)
#define SUMMARY_LEVELS_MAX   13
#define SUMMARY_ELEMENTS_MAX 1024 /* of a sample; larger ones have no summaries */
#define SUMMARY_WORDS        6
enum summary_word {
    SUMMARY_HI = 0, /* mean = hi + lo */
    SUMMARY_LO = 1,
    SUMMARY_M2 = 2, /* sum of squared differences from it */
    SUMMARY_MIN = 3,
    SUMMARY_MAX = 4,
    SUMMARY_COUNT = 5 /* samples that are not NaN */
};

/* A run is closed before (index - first) x period passes this many picoseconds (53 days). */
#define RUN_SPAN_PS_MAX (INT64_C(1) << 62)
/* Shorter periods would give two samples the same nanosecond. */
#define RUN_PERIOD_PS_MIN 1000

#endif
