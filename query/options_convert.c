/* From the values of options to what they mean. Every mistake names the option and what it takes.
 */
#include "clock_ns.h"
#include "jobs.h"
#include "query_options.h"
#include "units.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ELEMENTS_MAX 10000

static int wrong(enum option_id id, const char *value, const char *wanted)
{
    return query_error(EX_USAGE, "--%s \"%s\": not %s", option_rules[id].name, value, wanted);
}

static int conflict(enum option_id a, enum option_id b)
{
    return query_error(EX_USAGE, "--%s and --%s cannot be given together", option_rules[a].name,
                       option_rules[b].name);
}

/* A number of rows, or a span of time. */
static int convert_length(enum option_id id, const char *value, struct query_length *ret_length)
{
    struct query_length length = {.given = true};
    if (units_parse_u64(value, UINT64_MAX, &length.rows)) {
        if (length.rows == 0 && id != OPTION_LAST)
            return wrong(id, value, "a number of rows above 0");
    } else if (!units_parse_duration_ns(value, &length.span_ns) || length.span_ns == 0) {
        return wrong(id, value, "a number of rows (200) or a span of time (10s)");
    }
    *ret_length = length;
    return 0;
}

static int convert_time(enum option_id id, const char *value, enum time_zone zone, int64_t now_ns,
                        int64_t *ret_ns)
{
    if (!time_parse(value, zone, now_ns, ret_ns))
        return wrong(id, value,
                     "a time (2024-05-01T12:00:00Z, 2024-05-01, 12:30, now, -10m, @1714564800)");
    return 0;
}

static int convert_range(const char *const values[OPTION_COUNT], struct query_options *options)
{
    struct query_range *range = &options->range;
    int64_t now_ns = clock_realtime_ns();
    int code = 0;
    options->zone = values[OPTION_UTC] != NULL ? TIME_ZONE_UTC : TIME_ZONE_LOCAL;
    range->has_from = values[OPTION_FROM] != NULL;
    range->has_to = values[OPTION_TO] != NULL;
    range->has_first = values[OPTION_FIRST] != NULL;
    if (values[OPTION_LAST] != NULL && range->has_first)
        return conflict(OPTION_LAST, OPTION_FIRST);
    if (range->has_from)
        code =
            convert_time(OPTION_FROM, values[OPTION_FROM], options->zone, now_ns, &range->from_ns);
    if (code == 0 && range->has_to)
        code = convert_time(OPTION_TO, values[OPTION_TO], options->zone, now_ns, &range->to_ns);
    if (code == 0 && values[OPTION_LAST] != NULL)
        code = convert_length(OPTION_LAST, values[OPTION_LAST], &range->last);
    if (code == 0 && range->has_first &&
        !units_parse_u64(values[OPTION_FIRST], UINT64_MAX, &range->first_rows))
        code = wrong(OPTION_FIRST, values[OPTION_FIRST], "a number of rows");
    return code;
}

static bool has_statistic(const struct query_options *options,
                          const struct stats_statistic *statistic)
{
    for (size_t i = 0; i < options->statistics_count; i++) {
        if (strcmp(options->statistics[i].text, statistic->text) == 0)
            return true;
    }
    return false;
}

