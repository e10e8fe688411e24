#include "send_options.h"

#include "clock_ns.h"
#include "endpoint.h"
#include "log.h"
#include "queue.h"
#include "standard_streams.h"
#include "time_text.h"
#include "units.h"

#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_NS (10 * NS_PER_S)
#define TIMEOUT_NS_MAX     (86400 * NS_PER_S)
#define BATCH_SAMPLES_MAX  100000000
#define PS_PER_S           1e12
#define RATE_HZ_MAX        1e9
/* One sample a year is slow enough. */
#define RATE_HZ_MIN 3e-8

#define FILES   (SEND_NPY | SEND_CSV | SEND_RAW)
#define SOURCES (FILES | SEND_LINES | SEND_HOST | SEND_COSINE)
#define ALL     (SOURCES | SEND_DRAIN | SEND_LETTERS)
/* Lost by a power cut of this machine, at most. */
#define QUEUE_SYNC_MS_DEFAULT 1000
#define QUEUE_SYNC_NS_MAX     (3600 * NS_PER_S)

enum option_code {
    OPTION_CONNECT = 1,
    OPTION_SERIES,
    OPTION_RATE,
    OPTION_TIMES,
    OPTION_T0,
    OPTION_DTYPE,
    OPTION_SHAPE,
    OPTION_CSV,
    OPTION_LINES,
    OPTION_HOST,
    OPTION_COSINE,
    OPTION_TIME_COLUMN,
    OPTION_TIME_UNIT,
    OPTION_ACK,
    OPTION_BATCH,
    OPTION_INTERVAL,
    OPTION_DURATION,
    OPTION_SEED,
    OPTION_NAME,
    OPTION_KEY,
    OPTION_SERVER_KEY,
    OPTION_TIMEOUT,
    OPTION_QUEUE,
    OPTION_QUEUE_SIZE,
    OPTION_QUEUE_SYNC,
    OPTION_DRAIN,
    OPTION_LETTERS,
    OPTION_QUIET,
    OPTION_VERSION,
    OPTION_HELP,
    OPTION_END
};

/* Each option once: its name, whether it takes a value, and the inputs that it means something to.
 */
static const struct {
    const char *name;
    bool has_value;
    int inputs;
} known_options[OPTION_END] = {
    [OPTION_CONNECT] = {"connect", true, ALL},
    [OPTION_SERIES] = {"series", true, FILES | SEND_HOST | SEND_COSINE},
    [OPTION_RATE] = {"rate", true, FILES | SEND_HOST | SEND_COSINE},
    [OPTION_TIMES] = {"times", true, SEND_NPY | SEND_RAW},
    [OPTION_T0] = {"t0", true, FILES | SEND_COSINE},
    [OPTION_DTYPE] = {"dtype", true, FILES},
    [OPTION_SHAPE] = {"shape", true, SEND_RAW},
    [OPTION_CSV] = {"csv", false, ALL},
    [OPTION_LINES] = {"lines", false, ALL},
    [OPTION_HOST] = {"host", false, ALL},
    [OPTION_COSINE] = {"cosine", false, ALL},
    [OPTION_TIME_COLUMN] = {"time-column", true, SEND_CSV},
    [OPTION_TIME_UNIT] = {"time-unit", true, SEND_CSV},
    [OPTION_ACK] = {"ack", true, ALL},
    [OPTION_BATCH] = {"batch", true, FILES | SEND_COSINE},
    [OPTION_INTERVAL] = {"interval", true, SEND_HOST | SEND_COSINE},
    [OPTION_DURATION] = {"duration", true, SEND_HOST | SEND_COSINE},
    [OPTION_SEED] = {"seed", true, SEND_COSINE},
    [OPTION_NAME] = {"name", true, ALL},
    [OPTION_KEY] = {"key", true, ALL},
    [OPTION_SERVER_KEY] = {"server-key", true, ALL},
    [OPTION_TIMEOUT] = {"timeout", true, ALL},
    [OPTION_QUEUE] = {"queue", true, ALL},
    [OPTION_QUEUE_SIZE] = {"queue-size", true, ALL},
    [OPTION_QUEUE_SYNC] = {"queue-sync", true, SOURCES},
    [OPTION_DRAIN] = {"drain", false, ALL},
    [OPTION_LETTERS] = {"resend-dead-letters", false, ALL},
    [OPTION_QUIET] = {"quiet", false, ALL},
    [OPTION_VERSION] = {"version", false, ALL},
    [OPTION_HELP] = {"help", false, ALL},
};

