#include "query_options.h"

#define BIT(command) (1U << (command))
#define ALL          (BIT(COMMAND_COUNT) - 1)
#define WINDOWED     (BIT(COMMAND_RESAMPLE) | BIT(COMMAND_ROLLING))
#define RANGED       (WINDOWED | BIT(COMMAND_STATS) | BIT(COMMAND_DUMP) | BIT(COMMAND_PLOT))
#define STATISTICAL  (WINDOWED | BIT(COMMAND_STATS) | BIT(COMMAND_PLOT))
#define ROWS         (WINDOWED | BIT(COMMAND_STATS) | BIT(COMMAND_DUMP) | BIT(COMMAND_TAIL))
#define TABULAR      (ROWS | BIT(COMMAND_LS) | BIT(COMMAND_INFO))

const struct option_rule option_rules[OPTION_COUNT] = {
    [OPTION_STORE] = {"store", "DIR", ALL, 0,
                      "the store; else $INGESTD_STORE, else /var/lib/ingestd"},
    [OPTION_FILE] = {"file", "FILE", RANGED, 0, "an array instead of series: .npy, or raw"},
    [OPTION_DTYPE] = {"dtype", "TYPE", RANGED, 0,
                      "raw: f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 bool (>f4: big-endian)"},
    [OPTION_SHAPE] = {"shape", "N,...", RANGED, 0, "raw: its dimensions, the first may be -1"},
    [OPTION_OFFSET] = {"offset", "N", RANGED, 0, "raw: the byte that its first element is at"},
    [OPTION_ORDER] = {"order", "C|F", RANGED, 0, "raw: order of the elements (default C)"},
    [OPTION_PARTIAL] = {"partial", NULL, RANGED, 0, "raw: the file may go on behind the array"},
    [OPTION_SLICE] = {"slice", "SLICES", RANGED, 0,
                      "of an array, as in NumPy: 1000:2000,::-2,5 (start:stop:step an axis)"},
    [OPTION_PERIOD] = {"period", "D", RANGED, 0, "rows of an array are D apart in time, from --t0"},
    [OPTION_T0] = {"t0", "T", RANGED, 0, "the time of the array's row 0 (default: the epoch)"},
    [OPTION_STAMPS] = {"stamps", "T.npy", RANGED, 0,
                       "the times of an array's rows, int64 nanoseconds"},
    [OPTION_FROM] = {"from", "T", RANGED, 0, "rows at or after this time"},
    [OPTION_TO] = {"to", "T", RANGED, 0, "rows before this time"},
    [OPTION_LAST] = {"last", "N|D", RANGED, 0,
                     "the last N rows, or the last time D (10m) up to the newest sample"},
    [OPTION_FIRST] = {"first", "N", RANGED, 0, "the first N rows"},
    [OPTION_UTC] = {"utc", NULL, RANGED, 0, "times without a zone, and days, are UTC, not local"},
    [OPTION_STAT] = {"stat", "LIST", STATISTICAL, 0,
                     "of mean,var,std,min,max,sum,rms,count,missing,median,p95 (p0 to p100)"},
    [OPTION_DDOF] = {"ddof", "0|1", STATISTICAL, 0,
                     "variance is divided by count - ddof (default 0)"},
    [OPTION_NAN] = {"nan", "skip|propagate", STATISTICAL, 0,
                    "NaN is a missing value (default), or spoils what it is part of"},
    [OPTION_MIN_COUNT] = {"min-count", "N", STATISTICAL, 0,
                          "nothing is told of fewer samples that are not missing (default 0)"},
    [OPTION_WEIGHT] = {"weight", "time", STATISTICAL, 0,
                       "mean, var, std, rms: a value counts for the time until the next one"},
    [OPTION_ELEMENT] = {"element", "LIST", ROWS | BIT(COMMAND_PLOT), 0,
                        "of samples with a shape: these elements, flat, C order (0,2)"},
    [OPTION_OVER] = {"over", "WHAT", STATISTICAL, 0,
                     "time: an element along rows (default); elements of a row; stats: all"},
    [OPTION_EVERY] = {"every", "D", BIT(COMMAND_RESAMPLE), 0, "length of a bucket: 1m, 1d"},
    [OPTION_FILL] = {"fill", "HOW", BIT(COMMAND_RESAMPLE), 0,
                     "empty buckets: none (left out, default), null, previous"},
    [OPTION_WIDE] = {"wide", NULL, BIT(COMMAND_RESAMPLE), 0,
                     "one row a bucket, with the series side by side"},
    [OPTION_WINDOW] = {"window", "N|D", BIT(COMMAND_ROLLING), 0, "rows (200) or a span (10s)"},
    [OPTION_STEP] = {"step", "N", BIT(COMMAND_ROLLING), 0, "keep every N-th row (default 1)"},
    [OPTION_ROLLING] = {"rolling", "N|D", BIT(COMMAND_PLOT), 0,
                        "plot --stat over a rolling window of rows (200) or a span (10s)"},
    [OPTION_WIDTH] = {"width", "N", BIT(COMMAND_PLOT), 0,
                      "characters across (default: the terminal's); SVG: pixels (960)"},
    [OPTION_HEIGHT] = {"height", "N", BIT(COMMAND_PLOT), 0,
                       "lines (default: the terminal's, at most 24); SVG: pixels (400)"},
    [OPTION_ASCII] = {"ascii", NULL, BIT(COMMAND_PLOT), 0,
                      "draw with ASCII only (default where the locale is not UTF-8)"},
    [OPTION_LINES] = {"lines", "N", BIT(COMMAND_TAIL), 'n', "rows (default 10)"},
    [OPTION_FOLLOW] = {"follow", NULL, BIT(COMMAND_TAIL) | BIT(COMMAND_ROLLING), 'f',
                       "go on with samples as they arrive, until interrupted"},
    [OPTION_JOBS] = {"jobs", "N", WINDOWED | BIT(COMMAND_STATS) | BIT(COMMAND_DUMP), 'j',
                     "threads for several series (default: as many as processors)"},
    [OPTION_MAX_AGE] = {"max-age", "D", BIT(COMMAND_STATUS), 0,
                        "series that match GLOB must have been written to within D"},
    [OPTION_GATEWAYS] = {"gateways", NULL, BIT(COMMAND_STATUS), 0,
                         "the gateways that the daemon heard of lately, a line each"},
    [OPTION_FORMAT] = {"format", "F", TABULAR | BIT(COMMAND_VERIFY) | BIT(COMMAND_STATUS), 0,
                       "table (default), csv, json or npy"},
    [OPTION_TIME] = {"time", "iso|ns", TABULAR, 0,
                     "times as UTC text (default) or nanoseconds (json: default)"},
    [OPTION_OUTPUT] = {"output", "FILE", ALL & ~BIT(COMMAND_BACKUP), 'o',
                       "write there; the file appears when it is complete"},
    [OPTION_TIMES] = {"times", "FILE.npy", WINDOWED | BIT(COMMAND_DUMP) | BIT(COMMAND_STATS), 0,
                      "with --format npy: the rows' times as int64 nanoseconds"},
    [OPTION_HELP] = {"help", NULL, ALL, 'h', "this help"},
    [OPTION_VERSION] = {"version", NULL, ALL, 0, "the version"},
};