static int convert_statistics(const char *list, struct query_options *options)
{
    size_t capacity = 1;
    for (const char *at = list; *at != '\0'; at++)
        capacity += *at == ',';
    if (capacity > STATISTICS_MAX)
        return query_error(EX_USAGE, "--stat: more than %d statistics", STATISTICS_MAX);
    options->statistics = calloc(capacity, sizeof *options->statistics);
    if (options->statistics == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    for (const char *at = list;; at++) {
        struct stats_statistic *statistic = &options->statistics[options->statistics_count];
        size_t bytes = strcspn(at, ",");
        if (!stats_statistic_parse(at, bytes, statistic))
            return wrong(OPTION_STAT, list,
                         "a list of mean,var,std,min,max,sum,rms,count,missing,median,p95 (p0 to "
                         "p100, also p12.5)");
        if (has_statistic(options, statistic))
            return query_error(EX_USAGE, "--stat \"%s\": %s stands there twice", list,
                               statistic->text);
        options->statistics_count++;
        at += bytes;
        if (*at == '\0')
            return 0;
    }
}

static int default_statistics(enum query_command command, struct query_options *options)
{
    if (command == COMMAND_STATS)
        return convert_statistics("mean,var,std,min,max,sum,rms,count,missing", options);
    return convert_statistics(command == COMMAND_PLOT ? "mean" : "mean,var", options);
}

static int convert_rules(const char *const values[OPTION_COUNT], struct query_options *options)
{
    const char *ddof = values[OPTION_DDOF], *nan = values[OPTION_NAN];
    const char *count = values[OPTION_MIN_COUNT];
    if (ddof != NULL) {
        if (strcmp(ddof, "0") != 0 && strcmp(ddof, "1") != 0)
            return wrong(OPTION_DDOF, ddof, "0 or 1");
        options->rules.ddof = ddof[0] == '1';
    }
    if (nan != NULL) {
        if (strcmp(nan, "skip") != 0 && strcmp(nan, "propagate") != 0)
            return wrong(OPTION_NAN, nan, "skip or propagate");
        options->rules.propagate_nan = nan[0] == 'p';
    }
    if (values[OPTION_WEIGHT] != NULL) {
        if (strcmp(values[OPTION_WEIGHT], "time") != 0)
            return wrong(OPTION_WEIGHT, values[OPTION_WEIGHT], "time");
        if (count != NULL)
            return conflict(OPTION_WEIGHT, OPTION_MIN_COUNT);
        if (options->rules.ddof != 0)
            return query_error(EX_USAGE, "--weight time and --ddof 1 cannot be given together: a "
                                         "time has no number");
        options->weight_time = true;
    }
    if (count != NULL && !units_parse_u64(count, UINT64_MAX, &options->rules.min_count))
        return wrong(OPTION_MIN_COUNT, count, "a number of samples");
    return 0;
}

static int convert_elements(const char *list, struct query_options *options)
{
    size_t capacity = 1;
    for (const char *at = list; *at != '\0'; at++)
        capacity += *at == ',';
    if (capacity > ELEMENTS_MAX)
        return query_error(EX_USAGE, "--element: more than %d elements", ELEMENTS_MAX);
    options->elements = calloc(capacity, sizeof *options->elements);
    if (options->elements == NULL)
        return query_error(QUERY_FAILED, "out of memory");
    for (const char *at = list;; at++) {
        char number[24];
        size_t bytes = strcspn(at, ",");
        if (bytes >= sizeof number)
            return wrong(OPTION_ELEMENT, list, "a list of numbers from 0 on");
        memcpy(number, at, bytes);
        number[bytes] = '\0';
        uint64_t element;
        if (!units_parse_u64(number, UINT64_MAX, &element))
            return wrong(OPTION_ELEMENT, list, "a list of numbers from 0 on");
        for (size_t i = 0; i < options->elements_count; i++) {
            if (options->elements[i] == element)
                return query_error(EX_USAGE, "--element \"%s\": %s stands there twice", list,
                                   number);
        }
        options->elements[options->elements_count++] = element;
        at += bytes;
        if (*at == '\0')
            return 0;
    }
}

static int convert_fill(const char *const values[OPTION_COUNT], struct query_options *options)
{
    static const char *const fills[] = {"none", "null", "previous"};
    const char *fill = values[OPTION_FILL];
    while (fill != NULL && strcmp(fill, fills[options->fill]) != 0) {
        if (options->fill == FILL_PREVIOUS)
            return wrong(OPTION_FILL, fill, "none, null or previous");
        options->fill++;
    }
    options->wide = values[OPTION_WIDE] != NULL;
    return options->wide && values[OPTION_JOBS] != NULL ? conflict(OPTION_WIDE, OPTION_JOBS) : 0;
}

static int convert_windows(enum query_command command, const char *const values[OPTION_COUNT],
                           struct query_options *options)
{
    const char *every = values[OPTION_EVERY], *step = values[OPTION_STEP];
    int code = 0;
    if (command == COMMAND_RESAMPLE && every == NULL)
        return query_error(EX_USAGE, "resample needs --every D (--every 1m)");
    if (command == COMMAND_ROLLING && values[OPTION_WINDOW] == NULL)
        return query_error(EX_USAGE, "rolling needs --window N or D (--window 200, --window 10s)");
    if (every != NULL &&
        (!units_parse_duration_ns(every, &options->every_ns) || options->every_ns == 0))
        return wrong(OPTION_EVERY, every, "a span of time above 0 (1m, 250ms, 1d)");
    code = convert_fill(values, options);
    if (code != 0)
        return code;
    if (step != NULL && (!units_parse_u64(step, UINT64_MAX, &options->step) || options->step == 0))
        return wrong(OPTION_STEP, step, "a number above 0");
    if (values[OPTION_WINDOW] != NULL)
        code = convert_length(OPTION_WINDOW, values[OPTION_WINDOW], &options->window);
    if (code == 0 && values[OPTION_ROLLING] != NULL)
        code = convert_length(OPTION_ROLLING, values[OPTION_ROLLING], &options->window);
    return code;
}

/* Those of plot, tail and status. */
static int convert_own(enum query_command command, const char *const values[OPTION_COUNT],
                       struct query_options *options)
{
    static const enum option_id sizes[] = {OPTION_WIDTH, OPTION_HEIGHT};
    for (size_t i = 0; i < 2; i++) {
        const char *value = values[sizes[i]];
        uint64_t size;
        if (value == NULL)
            continue;
        if (!units_parse_u64(value, 20000, &size) || size == 0)
            return wrong(sizes[i], value, "a number from 1 to 20000");
        *(i == 0 ? &options->width : &options->height) = (unsigned)size;
    }
    if (command == COMMAND_PLOT && values[OPTION_ROLLING] == NULL && values[OPTION_OVER] == NULL) {
        static const enum option_id windowed[] = {OPTION_STAT, OPTION_DDOF, OPTION_NAN,
                                                  OPTION_MIN_COUNT, OPTION_WEIGHT};
        for (size_t i = 0; i < 5; i++) {
            if (values[windowed[i]] != NULL)
                return query_error(EX_USAGE, "plot takes --%s only with --rolling or --over",
                                   option_rules[windowed[i]].name);
        }
    }
    const char *lines = values[OPTION_LINES], *age = values[OPTION_MAX_AGE];
    uint64_t jobs = 0;
    if (values[OPTION_JOBS] != NULL &&
        (!units_parse_u64(values[OPTION_JOBS], JOBS_THREADS_MAX, &jobs) || jobs == 0))
        return wrong(OPTION_JOBS, values[OPTION_JOBS], "a number from 1 to 1024");
    options->jobs = (unsigned)jobs;
    if (lines != NULL && !units_parse_u64(lines, UINT64_MAX, &options->lines))
        return wrong(OPTION_LINES, lines, "a number of rows");
    options->follow = values[OPTION_FOLLOW] != NULL;
    options->ascii = values[OPTION_ASCII] != NULL;
    options->gateways = values[OPTION_GATEWAYS] != NULL;
    options->has_max_age = age != NULL;
    if (age != NULL && (!units_parse_duration_ns(age, &options->max_age_ns)))
        return wrong(OPTION_MAX_AGE, age, "a span of time (5m)");
    return 0;
}

static int check_npy(const struct query_options *options, const char *time_form)
{
    if (options->format != FORMAT_NPY) {
        if (options->times_path != NULL)
            return query_error(EX_USAGE, "--times goes with --format npy");
        return 0;
    }
    if (time_form != NULL)
        return query_error(EX_USAGE, "--time does not go with --format npy; see --times");
    if (options->output_path == NULL && isatty(STDOUT_FILENO))
        return query_error(EX_USAGE, "npy is not for a terminal: give -o FILE or redirect");
    if (options->output_path != NULL && options->times_path != NULL &&
        strcmp(options->output_path, options->times_path) == 0)
        return query_error(EX_USAGE, "-o and --times name the same file");
    return 0;
}

/* It goes on behind the range's end, and ends when it is interrupted. */
static int check_follow(const struct query_options *options, const char *const values[OPTION_COUNT])
{
    static const enum option_id ends[] = {OPTION_TO, OPTION_FIRST, OPTION_FILE, OPTION_JOBS,
                                          OPTION_TIMES};
    if (options->output_path != NULL)
        return query_error(EX_USAGE,
                           "--follow does not go with -o, which shows a file only when it is "
                           "complete; redirect instead");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (values[ends[i]] != NULL)
            return conflict(OPTION_FOLLOW, ends[i]);
    }
    if (options->format == FORMAT_NPY)
        return query_error(EX_USAGE, "--follow has no --format npy");
    return 0;
}