static const char help_text[] =
    "usage: ingest-send --connect URL --series NAME [options] FILE.npy|FILE.csv|-\n"
    "       ingest-send --connect URL --lines [FILE|-]\n"
    "       ingest-send --connect URL --host | --cosine [options]\n"
    "Sends samples to ingestd, waits until they are durable, and ends with one line:\n"
    "sent, stored, durable, late and refused samples.\n"
    "\n"
    "  --connect URL        a router endpoint: tcp://HOST:5570, ipc:///PATH\n"
    "  --series NAME        the series; for CSV with several columns NAME/column;\n"
    "                       for --host what stands before each name (host/HOSTNAME)\n"
    "Input\n"
    "  FILE.npy             array (samples, *shape), with --rate or --times\n"
    "  FILE.csv, --csv      with a header row and a time column, or with --rate\n"
    "  -                    standard input: .npy, CSV (--csv) or raw numbers (--dtype)\n"
    "  --lines [FILE|-]     line protocol (InfluxDB)\n"
    "  --host               this host: CPU, memory, load, disks, networks, temperatures\n"
    "  --cosine             a noisy cosine\n"
    "Times\n"
    "  --rate HZ            a regular clock (--host: 100, --cosine: 5000)\n"
    "  --t0 TIME            of the first sample; without it the last is stamped now\n"
    "  --times T.npy        a stamp for each sample: int64 ns or datetime64\n"
    "  --time-column NAME   in CSV (time, timestamp, ts, date, datetime)\n"
    "  --time-unit UNIT     of numbers in it: s, ms, us, ns (by their magnitude)\n"
    "Values\n"
    "  --dtype D            f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 (CSV: f8; .npy: as it is)\n"
    "  --shape N[,N...]     of a raw sample (a scalar)\n"
    "Sending\n"
    "  --ack stored|durable what to wait for (durable)\n"
    "  --batch N            samples in a batch (about 20 KB)\n"
    "  --interval D         time in a batch, for --host (500ms) and --cosine\n"
    "  --duration D         stop after that long, for --host and --cosine\n"
    "  --seed N             of the cosine's noise (1)\n"
    "  --name NAME          for the daemon's log and status (this host's name)\n"
    "  --key FILE           this sender's secret certificate, for a daemon with CURVE\n"
    "  --server-key KEY     the daemon's public key, 40 characters, or its certificate\n"
    "  --timeout D          give up on a daemon that does not answer (10s)\n"
    "Queue on disk\n"
    "  --queue DIR          keep in DIR what is not durable, and send it first next time\n"
    "  --queue-size BYTES   of DIR, at most (256MiB)\n"
    "  --queue-sync D       written to the disk at the latest after that long (1s); 0:\n"
    "                       each batch before the next one is read\n"
    "  --drain              no input: send what is in the queue\n"
    "  --resend-dead-letters  no input: send again what the daemon refused\n"
    "Other\n"
    "  --quiet              no progress\n"
    "  --version  --help\n"
    "\n"
    "Exit: 0; 1 something was refused; 64 usage; 65 bad data; 66 no such file;\n"
    "74 reading, or the queue's disk, failed; 75 the daemon did not answer;\n"
    "78 a key file that will not do.\n";

int send_fail(int status, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_error("%s", text);
    return status;
}

int send_print(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    int result = standard_output_flush();
    return result < 0
               ? send_fail(status != EX_OK ? status : 1, "standard output: %s", strerror(-result))
               : status;
}

