/* Ticks of a time axis. Steps up to an hour are a fixed number of nanoseconds, aligned to the wall
 * clock; longer ones are walked through the calendar, because days of 23 hours and months of 28
 * days exist. */
#include "checked.h"
#include "clock_ns.h"
#include "plot_axis.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum step_unit { STEP_NS, STEP_HOURS, STEP_DAYS, STEP_MONTHS, STEP_YEARS };

struct time_step {
    int64_t count; /* of the unit */
    enum step_unit unit;
    unsigned width; /* characters of its labels */
};

#define MINUTE_NS (60 * NS_PER_S)
#define HOUR_NS   (60 * MINUTE_NS)

static const struct time_step steps[] = {
    {1, STEP_NS, 6},
    {2, STEP_NS, 6},
    {5, STEP_NS, 6},
    {10, STEP_NS, 6},
    {20, STEP_NS, 6},
    {50, STEP_NS, 6},
    {100, STEP_NS, 6},
    {200, STEP_NS, 6},
    {500, STEP_NS, 6},
    {NS_PER_US, STEP_NS, 6},
    {2 * NS_PER_US, STEP_NS, 6},
    {5 * NS_PER_US, STEP_NS, 6},
    {10 * NS_PER_US, STEP_NS, 6},
    {20 * NS_PER_US, STEP_NS, 6},
    {50 * NS_PER_US, STEP_NS, 6},
    {100 * NS_PER_US, STEP_NS, 6},
    {200 * NS_PER_US, STEP_NS, 6},
    {500 * NS_PER_US, STEP_NS, 6},
    {NS_PER_MS, STEP_NS, 6},
    {2 * NS_PER_MS, STEP_NS, 6},
    {5 * NS_PER_MS, STEP_NS, 6},
    {10 * NS_PER_MS, STEP_NS, 6},
    {20 * NS_PER_MS, STEP_NS, 6},
    {50 * NS_PER_MS, STEP_NS, 6},
    {100 * NS_PER_MS, STEP_NS, 6},
    {200 * NS_PER_MS, STEP_NS, 6},
    {500 * NS_PER_MS, STEP_NS, 6},
    {NS_PER_S, STEP_NS, 8},
    {2 * NS_PER_S, STEP_NS, 8},
    {5 * NS_PER_S, STEP_NS, 8},
    {10 * NS_PER_S, STEP_NS, 8},
    {15 * NS_PER_S, STEP_NS, 8},
    {30 * NS_PER_S, STEP_NS, 8},
    {MINUTE_NS, STEP_NS, 5},
    {2 * MINUTE_NS, STEP_NS, 5},
    {5 * MINUTE_NS, STEP_NS, 5},
    {10 * MINUTE_NS, STEP_NS, 5},
    {15 * MINUTE_NS, STEP_NS, 5},
    {30 * MINUTE_NS, STEP_NS, 5},
    {HOUR_NS, STEP_NS, 5},
    {2, STEP_HOURS, 5},
    {3, STEP_HOURS, 5},
    {6, STEP_HOURS, 5},
    {12, STEP_HOURS, 5},
    {1, STEP_DAYS, 6},
    {2, STEP_DAYS, 6},
    {7, STEP_DAYS, 6},
    {14, STEP_DAYS, 6},
    {1, STEP_MONTHS, 4},
    {3, STEP_MONTHS, 4},
    {6, STEP_MONTHS, 4},
    {1, STEP_YEARS, 4},
    {2, STEP_YEARS, 4},
    {5, STEP_YEARS, 4},
    {10, STEP_YEARS, 4},
    {20, STEP_YEARS, 4},
    {50, STEP_YEARS, 4},
    {100, STEP_YEARS, 4},
    {200, STEP_YEARS, 4},
};
#define STEPS_COUNT (sizeof steps / sizeof steps[0])

static double step_length_ns(const struct time_step *step)
{
    static const double unit_ns[] = {
        [STEP_NS] = 1,
        [STEP_HOURS] = 3600e9,
        [STEP_DAYS] = 86400e9,
        [STEP_MONTHS] = 28 * 86400e9, /* the shortest, so that February's label fits */
        [STEP_YEARS] = 365 * 86400e9,
    };
    return (double)step->count * unit_ns[step->unit];
}

static void split_time(int64_t time_ns, enum time_zone zone, struct tm *ret_calendar,
                       int64_t *ret_fraction_ns)
{
    int64_t seconds = time_ns / NS_PER_S;
    int64_t fraction_ns = time_ns % NS_PER_S;
    if (fraction_ns < 0) {
        fraction_ns += NS_PER_S;
        seconds--;
    }
    time_t stamp = (time_t)seconds;
    memset(ret_calendar, 0, sizeof *ret_calendar);
    if (zone == TIME_ZONE_UTC)
        gmtime_r(&stamp, ret_calendar);
    else
        localtime_r(&stamp, ret_calendar);
    *ret_fraction_ns = fraction_ns;
}