#define TEXT_FORMATS (1U << FORMAT_TABLE | 1U << FORMAT_CSV | 1U << FORMAT_JSON)
#define ALL_FORMATS  (TEXT_FORMATS | 1U << FORMAT_NPY)

const struct command_rule command_rules[COMMAND_COUNT] = {
    [COMMAND_LS] =
        {"ls", "[GLOB...]", "the series of the store",
         "Columns: series, dtype, shape, clock, mode, capacity (0 for grow), count of samples\n"
         "ever appended, first_time, last_time, unit.\n",
         command_ls, TEXT_FORMATS},
    [COMMAND_INFO] = {"info", "S...", "everything about a series", "", command_info,
                      1U << FORMAT_TABLE | 1U << FORMAT_JSON},
    [COMMAND_STATS] =
        {"stats", "S...", "statistics over a range of rows",
         "One row a series: series, the statistics (default: all), first_time, last_time. With\n"
         "--over elements one row a sample: time, the statistics.\n"
         "npy: float64 (series, statistics).\n",
         command_stats, ALL_FORMATS},
    [COMMAND_RESAMPLE] =
        {"resample", "S... --every D", "statistics over buckets of time",
         "Buckets [t, t + D) are aligned to the epoch; from one day on to midnight in the\n"
         "local zone (or --utc), whole weeks to Mondays. `time` is a bucket's start. Empty\n"
         "buckets are left out (--fill), incomplete ends are kept. Default: mean,var.\n"
         "--wide: columns time, then SERIES, or SERIES:STAT where several are asked for.\n",
         command_resample, ALL_FORMATS},
    [COMMAND_ROLLING] =
        {"rolling", "S... --window N|D", "statistics over a rolling window",
         "The window is the N rows, or the span (t - D, t], that end at the row's time. Rows\n"
         "begin with the first full window: the N-th row, or the first that is D or more after\n"
         "the first row of the range. Default: mean,var.\n",
         command_rolling, ALL_FORMATS},
    [COMMAND_DUMP] =
        {"dump", "S...", "the samples themselves",
         "Columns: time, value (value[0], ... for samples with a shape). npy: the values in\n"
         "their own dtype and shape.\n",
         command_dump, ALL_FORMATS},
    [COMMAND_TAIL] = {"tail", "S... [-n N] [--follow]", "the newest samples", "", command_tail,
                      TEXT_FORMATS},
    [COMMAND_PLOT] =
        {"plot", "S...", "a plot in the terminal, or -o FILE.svg",
         "One line for each series, element and statistic, at most 8. Every column of the picture\n"
         "shows the smallest and the largest value in it, so no spike is lost. Missing values, "
         "NaN\n"
         "and infinities leave gaps.\n",
         command_plot, 0},
    [COMMAND_VERIFY] =
        {"verify", "[S...]", "damage in files",
         "Looks at every header, head, length, time and run of the series, or of the whole store,\n"
         "and then at STATE and the journal too.\n"
         "One line a finding: the file and what is wrong (csv, json: file, finding). Exit 0: "
         "sound;\n"
         "1: damage.\n",
         command_verify, TEXT_FORMATS},
    [COMMAND_STATUS] =
        {"status", "[--gateways | --max-age D GLOB]", "health of the daemon",
         "Exit 0: healthy; 1: not running, the flusher is stuck, damage, or with --max-age series\n"
         "that nothing was written to for longer than D. csv, json: name, value; the names of the\n"
         "counters are those of status.npy.\n",
         command_status, TEXT_FORMATS},
    [COMMAND_BACKUP] =
        {"backup", "DIR", "a copy of the store that starts cleanly",
         "Copies the store into folder DIR, which must be empty or not exist, while the daemon\n"
         "writes, without asking it. Damaged series are named and left out. Exit 0: all of it is\n"
         "copied and synced; 1: not all, and a message says what; 73: DIR cannot be used; 75:\n"
         "recovery of the store is due.\n",
         command_backup, 0},
};