static bool parse_rate(const char *text, struct send_options *options)
{
    double rate_hz;
    if (!units_parse_double(text, &rate_hz) || rate_hz < RATE_HZ_MIN || rate_hz > RATE_HZ_MAX)
        return false;
    options->rate_hz = rate_hz;
    options->period_ps = (int64_t)llrint(PS_PER_S / rate_hz);
    return true;
}

static bool parse_shape(const char *text, struct send_options *options)
{
    char copy[64];
    if (strlen(text) >= sizeof copy)
        return false;
    memcpy(copy, text, strlen(text) + 1);
    unsigned rank = 0;
    char *rest = copy;
    for (char *part; (part = strsep(&rest, ",")) != NULL; rank++) {
        uint64_t dim;
        if (rank == WIRE_RANK_MAX || !units_parse_u64(part, UINT32_MAX, &dim) || dim == 0)
            return false;
        options->dims[rank] = (uint32_t)dim;
    }
    options->rank = rank;
    return true;
}

static bool parse_time_unit(const char *text, struct send_options *options)
{
    static const char *const names[] = {
        [TIME_UNIT_S] = "s", [TIME_UNIT_MS] = "ms", [TIME_UNIT_US] = "us", [TIME_UNIT_NS] = "ns"};
    for (int unit = TIME_UNIT_S; unit <= TIME_UNIT_NS; unit++) {
        if (strcmp(text, names[unit]) == 0) {
            options->time_unit = (enum send_time_unit)unit;
            return true;
        }
    }
    return false;
}

static bool parse_ack(const char *text, struct send_options *options)
{
    options->is_durable = strcmp(text, "durable") == 0;
    return options->is_durable || strcmp(text, "stored") == 0;
}

static bool parse_batch(const char *text, struct send_options *options)
{
    uint64_t samples;
    if (!units_parse_u64(text, BATCH_SAMPLES_MAX, &samples) || samples == 0)
        return false;
    options->batch_samples = (uint32_t)samples;
    return true;
}

static bool parse_positive_duration(const char *text, int64_t *ret_ns)
{
    return units_parse_duration_ns(text, ret_ns) && *ret_ns > 0;
}

/* A time above 0 is never taken for 0, which means something else. */
static bool parse_queue_sync(const char *text, struct send_options *options)
{
    int64_t sync_ns;
    if (!units_parse_duration_ns(text, &sync_ns) || sync_ns > QUEUE_SYNC_NS_MAX)
        return false;
    options->queue_sync_ms = (int)((sync_ns + NS_PER_MS - 1) / NS_PER_MS);
    return true;
}

static bool parse_value(enum option_code code, const char *text, struct send_options *options)
{
    switch (code) {
    case OPTION_CONNECT:
        options->endpoint = text;
        return true;
    case OPTION_SERIES:
        options->series = text;
        return text[0] != '\0';
    case OPTION_NAME:
        options->name = text;
        return strlen(text) <= WIRE_PEER_NAME_MAX;
    case OPTION_KEY:
        options->key_file = text;
        return text[0] != '\0';
    case OPTION_SERVER_KEY:
        options->server_key = text;
        return text[0] != '\0';
    case OPTION_TIMES:
        options->times_file = text;
        return true;
    case OPTION_TIME_COLUMN:
        options->time_column = text;
        return true;
    case OPTION_RATE:
        return parse_rate(text, options);
    case OPTION_T0:
        options->has_t0 = true;
        return time_parse(text, TIME_ZONE_UTC, clock_realtime_ns(), &options->t0_ns);
    case OPTION_DTYPE:
        options->dtype = dtype_from_name(text);
        return options->dtype != DTYPE_NONE;
    case OPTION_SHAPE:
        return parse_shape(text, options);
    case OPTION_TIME_UNIT:
        return parse_time_unit(text, options);
    case OPTION_ACK:
        return parse_ack(text, options);
    case OPTION_BATCH:
        return parse_batch(text, options);
    case OPTION_INTERVAL:
        return parse_positive_duration(text, &options->interval_ns);
    case OPTION_DURATION:
        return parse_positive_duration(text, &options->duration_ns);
    case OPTION_TIMEOUT:
        return parse_positive_duration(text, &options->timeout_ns) &&
               options->timeout_ns <= TIMEOUT_NS_MAX;
    case OPTION_QUEUE:
        options->queue = text;
        return text[0] != '\0';
    case OPTION_QUEUE_SIZE:
        return units_parse_bytes(text, &options->queue_bytes) &&
               options->queue_bytes >= QUEUE_BYTES_MIN;
    case OPTION_QUEUE_SYNC:
        return parse_queue_sync(text, options);
    case OPTION_SEED:
        return units_parse_u64(text, UINT64_MAX, &options->seed);
    default:
        return false;
    }
}