static bool join_time(struct tm *calendar, enum time_zone zone, int64_t *ret_time_ns)
{
    calendar->tm_isdst = -1;
    time_t stamp = zone == TIME_ZONE_UTC ? timegm(calendar) : mktime(calendar);
    return checked_multiply_i64((int64_t)stamp, NS_PER_S, ret_time_ns);
}

/* What the ticks of one axis are written with. */
struct time_writer {
    struct axis *axis;
    const struct time_step *step;
    enum time_zone zone;
    int64_t low_ns;
    double span_ns;
    char context[AXIS_CONTEXT_BYTES]; /* in full, of the tick before */
    long offset_s;                    /* from UTC, of the tick before */
};

static void write_label(const struct time_step *step, const struct tm *calendar,
                        int64_t fraction_ns, char label[AXIS_LABEL_BYTES])
{
    if (step->unit == STEP_YEARS)
        snprintf(label, AXIS_LABEL_BYTES, "%d", calendar->tm_year + 1900);
    else if (step->unit == STEP_MONTHS)
        strftime(label, AXIS_LABEL_BYTES, "%b", calendar);
    else if (step->unit == STEP_DAYS)
        strftime(label, AXIS_LABEL_BYTES, "%b %d", calendar);
    else if (step->unit == STEP_HOURS || step->count >= MINUTE_NS)
        strftime(label, AXIS_LABEL_BYTES, "%H:%M", calendar);
    else if (step->count >= NS_PER_S)
        strftime(label, AXIS_LABEL_BYTES, "%H:%M:%S", calendar);
    else if (step->count >= NS_PER_MS)
        snprintf(label, AXIS_LABEL_BYTES, "%d ms", (int)(fraction_ns / NS_PER_MS));
    else if (step->count >= NS_PER_US)
        snprintf(label, AXIS_LABEL_BYTES, "%d µs", (int)(fraction_ns / NS_PER_US % 1000));
    else
        snprintf(label, AXIS_LABEL_BYTES, "%d ns", (int)(fraction_ns % 1000));
}

