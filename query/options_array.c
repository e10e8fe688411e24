/* The options that make an array file the input. */
#include "clock_ns.h"
#include "mapped_array.h"
#include "query_options.h"
#include "statistics_cells.h"
#include "units.h"

#include <string.h>

static int wrong(enum option_id id, const char *value, const char *wanted)
{
    return query_error(EX_USAGE, "--%s \"%s\": not %s", option_rules[id].name, value, wanted);
}

/* "5000,5000", "(5000,)", "()" or "-1,3". */
static bool convert_shape(const char *text, struct npy_shape *shape)
{
    char digits[24];
    size_t length = strlen(text), at = 0;
    if (length >= 2 && text[0] == '(' && text[length - 1] == ')') {
        text++;
        length -= 2;
        shape->rank = 0;
        if (length == 0)
            return true;
        if (text[length - 1] == ',')
            length--;
    }
    for (shape->rank = 0; shape->rank < NPY_RANK_MAX; shape->rank++) {
        size_t used = 0;
        while (at + used < length && text[at + used] != ',')
            used++;
        if (used >= sizeof digits)
            return false;
        memcpy(digits, text + at, used);
        digits[used] = '\0';
        if (shape->rank == 0 && strcmp(digits, "-1") == 0)
            shape->dims[0] = MAPPED_ARRAY_REST;
        else if (!units_parse_u64(digits, INT64_MAX, &shape->dims[shape->rank]))
            return false;
        at += used + 1;
        if (at > length) {
            shape->rank++;
            return true;
        }
    }
    return false;
}

static int convert_layout(const char *const values[OPTION_COUNT], struct array_options *array)
{
    const char *dtype = values[OPTION_DTYPE], *shape = values[OPTION_SHAPE];
    const char *offset = values[OPTION_OFFSET], *order = values[OPTION_ORDER];
    array->has_dtype = dtype != NULL;
    array->has_shape = shape != NULL;
    array->has_offset = offset != NULL;
    array->has_order = order != NULL;
    array->partial = values[OPTION_PARTIAL] != NULL;
    array->shape.rank = 1;
    array->shape.dims[0] = MAPPED_ARRAY_REST;
    if (dtype != NULL && !npy_dtype_parse(dtype, &array->shape))
        return wrong(OPTION_DTYPE, dtype,
                     "one of f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 bool, with < or > for the byte order");
    if (shape != NULL && !convert_shape(shape, &array->shape))
        return wrong(
            OPTION_SHAPE, shape,
            "dimensions (5000,5000), at most 8; the first may be -1: as many as there are");
    if (offset != NULL && !units_parse_u64(offset, INT64_MAX, &array->shape.header_bytes))
        return wrong(OPTION_OFFSET, offset, "a number of bytes");
    if (order != NULL && strcmp(order, "C") != 0 && strcmp(order, "F") != 0)
        return wrong(OPTION_ORDER, order, "C or F");
    array->shape.fortran_order = order != NULL && order[0] == 'F';
    if (offset != NULL && dtype == NULL)
        return query_error(EX_USAGE,
                           "--offset is of a raw file: say what is in it with --dtype, or leave it "
                           "out for a .npy file");
    if (values[OPTION_SLICE] != NULL &&
        !array_slices_parse(values[OPTION_SLICE], array->slices, &array->slices_count))
        return wrong(OPTION_SLICE, values[OPTION_SLICE],
                     "slices as in NumPy (1000:2000,::-2,5), at most one an axis");
    return 0;
}

static int convert_times(const char *const values[OPTION_COUNT],
                         const struct query_options *options, struct array_options *array)
{
    const char *period = values[OPTION_PERIOD], *t0 = values[OPTION_T0];
    array->stamps = values[OPTION_STAMPS];
    array->has_times = period != NULL || array->stamps != NULL;
    if (array->stamps != NULL && (period != NULL || t0 != NULL))
        return query_error(EX_USAGE, "--stamps and --%s cannot be given together",
                           period != NULL ? "period" : "t0");
    if (t0 != NULL && period == NULL)
        return query_error(EX_USAGE, "--t0 needs --period: how far rows are apart");
    if (period != NULL &&
        (!units_parse_duration_ns(period, &array->period_ns) || array->period_ns == 0))
        return wrong(OPTION_PERIOD, period, "a span of time above 0 (10ms)");
    if (t0 != NULL && !time_parse(t0, options->zone, clock_realtime_ns(), &array->t0_ns))
        return wrong(OPTION_T0, t0, "a time (2024-05-01T12:00:00Z, now, @1714564800)");
    return 0;
}