static bool has_suffix(const char *text, const char *suffix)
{
    size_t length = strlen(text), suffix_length = strlen(suffix);
    return length > suffix_length && strcasecmp(text + length - suffix_length, suffix) == 0;
}

/* Which input the options and the file's name ask for. -1, or the status to exit with. */
static int choose_input(const bool *given, int argc, char **argv, struct send_options *options)
{
    int sources = given[OPTION_LINES] + given[OPTION_HOST] + given[OPTION_COSINE] +
                  given[OPTION_DRAIN] + given[OPTION_LETTERS];
    int files = argc - optind;
    if (sources > 1)
        return send_fail(EX_USAGE,
                         "--lines, --host, --cosine, --drain and --resend-dead-letters: give one "
                         "of them");
    if (files > 1)
        return send_fail(EX_USAGE, "one FILE at a time: %s, %s", argv[optind], argv[optind + 1]);
    if (files == 1 && sources == 1 && !given[OPTION_LINES])
        return send_fail(EX_USAGE,
                         "%s: --host, --cosine, --drain and --resend-dead-letters read no file",
                         argv[optind]);
    options->file = files == 1 ? argv[optind] : "-";

    if (given[OPTION_LINES])
        options->input = SEND_LINES;
    else if (given[OPTION_HOST])
        options->input = SEND_HOST;
    else if (given[OPTION_COSINE])
        options->input = SEND_COSINE;
    else if (given[OPTION_DRAIN])
        options->input = SEND_DRAIN;
    else if (given[OPTION_LETTERS])
        options->input = SEND_LETTERS;
    else if (files == 0)
        return send_fail(EX_USAGE, "nothing to send: give FILE.npy, FILE.csv, - (standard input), "
                                   "--lines, --host or --cosine (--help says more)");
    else if (given[OPTION_CSV] || has_suffix(options->file, ".csv"))
        options->input = SEND_CSV;
    else if (has_suffix(options->file, ".npy") || strcmp(options->file, "-") == 0)
        options->input =
            options->dtype == DTYPE_NONE || has_suffix(options->file, ".npy") ? SEND_NPY : SEND_RAW;
    else if (options->dtype != DTYPE_NONE)
        options->input = SEND_RAW;
    else
        return send_fail(EX_USAGE,
                         "%s: is neither .npy nor .csv by its name: say --csv, or --dtype for "
                         "raw numbers",
                         options->file);
    return -1;
}