/* All that the label leaves out. */
static void write_context(const struct time_step *step, const struct tm *calendar,
                          int64_t fraction_ns, char context[AXIS_CONTEXT_BYTES])
{
    context[0] = '\0';
    if (step->unit == STEP_YEARS)
        return;
    if (step->unit == STEP_DAYS || step->unit == STEP_MONTHS) {
        snprintf(context, AXIS_CONTEXT_BYTES, "%d", calendar->tm_year + 1900);
        return;
    }
    bool seconds = step->unit == STEP_NS && step->count < NS_PER_S;
    size_t used =
        strftime(context, AXIS_CONTEXT_BYTES, seconds ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d", calendar);
    if (seconds && step->count < NS_PER_US)
        snprintf(context + used, AXIS_CONTEXT_BYTES - used, ".%06d",
                 (int)(fraction_ns / NS_PER_US));
    else if (seconds && step->count < NS_PER_MS)
        snprintf(context + used, AXIS_CONTEXT_BYTES - used, ".%03d",
                 (int)(fraction_ns / NS_PER_MS));
}

#define DATE_CHARACTERS   10 /* "2024-05-01" */
#define SECOND_CHARACTERS 19 /* "2024-05-01 12:00:00" */

/* Only what changed since the tick before. */
static const char *context_change(const char *before, const char *now)
{
    if (strcmp(before, now) == 0)
        return "";
    if (strlen(now) > DATE_CHARACTERS && strncmp(before, now, DATE_CHARACTERS) == 0) {
        if (strlen(now) > SECOND_CHARACTERS && strncmp(before, now, SECOND_CHARACTERS) == 0)
            return now + SECOND_CHARACTERS;
        return now + DATE_CHARACTERS + 1;
    }
    return now;
}

/* False when the axis is full. */
static bool write_tick(struct time_writer *writer, int64_t time_ns)
{
    if (writer->axis->count == AXIS_TICKS_MAX)
        return false;
    struct tm calendar;
    int64_t fraction_ns;
    split_time(time_ns, writer->zone, &calendar, &fraction_ns);
    struct axis_tick *tick = &writer->axis->ticks[writer->axis->count];
    uint64_t distance_ns = (uint64_t)time_ns - (uint64_t)writer->low_ns;
    tick->position = (double)distance_ns / writer->span_ns;
    write_label(writer->step, &calendar, fraction_ns, tick->label);
    char context[AXIS_CONTEXT_BYTES];
    write_context(writer->step, &calendar, fraction_ns, context);
    bool clock_change = writer->axis->count > 0 && calendar.tm_gmtoff != writer->offset_s &&
                        writer->step->unit <= STEP_HOURS;
    const char *shown =
        writer->axis->count == 0 ? context : context_change(writer->context, context);
    /* When the clocks go back, 02:30 comes twice: the zone's name tells the two apart. */
    if (clock_change)
        snprintf(tick->context, sizeof tick->context, "%.36s %.10s", context, calendar.tm_zone);
    else
        memcpy(tick->context, shown, strlen(shown) + 1);
    memcpy(writer->context, context, sizeof context);
    writer->offset_s = calendar.tm_gmtoff;
    writer->axis->count++;
    return true;
}

static void walk_fixed(struct time_writer *writer, int64_t high_ns)
{
    struct tm calendar;
    int64_t unused;
    split_time(writer->low_ns, writer->zone, &calendar, &unused);
    int64_t step_ns = writer->step->count;
    int64_t offset_ns = (int64_t)calendar.tm_gmtoff * NS_PER_S;
    /* The distance to the next multiple of the step on the wall clock, without leaving int64. */
    int64_t past_ns = (writer->low_ns % step_ns + offset_ns % step_ns) % step_ns;
    if (past_ns < 0)
        past_ns += step_ns;
    int64_t time_ns = writer->low_ns;
    if (past_ns > 0 && !checked_add_i64(time_ns, step_ns - past_ns, &time_ns))
        return;
    while (time_ns <= high_ns && write_tick(writer, time_ns))
        if (!checked_add_i64(time_ns, step_ns, &time_ns))
            return;
}

/* The last calendar point at or before `calendar` where the step's ticks may stand. */
static void calendar_align(const struct time_step *step, struct tm *calendar)
{
    int count = (int)step->count;
    calendar->tm_min = calendar->tm_sec = 0;
    if (step->unit == STEP_HOURS) {
        calendar->tm_hour -= calendar->tm_hour % count;
        return;
    }
    calendar->tm_hour = 0;
    if (step->unit == STEP_DAYS) {
        struct tm day = *calendar;
        int64_t number = (int64_t)timegm(&day) / 86400;
        int64_t past = (number + 3) % count; /* weeks begin on Monday; 1970-01-01 was a Thursday */
        calendar->tm_mday -= (int)(past < 0 ? past + count : past);
        return;
    }
    calendar->tm_mday = 1;
    if (step->unit == STEP_MONTHS) {
        calendar->tm_mon -= calendar->tm_mon % count;
        return;
    }
    calendar->tm_mon = 0;
    calendar->tm_year -= (calendar->tm_year + 1900) % count;
}

static void walk_calendar(struct time_writer *writer, int64_t high_ns)
{
    struct tm start;
    int64_t unused;
    split_time(writer->low_ns, writer->zone, &start, &unused);
    calendar_align(writer->step, &start);
    int64_t before_ns = INT64_MIN;
    for (int number = 0; number <= 2 * AXIS_TICKS_MAX; number++) {
        struct tm calendar = start;
        int change = number * (int)writer->step->count;
        if (writer->step->unit == STEP_HOURS)
            calendar.tm_hour += change;
        else if (writer->step->unit == STEP_DAYS)
            calendar.tm_mday += change;
        else if (writer->step->unit == STEP_MONTHS)
            calendar.tm_mon += change;
        else
            calendar.tm_year += change;
        int64_t time_ns;
        /* Hours that a change of the clocks leaves out come back as the hour after: once is enough.
         */
        if (!join_time(&calendar, writer->zone, &time_ns) || time_ns < writer->low_ns ||
            time_ns <= before_ns)
            continue;
        if (time_ns > high_ns || !write_tick(writer, time_ns))
            return;
        before_ns = time_ns;
    }
}

void axis_times(int64_t low_ns, int64_t high_ns, unsigned width, enum time_zone zone,
                struct axis *ret_axis)
{
    ret_axis->count = 0;
    uint64_t span_ns = (uint64_t)high_ns - (uint64_t)low_ns;
    struct time_writer writer = {.axis = ret_axis, .zone = zone, .low_ns = low_ns};
    writer.span_ns = span_ns == 0 ? 1 : (double)span_ns;
    size_t choice = 0;
    while (choice + 1 < STEPS_COUNT &&
           (width * step_length_ns(&steps[choice]) / writer.span_ns < steps[choice].width + 4.0 ||
            writer.span_ns / step_length_ns(&steps[choice]) > AXIS_TICKS_MAX - 4))
        choice++;
    /* Two ticks at the least, where a finer step can give them: one alone gives no scale. */
    for (;;) {
        writer.step = &steps[choice];
        ret_axis->count = 0;
        if (writer.step->unit == STEP_NS)
            walk_fixed(&writer, high_ns);
        else
            walk_calendar(&writer, high_ns);
        if (ret_axis->count >= 2 || choice == 0 ||
            width * step_length_ns(&steps[choice - 1]) / writer.span_ns <
                steps[choice - 1].width + 1.0)
            return;
        choice--;
    }
}

const char *axis_zone_text(int64_t time_ns, enum time_zone zone, char *buffer, size_t buffer_bytes)
{
    struct tm calendar;
    int64_t unused;
    split_time(time_ns, zone, &calendar, &unused);
    const char *name = zone == TIME_ZONE_UTC ? "UTC" : calendar.tm_zone;
    snprintf(buffer, buffer_bytes, "%s", name);
    return buffer;
}