static int convert_output(enum query_command command, const char *const values[OPTION_COUNT],
                          struct query_options *options)
{
    static const char *const formats[] = {"table", "csv", "json", "npy"};
    const char *format = values[OPTION_FORMAT], *form = values[OPTION_TIME];
    options->output_path = values[OPTION_OUTPUT];
    options->times_path = values[OPTION_TIMES];
    for (unsigned i = 0; format != NULL; i++) {
        if (i > FORMAT_NPY)
            return wrong(OPTION_FORMAT, format, "table, csv, json or npy");
        if (strcmp(format, formats[i]) == 0) {
            if ((command_rules[command].formats & 1U << i) == 0)
                return query_error(EX_USAGE, "%s has no --format %s", command_rules[command].name,
                                   format);
            options->format = (enum query_format)i;
            break;
        }
    }
    if (form != NULL && strcmp(form, "iso") != 0 && strcmp(form, "ns") != 0)
        return wrong(OPTION_TIME, form, "iso or ns");
    if (form != NULL)
        options->time_form = form[0] == 'n' ? TIME_FORM_NS : TIME_FORM_ISO;
    else
        options->time_form = options->format == FORMAT_JSON ? TIME_FORM_NS : TIME_FORM_ISO;
    if (options->output_path != NULL && options->output_path[0] == '\0')
        return wrong(OPTION_OUTPUT, "", "the name of a file");
    if (options->output_path != NULL && strcmp(options->output_path, "-") == 0)
        options->output_path = NULL;
    int code = options->follow ? check_follow(options, values) : 0;
    return code != 0 ? code : check_npy(options, form);
}

int options_convert(enum query_command command, const char *const values[OPTION_COUNT],
                    struct query_options *options)
{
    int code = convert_range(values, options);
    if (code == 0)
        code = convert_rules(values, options);
    if (code == 0)
        code = values[OPTION_STAT] != NULL ? convert_statistics(values[OPTION_STAT], options)
                                           : default_statistics(command, options);
    if (code == 0 && values[OPTION_ELEMENT] != NULL)
        code = convert_elements(values[OPTION_ELEMENT], options);
    if (code == 0)
        code = convert_windows(command, values, options);
    if (code == 0)
        code = convert_own(command, values, options);
    if (code == 0)
        code = options_convert_over(command, values, options);
    if (code == 0)
        code = convert_output(command, values, options);
    if (code == 0)
        code = options_convert_array(command, values, options);
    return code;
}