static int check(const bool *given, const struct send_options *options)
{
    static const char *const input_names[] = {
        [SEND_NPY] = ".npy input", [SEND_CSV] = "CSV input",
        [SEND_RAW] = "raw input",  [SEND_LINES] = "--lines",
        [SEND_HOST] = "--host",    [SEND_COSINE] = "--cosine",
        [SEND_DRAIN] = "--drain",  [SEND_LETTERS] = "--resend-dead-letters"};
    for (int code = 1; code < OPTION_END; code++)
        if (given[code] && (known_options[code].inputs & (int)options->input) == 0)
            return send_fail(EX_USAGE, "--%s means nothing to %s", known_options[code].name,
                             input_names[options->input]);
    if (given[OPTION_CSV] && options->input != SEND_CSV)
        return send_fail(EX_USAGE, "--csv means nothing to %s", input_names[options->input]);
    if (options->endpoint == NULL)
        return send_fail(EX_USAGE, "--connect URL is missing, as tcp://127.0.0.1:5570");
    const char *fault = strncmp(options->endpoint, "tcp://*:", 8) == 0
                            ? "names no host to connect to"
                            : endpoint_fault(options->endpoint);
    if (fault != NULL)
        return send_fail(EX_USAGE, "--connect %s: %s; write tcp://HOST:PORT or ipc:///PATH",
                         options->endpoint, fault);
    if (given[OPTION_KEY] != given[OPTION_SERVER_KEY])
        return send_fail(EX_USAGE, "--key and --server-key belong together");
    bool wants_queue = given[OPTION_QUEUE_SIZE] || given[OPTION_QUEUE_SYNC] ||
                       given[OPTION_DRAIN] || given[OPTION_LETTERS];
    if (wants_queue && options->queue == NULL)
        return send_fail(EX_USAGE, "--queue DIR is missing");
    bool is_file = ((int)options->input & FILES) != 0;
    if (is_file && options->series == NULL)
        return send_fail(EX_USAGE, "--series NAME is missing");
    if (given[OPTION_RATE] && given[OPTION_TIMES])
        return send_fail(EX_USAGE, "--rate and --times: give one of them");
    if ((options->input == SEND_NPY || options->input == SEND_RAW) && !given[OPTION_RATE] &&
        !given[OPTION_TIMES])
        return send_fail(EX_USAGE, "the samples have no times: give --rate HZ (and --t0 TIME), or "
                                   "--times T.npy");
    if (given[OPTION_T0] && is_file && !given[OPTION_RATE])
        return send_fail(EX_USAGE, "--t0 belongs to --rate HZ");
    if (given[OPTION_BATCH] && given[OPTION_INTERVAL])
        return send_fail(EX_USAGE, "--batch and --interval: give one of them");
    if (given[OPTION_T0] && options->input == SEND_COSINE && !given[OPTION_DURATION])
        return send_fail(EX_USAGE, "--cosine with --t0 needs --duration: it does not keep to the "
                                   "clock");
    return -1;
}

int send_options_parse(int argc, char **argv, struct send_options *ret_options)
{
    struct send_options options = {.is_durable = true,
                                   .timeout_ns = TIMEOUT_DEFAULT_NS,
                                   .seed = 1,
                                   .queue_sync_ms = QUEUE_SYNC_MS_DEFAULT};
    struct option table[OPTION_END] = {{0}};
    for (int code = 1; code < OPTION_END; code++)
        table[code - 1] = (struct option){
            .name = known_options[code].name,
            .has_arg = known_options[code].has_value ? required_argument : no_argument,
            .val = code};

    bool given[OPTION_END] = {false};
    opterr = 0;
    for (int code; (code = getopt_long(argc, argv, ":", table, NULL)) != -1;) {
        if (code == ':')
            return send_fail(EX_USAGE, "%s needs a value (--help says more)", argv[optind - 1]);
        if (code == '?' && optopt > 0 && optopt < OPTION_END)
            return send_fail(EX_USAGE, "--%s takes no value", known_options[optopt].name);
        if (code <= 0 || code >= OPTION_END)
            return send_fail(EX_USAGE, "unknown option %s (--help lists them)", argv[optind - 1]);
        if (code == OPTION_HELP)
            return send_print(EX_OK, "%s", help_text);
        if (code == OPTION_VERSION)
            return send_print(EX_OK, "ingest-send " INGEST_VERSION " (wire format 1)\n");
        if (known_options[code].has_value && !parse_value((enum option_code)code, optarg, &options))
            return send_fail(EX_USAGE, "--%s %s: not a value for it (--help says more)",
                             known_options[code].name, optarg);
        given[code] = true;
    }
    options.is_quiet = given[OPTION_QUIET];
    int status = choose_input(given, argc, argv, &options);
    if (status < 0)
        status = check(given, &options);
    if (status < 0)
        *ret_options = options;
    return status;
}