/* What asks for times that the rows do not have. */
static int check_times(enum query_command command, const char *const values[OPTION_COUNT],
                       const struct query_options *options)
{
    static const enum option_id timed[] = {OPTION_FROM, OPTION_TO, OPTION_WEIGHT, OPTION_TIME,
                                           OPTION_TIMES};
    static const char remedy[] = "the rows of an array have no times; give --period 10ms and --t0 "
                                 "T, or --stamps T.npy";
    if (options->array.has_times)
        return 0;
    for (size_t i = 0; i < sizeof timed / sizeof timed[0]; i++) {
        if (values[timed[i]] != NULL)
            return query_error(EX_USAGE, "--%s: %s", option_rules[timed[i]].name, remedy);
    }
    if (command == COMMAND_RESAMPLE)
        return query_error(EX_USAGE, "resample: %s", remedy);
    if (options->range.last.span_ns > 0)
        return query_error(EX_USAGE, "--last %s: %s", values[OPTION_LAST], remedy);
    if (options->window.span_ns > 0)
        return query_error(EX_USAGE, "a window of time: %s", remedy);
    return 0;
}

int options_convert_over(enum query_command command, const char *const values[OPTION_COUNT],
                         struct query_options *options)
{
    const char *over = values[OPTION_OVER];
    if (over != NULL && strcmp(over, "elements") == 0)
        options->over = OVER_ELEMENTS;
    else if (over != NULL && strcmp(over, "all") == 0)
        options->over = OVER_ALL;
    else if (over != NULL && strcmp(over, "time") != 0)
        return wrong(OPTION_OVER, over, "time, elements or all");
    if (options->over == OVER_ALL && command != COMMAND_STATS)
        return query_error(EX_USAGE, "--over all is of stats");
    if (options->over != OVER_TIME && values[OPTION_WEIGHT] != NULL)
        return query_error(EX_USAGE, "--over %s and --weight cannot be given together", over);
    if (options->over != OVER_TIME && options->window.given &&
        statistics_quantiles(options, NULL) > 0)
        return query_error(EX_USAGE,
                           "a rolling window --over %s has no median and percentiles; "
                           "resample --every D --over %s has them of buckets",
                           over, over);
    if (options->over != OVER_TIME && options->follow)
        return query_error(EX_USAGE, "--over %s and --follow cannot be given together", over);
    if (options->over != OVER_TIME && (options->wide || options->fill != FILL_NONE))
        return query_error(EX_USAGE, "--over %s does not go with --wide and --fill", over);
    if (command == COMMAND_STATS && options->over != OVER_ELEMENTS && values[OPTION_TIMES] != NULL)
        return query_error(EX_USAGE, "stats does not take --times without --over elements");
    return 0;
}

int options_convert_array(enum query_command command, const char *const values[OPTION_COUNT],
                          struct query_options *options)
{
    struct array_options *array = &options->array;
    array->file = values[OPTION_FILE];
    for (size_t i = OPTION_FILE + 1; array->file == NULL && i <= OPTION_STAMPS; i++) {
        if (values[i] != NULL)
            return query_error(EX_USAGE, "--%s goes with --file", option_rules[i].name);
    }
    if (array->file == NULL)
        return 0;
    if (values[OPTION_STORE] != NULL)
        return query_error(EX_USAGE, "--file and --store cannot be given together");
    if (options->names_count > 0)
        return query_error(EX_USAGE, "--file %s and series \"%s\" cannot be given together",
                           array->file, options->names[0]);
    int code = convert_layout(values, array);
    if (code == 0)
        code = convert_times(values, options, array);
    if (code == 0)
        code = check_times(command, values, options);
    /* Their numbers stand where times would. */
    if (code == 0 && !array->has_times)
        options->time_form = TIME_FORM_NS;
    return code;
}
